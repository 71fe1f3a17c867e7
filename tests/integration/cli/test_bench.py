"""`edge bench` as a command: scenes, clips, wrong usage."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest

from edge.bench.measure import STAGES

Edge = Callable[..., "subprocess.Popen[str]"]


SLACK = 50_000  # microseconds for which a busy machine may hold us up between a stage and its record


def result(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_it_measures_scenes(edge: Edge, tmp_path: Path) -> None:
    words = "--size 1280x720 --faces 6,1 --frames 12 --json b.json --plot b.svg --trace t.json --one-core"
    code, out, err = result(edge("bench", *words.split()))
    assert code == 0, out + err
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["schema"] == "edge.bench/1"
    assert report["machine"]["cores"] == 1
    assert set(report["models"]) == {"faces", "emotions"}
    few, many = report["results"]
    assert (few["people"], many["people"]) == (1, 6)
    for scene in (few, many):
        assert scene["faces"] == scene["classified"] == scene["people"]
        assert scene["size"] == [1280, 720]
        assert list(scene["stages"]) == list(STAGES)
        assert all(0 <= each["median"] <= each["p95"] for each in scene["stages"].values())
        assert 1 < scene["ratio"] < 5
        assert 40 < scene["rss_mb"] < 250
    # Five bare classifications more are half a millisecond in ten: less than a busy machine's noise.
    assert many["floor_ms"] > 0.7 * few["floor_ms"] > 0
    assert abs(report["per_face"]["1280x720"]["cpu_ms"]) < 5
    assert "6 1280x720" in out
    assert ET.parse(tmp_path / "b.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert {event["args"]["name"] for event in events if event["ph"] == "M"} == {"1 1280x720", "6 1280x720"}
    frames = [event for event in events if event["name"] == "frame"]
    assert len(frames) == 24
    for name in ("mask", "detect", "track", "crop", "classify"):
        parts = [event for event in events if event["name"] == name]
        assert len(parts) == 24
        for part, frame in zip(parts, frames, strict=True):
            assert frame["ts"] - SLACK <= part["ts"] <= part["ts"] + part["dur"] <= frame["ts"] + frame["dur"] + SLACK


def test_it_measures_every_face_where_a_daemon_would_find_no_time_for_it(edge: Edge, tmp_path: Path) -> None:
    starved = "--set vision.cpu_budget=0.05 --set vision.detect_fps=0.1 --set vision.fps=60"
    code, out, err = result(edge("bench", *f"--size 1280x720 --faces 50 --frames 4 --json b.json {starved}".split()))
    assert code == 0, out + err
    (scene,) = json.loads((tmp_path / "b.json").read_text())["results"]
    assert scene["faces"] == scene["classified"] == 50


def test_it_measures_without_a_classifier(edge: Edge, tmp_path: Path) -> None:
    words = "--size 640x360 --faces 3 --frames 2 --json b.json --set mode=headcount --set vision.detect_width=640"
    code, out, err = result(edge("bench", *words.split()))
    assert code == 0, out + err
    (scene,) = json.loads((tmp_path / "b.json").read_text())["results"]
    assert scene["faces"] > 0
    assert scene["classified"] == 0
    assert "classify" not in scene["stages"]


def test_it_measures_a_clip_and_begins_again_at_its_end(edge: Edge, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.avi", 3)
    code, out, err = result(edge("bench", "--clip", "clip.avi", "--frames", "5", "--json", "b.json"))
    assert code == 0, out + err
    (clip,) = json.loads((tmp_path / "b.json").read_text())["results"]
    assert (clip["footage"], clip["size"], clip["people"], clip["frames"]) == ("clip.avi", [320, 240], None, 5)


def test_what_is_no_clip_is_refused(edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("no film")
    for name, expected in {"none.avi": "does not exist", "text.avi": "cannot be decoded"}.items():
        code, _, err = result(edge("bench", "--clip", name))
        assert code == 66
        assert expected in err


def test_a_clip_that_takes_too_much_memory_is_refused(edge: Edge, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="PyAV writes the film")
    from tests.support.films import plain_h264  # noqa: PLC0415

    plain_h264(tmp_path / "large.mp4", 3360, 1)
    code, _, err = result(edge("bench", "--clip", "large.mp4", "--frames", "2"))
    assert code == 66
    assert "large.mp4 has frames of 3360x3360" in err
    assert "take too much memory to decode" in err


@pytest.mark.parametrize("words", ["--faces 0", "--faces 101", "--faces x", "--size 1280", "--size 9x9", "--frames 1"])
def test_wrong_numbers_are_wrong_usage(edge: Edge, words: str) -> None:
    code, _, err = result(edge("bench", *words.split()))
    assert code == 2
    assert "usage:" in err


def write_clip(path: Path, frames: int) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for level in range(frames):
        writer.write(np.full((240, 320, 3), level * 20, np.uint8))
    writer.release()
