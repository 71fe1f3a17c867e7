"""Changing keys of a configuration file: what was meant is read back, and every other character stays."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.difference import difference
from edge.config.document import parse_document
from edge.config.draft import Draft, Edits
from edge.config.keys import defaults, found_in
from edge.config.loader import load_config
from edge.config.schema import Config
from edge.config.yaml_editor import as_yaml, edited
from edge.errors import ConfigError
from tests.support.paths import ROOT

SHIPPED = (ROOT / "config.yaml").read_text()
PATH = Path("config.yaml")


def edit(text: str, *removed: str, **values: Any) -> str:
    """Edits keys, with __ for the dot."""
    edits = Edits({name.replace("__", "."): value for name, value in values.items()}, removed)
    return edited(text, edits, SHIPPED, PATH)


def read(text: str, key: str) -> Any:
    return found_in(parse_document(text.encode(), PATH).values, key, defaults()[key])


def changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")]


def test_one_value_of_the_shipped_file_changes_one_line_and_its_comment_keeps_its_column() -> None:
    after = edit(SHIPPED, camera__rotation=90)
    assert changed_lines(SHIPPED, after) == [
        "-  rotation: 0             # degrees clockwise: 180 if the camera is mounted upside down; also 90, 270",
        "+  rotation: 90            # degrees clockwise: 180 if the camera is mounted upside down; also 90, 270",
    ]


def test_every_key_of_the_shipped_file_can_be_set_to_its_default_without_changing_what_it_means() -> None:
    after = edited(SHIPPED, Edits(defaults()), SHIPPED, PATH)
    assert [read(after, key) for key in defaults()] == list(defaults().values())
    assert [line for line in SHIPPED.splitlines() if line.lstrip().startswith("#")] == [
        line for line in after.splitlines() if line.lstrip().startswith("#")
    ]


STRANGE = """\
# top
device:
    name:   "room-1"   # x
    prefix: &p 'classroom'
camera: {source: auto,  rotation: 0}   # flow
privacy:
    schedule:   # lessons
    # before
    - {days: [mon, tue], from: 12:00, to: "13:00"}
    - from: 08:00   # early
      to: 09:00
    min_faces: 7
mqtt: &m
    username: no

# next
deployment:
    responsible: 0123
    legal_basis: |
      a vote
      of 2026
homeassistant:
    prefix: *p
window:
"""


@pytest.mark.parametrize(
    ("key", "value", "lines"),
    [
        ("device.name", "hall", ['-    name:   "room-1"   # x', '+    name:   "hall"     # x']),
        ("camera.rotation", 90, None),
        ("camera.hflip", True, None),
        ("mqtt.password_file", "/p", None),
        ("mqtt.username", "yes", ["-    username: no", "+    username: 'yes'"]),
        ("deployment.responsible", "Jane: #1", ["-    responsible: 0123", "+    responsible: 'Jane: #1'"]),
        ("deployment.legal_basis", "a\nb", None),
        ("homeassistant.prefix", "ha", ["-    prefix: *p", "+    prefix: ha"]),
        ("window.seconds", 5, ["+  seconds: 5             # length of a window; one message per window"]),
        ("mode", "headcount", None),
        ("health.seconds", 60, None),
        ("privacy.schedule", [], None),
        (
            "privacy.schedule",
            [{"from": "10:00", "to": "11:00"}, {"days": ["sun"], "from": "00:00", "to": "00:00"}],
            None,
        ),
        ("privacy.min_faces", 9, ["-    min_faces: 7", "+    min_faces: 9"]),
    ],
)
def test_a_file_in_any_style_keeps_its_own(key: str, value: Any, lines: list[str] | None) -> None:
    after = edit(STRANGE, **{key.replace(".", "__"): value})
    assert read(after, key) == value
    if lines is not None:
        assert changed_lines(STRANGE, after) == lines
    kept = {"# top", "# x", "# flow", "# next"}
    assert {mark for mark in kept if mark in after} == kept


def test_a_new_key_stands_in_its_section_before_the_comment_of_the_next_with_the_shipped_comment() -> None:
    after = edit(STRANGE, mqtt__keepalive=60)
    assert "    username: no\n    keepalive: 60           # seconds\n\n# next\n" in after


def test_a_file_that_is_changed_ends_as_a_whole_one_does() -> None:
    assert edit("mode: headcount", mode="emotions") == "mode: emotions\n"
    assert edit("mode: headcount\r\nwindow: {seconds: 3}", mode="emotions").endswith("3}\r\n")


def test_a_file_of_which_nothing_is_left_is_not_empty(tmp_path: Path) -> None:
    """An empty one would be refused."""
    file = tmp_path / "config.yaml"
    file.write_text(edited("nonsense: 1\r\n", Edits({}, ("nonsense",)), SHIPPED, file))
    assert load_config(file) == Config()
    assert "mode: headcount" in edit(file.read_text(), mode="headcount")
    file.write_text(as_yaml({}))  # what `edge setup --export` prints
    assert load_config(file) == Config()


def test_polygons_stand_one_in_a_line() -> None:
    pauses = [{"from": "10:00", "to": "11:00"}, {"from": "12:00", "to": "13:00"}]
    after = edit(SHIPPED, privacy__schedule=pauses)
    assert "    - {from: '10:00', to: '11:00'}\n    - {from: '12:00', to: '13:00'}\n" in after
    assert edit(after, privacy__schedule=[]).count("schedule: []") == 1


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "\ufeffdevice: {name: a}\n", "device:\r\n  name: a\r\n", "---\nmode: facing\n"]
)
def test_short_files_in_any_coding_of_lines(text: str) -> None:
    after = edit(text, device__name="hall", deployment__responsible="Jane", mode="headcount")
    assert (read(after, "device.name"), read(after, "mode")) == ("hall", "headcount")
    assert ("\r\n" in after) == ("\r\n" in text)
    assert "\r\n" not in text or after.count("\n") == after.count("\r\n")


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("device: &d {name: a}\nmqtt: *d\n", "mqtt.keepalive", 60),  # the section belongs to another
        ("device:\n  name: &n a\nhomeassistant: {prefix: *n}\n", "device.name", "b"),  # the anchor is used
        ("device: [1]\n", "device.name", "b"),
    ],
)
def test_what_would_change_other_keys_is_refused(text: str, key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match="cannot be changed from here: change it in the file by hand"):
        edit(text, **{key.replace(".", "__"): value})


TRIANGLES = [[[0, 0], [0.3, 0], [0.3, 0.3]], [[0, 0], [0.1, 0], [0.1, 0.1]]]
LINES = "    - [[0, 0], [0.3, 0], [0.3, 0.3]]\n    - [[0, 0], [0.1, 0], [0.1, 0.1]]\n"
BLOCK = "camera:\n  source: auto # c\n  masks:\n  - [[0,0],[1,0],[1,1]]\n  # after\n  rotation: 0\n"
FLOW = "camera:\n  masks: [[[0,0],[1,0],[1,1]],\n    [[0,0],[.5,0],[.5,.5]]]  # x\n  rotation: 0\n"


@pytest.mark.parametrize(
    ("text", "value", "after"),
    [
        (
            BLOCK,
            TRIANGLES,
            f"camera:\n  source: auto # c\n  masks:\n{LINES}  # after\n  rotation: 0\n",
        ),
        (BLOCK, [], "camera:\n  source: auto # c\n  masks: []\n  # after\n  rotation: 0\n"),
        (
            FLOW,
            TRIANGLES,
            f"camera:\n  masks:  # x\n{LINES}  rotation: 0\n",
        ),
        (FLOW, [], "camera:\n  masks: []  # x\n  rotation: 0\n"),
    ],
)
def test_masks_however_they_were_written(text: str, value: Any, after: str) -> None:
    assert edit(text, camera__masks=value) == after


def test_unknown_keys_can_be_taken_out() -> None:
    text = "device:\n  name: a # x\n  nam: b # typo\ncamera: {sourc: 1, source: sample}\nfoo:\n  - 1\n  - 2\n"
    after = edit(text, "device.nam", "camera.sourc", "foo")
    assert after == "device:\n  name: a # x\ncamera: {source: sample}\n"


TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\x85\u2028\u2029"), min_size=0, max_size=30
)


@settings(max_examples=50)
@given(
    text=st.sampled_from(
        [SHIPPED, STRANGE, "", "deployment: {responsible: a}\n", "deployment:\n    legal_basis: 'x'\n"]
    ),
    responsible=TEXTS,
    seconds=st.floats(1, 3600),
    faces=st.integers(1, 1000),
)
def test_any_text_and_number_is_read_back(text: str, responsible: str, seconds: float, faces: int) -> None:
    after = edit(text, deployment__responsible=responsible, window__seconds=seconds, privacy__min_faces=faces)
    assert read(after, "deployment.responsible") == responsible
    assert (read(after, "window.seconds"), read(after, "privacy.min_faces")) == (seconds, faces)


def test_an_export_is_a_configuration_that_says_the_same(tmp_path: Path) -> None:
    draft = Draft(SHIPPED.encode(), PATH)
    pauses = [{"days": ["mon"], "from": "10:00", "to": "11:00"}]
    draft.change(draft.revision, {"privacy.schedule": pauses, "mode": "headcount", "privacy.time_zone": "UTC"})
    file = tmp_path / "c.yaml"
    file.write_text(as_yaml(draft.differing()))
    assert load_config(file) == draft.config()
    assert "name" not in file.read_text()


def test_a_difference_shows_no_password_of_an_address() -> None:
    after = edit(SHIPPED, camera__source="rtsp://admin:geheim@10.0.0.9/stream?token=geheim")
    shown = difference(SHIPPED, after, "config.yaml")
    assert "geheim" not in shown
    assert "rtsp://***@10.0.0.9/***" in shown
