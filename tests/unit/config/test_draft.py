"""A configuration that is being changed: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from edge.config.draft import Draft, StaleDraftError
from edge.config.keys import defaults, keys
from edge.config.value_check import RefusedChangeError
from edge.config.yaml_editor import edited
from edge.errors import ConfigError, EdgeError
from tests.support.paths import ROOT

SHIPPED = (ROOT / "config.yaml").read_bytes()


def draft(text: str | bytes = SHIPPED, *overrides: str, **environment: str) -> Draft:
    data = text if isinstance(text, bytes) else text.encode()
    return Draft(data, Path("config.yaml"), overrides, environment)


def change(here: Draft, *unset: str, **values: Any) -> None:
    here.change(here.revision, {name.replace("__", "."): value for name, value in values.items()}, unset)


def test_it_has_every_key_of_the_schema_and_begins_with_what_the_file_says() -> None:
    here = draft()
    assert set(here.shown()) == set(keys()) == set(defaults())
    assert here.shown() == defaults()
    assert draft("device: {name: 0123}\nmode:\n").shown()["device.name"] == "0123"


def test_a_change_is_all_or_nothing_and_has_another_revision() -> None:
    here = draft()
    before = here.revision
    change(here, camera__rotation=90, window__seconds=5)
    assert here.revision == before + 1
    assert (here.shown()["camera.rotation"], here.shown()["window.seconds"]) == (90, 5)
    with pytest.raises(RefusedChangeError):
        change(here, camera__rotation=180, window__seconds=0)
    assert here.shown()["camera.rotation"] == 90
    change(here, "camera.rotation")
    assert here.shown()["camera.rotation"] == 0
    change(here, "window.seconds")
    assert not here.edits.values  # as in the file: nothing is left to write


def test_two_who_change_at_once_do_not_overwrite_each_other() -> None:
    here = draft()
    seen = here.revision
    here.change(seen, {"mode": "facing"})
    with pytest.raises(StaleDraftError, match="somebody else has changed"):
        here.change(seen, {"mode": "headcount"})
    assert here.value("mode") == "facing"


def test_what_a_page_of_a_former_process_has_seen_is_of_no_draft() -> None:
    with pytest.raises(StaleDraftError):
        draft().change(draft().revision, {"mode": "facing"})


def test_one_that_has_ended_takes_nothing_more() -> None:
    here = draft()
    seen = here.revision
    change(here, mode="facing")
    with pytest.raises(StaleDraftError):
        here.end(seen)
    here.end(here.revision)
    for act in (
        here.change_beside,
        here.check,
        here.end,
        lambda revision: here.change(revision, {"mode": "headcount"}),
    ):
        with pytest.raises(EdgeError, match="nothing more is taken"):
            act(here.revision)
    here.go_on()
    change(here, mode="headcount")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("camera.rotation", 45, "found 45"),
        ("camera.rotation", "90", "found '90'"),
        ("camera.width", True, "found True"),
        ("camera.width", 1e300, "a number is too large"),
        ("camera.width", 10**400, "a number is too large"),
        ("camera.fps", "15", "found '15'"),
        ("camera.fps", float("nan"), "nan is not a number"),
        ("camera.fps", float("inf"), "inf is not a number"),
        ("camera.fps", None, "found None"),
        ("camera.hflip", 1, "found 1"),
        ("camera.source", "rtsp://", "found 'rtsp://'"),
        ("camera.source", ["usb:0"], "found ['usb:0']"),
        ("device.name", "a/b", "found 'a/b'"),
        ("device.name", "x" * 70000, "found 'xxx"),
        ("device.name", "\ud800", "cannot be written"),
        ("device", {"name": "a"}, "there is no key 'device'"),
        ("camera.masks.0", [], "there is no key 'camera.masks.0'"),
        ("__class__", 1, "there is no key '__class__'"),
        ("camera.__dict__", 1, "there is no key 'camera.__dict__'"),
        ("camera.model_config", {}, "there is no key"),
        ("", 1, "there is no key ''"),
        ("mqtt.broker", "http://x", "found 'http://x'"),
        ("privacy.schedule", [{"from": "25:00", "to": "1"}], "found"),
        ("privacy.schedule", [[[[[[[[[[]]]]]]]]]], "too many lists"),
        ("privacy.schedule", [{}], "0.from: is missing"),
        ("privacy.schedule", [{"from": "10:00", "to": "11:00"}] * 101, "found"),
    ],
)
def test_an_impossible_value_is_a_sentence_about_its_key(key: str, value: Any, words: str) -> None:
    here = draft()
    with pytest.raises(RefusedChangeError) as refused:
        here.change(here.revision, {key: value})
    assert words in refused.value.problem
    assert refused.value.key == key
    assert len(str(refused.value)) < 400
    assert not here.edits.values


def test_a_draft_may_be_incomplete_and_says_what_is_missing() -> None:
    here = draft()
    change(here, camera__source="usb:0")
    (missing,) = here.mistakes()
    assert missing.key == "camera.source"
    assert "deployment.responsible" in str(missing.problem)
    with pytest.raises(ConfigError, match=r"deployment\.responsible"):
        here.config()
    shown, problem = here.for_pictures()
    assert shown is not None
    assert (shown.camera.source, problem) == ("usb:0", "")  # nothing is published: it may be seen
    change(here, deployment__responsible="Jane", deployment__legal_basis="consent")
    assert here.mistakes() == []
    assert here.config().deployment.responsible == "Jane"


def test_a_file_with_mistakes_opens_with_what_is_right_and_says_the_rest() -> None:
    here = draft("camera: {rotation: 45, rotatoin: 90}\ndevice: {name: hall}\nwindow: {seconds: .nan}\n")
    problems = {each.key: str(each.problem) for each in here.mistakes()}
    assert problems["camera.rotatoin"] == "unknown key"
    assert problems["camera.rotation"] == "found 45"
    assert here.shown()["device.name"] == "hall"
    assert here.shown()["window.seconds"] == ".nan"
    change(here, "camera.rotatoin", camera__rotation=90, window__seconds=10)
    assert here.mistakes() == []
    with pytest.raises(ConfigError, match="not valid YAML"):
        draft("device: {name: [\n")


@pytest.mark.parametrize("written", ["yes", "true", "010"])
def test_what_is_no_number_is_told_and_replaced(written: str) -> None:
    text = f"privacy: {{min_faces: {written}}}\n"
    here = draft(text)
    assert here.shown()["privacy.min_faces"] == written
    assert [(each.key, str(each.problem)) for each in here.mistakes()] == [("privacy.min_faces", f"found '{written}'")]
    for refused in (True, "yes", "5", "010"):
        with pytest.raises(RefusedChangeError, match="allowed: a whole number from 1 to 1000"):
            change(here, privacy__min_faces=refused)
    change(here, privacy__min_faces=1)  # to Python true is equal to it, and nothing would be written
    assert edited(text, here.edits, "", Path("config.yaml")) == "privacy: {min_faces: 1}\n"
    assert not here.mistakes()


def test_no_picture_is_shown_while_it_is_not_clear_how_the_camera_is_set() -> None:
    shown, problem = draft("camera: {source: sample, rotation: 45}\n").for_pictures()
    assert shown is None
    assert "camera.rotation: found 45" in problem


def test_what_stands_above_the_file_is_shown_and_cannot_be_changed() -> None:
    here = draft(SHIPPED, "mode=headcount", EDGE_WINDOW__SECONDS="5")
    assert (here.shown()["mode"], here.shown()["window.seconds"]) == ("headcount", 5)
    assert here.locked == {"mode": "--set mode", "window.seconds": "environment EDGE_WINDOW__SECONDS"}
    for key, value in (("mode", "facing"), ("window.seconds", 10)):
        with pytest.raises(RefusedChangeError, match="which stands above the file"):
            here.change(here.revision, {key: value})
    assert here.differing() == {}


def test_a_whole_section_that_stands_above_the_file_cannot_be_changed_either() -> None:
    here = draft(SHIPPED, "window={seconds: 7}")
    assert here.shown()["window.seconds"] == 7
    with pytest.raises(RefusedChangeError, match="--set window, which stands above"):
        here.change(here.revision, {"window.seconds": 5})


def test_a_password_in_an_address_is_not_shown_and_survives_that_the_shown_text_comes_back() -> None:
    address = "rtsp://admin:geheim@10.0.0.9/stream"
    here = draft(f"camera: {{source: '{address}'}}\n")
    shown = here.shown()["camera.source"]
    assert "geheim" not in shown
    change(here, camera__source=shown)
    assert here.value("camera.source") == address


ADDRESS = "rtsps://admin:geheim@10.0.0.9/stream"
BESIDE = f"mode: headcount\ncamera: {{source: '{ADDRESS}', ca_file: /etc/ca.pem}}\n"


def asked_again(here: Draft, file: str = BESIDE) -> bool:
    """Whether the address of the camera has to be typed again: nothing is opened, shown or saved before."""
    again = [each.key for each in here.mistakes()] == ["camera.source"]
    after = edited(file, here.edits, SHIPPED.decode(), Path("config.yaml")).encode()
    with pytest.raises(ConfigError, match="another camera.ca_file") if again else contextlib.nullcontext():
        here.config_of(after)
    assert (here.for_pictures()[0] is None) == again
    return again


@pytest.mark.parametrize("address", [ADDRESS, "rtsps://10.0.0.9/key", "https://10.0.0.9/x.jpg?token=geheim"])
@pytest.mark.parametrize("ca_file", [None, "/etc/other.pem"])
def test_another_ca_file_has_the_hidden_address_of_the_camera_typed_again(address: str, ca_file: str | None) -> None:
    file = BESIDE.replace(ADDRESS, address)
    here = draft(file)
    shown = here.shown()["camera.source"]
    assert not asked_again(here, file)
    change(here, camera__ca_file=ca_file)
    assert asked_again(here, file)
    change(here, camera__source=shown, camera__rotation=90)
    assert asked_again(here, file)
    assert here.for_pictures(shown)[0] is None
    change(here, camera__source="sample")
    with pytest.raises(RefusedChangeError, match="is not shown"):
        change(here, camera__source=shown)
    seen = here.revision
    change(here, camera__source=address)
    assert here.revision > seen
    assert not asked_again(here, file)
    change(here, camera__ca_file="/etc/third.pem")
    assert asked_again(here, file) == (ca_file is not None)  # where none was checked, any is better
    change(here, camera__ca_file="/etc/ca.pem")
    assert not asked_again(here, file)  # as the file has it


def test_another_address_can_be_tried_while_the_hidden_one_is_asked_for() -> None:
    here = draft(BESIDE)
    change(here, camera__ca_file=None)
    tried, _ = here.for_pictures("rtsps://u:p@10.0.0.8/x")
    assert tried is not None
    assert (tried.camera.source, tried.camera.ca_file) == ("rtsps://u:p@10.0.0.8/x", None)


def test_an_address_that_comes_into_the_file_meanwhile_is_not_sent_with_the_ca_file_of_the_draft() -> None:
    file = BESIDE.replace(ADDRESS, "rtsps://10.0.0.9")
    here = draft(file)
    change(here, camera__ca_file=None)
    assert not asked_again(here, file)  # nothing is hidden
    here.rebase(BESIDE.encode())
    assert asked_again(here)
    change(here, "camera.ca_file", camera__source=ADDRESS)
    assert not asked_again(here)
    here.rebase(f"mode: headcount\ncamera: {{source: '{ADDRESS}'}}\n".encode())  # it is saved
    here.rebase(BESIDE.encode())
    change(here, camera__ca_file=None)
    assert asked_again(here)


def test_what_somebody_else_wrote_meanwhile_lies_below_the_draft() -> None:
    here = draft("device: {name: a}\n")
    change(here, mode="headcount")
    here.rebase(b"device: {name: b}\nmode: facing\n")
    assert (here.value("device.name"), here.value("mode")) == ("b", "headcount")
    here.rebase(b"mode: headcount\n")
    assert not here.edits.values
