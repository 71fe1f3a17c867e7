"""Masks and count area in the commands that look at pictures, and `edge masks` without a daemon."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from edge.cameras.masks import covered
from edge.cli.annotate import BAR
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene

Edge = Callable[..., "subprocess.Popen[str]"]

LEFT = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]


def result(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A picture of the sample room."""
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), Scene(read_portraits(), size=(1280, 720), faces=20, seed=1).render(1.0))
    return path


def faces(edge: Edge, room: Path, *settings: str) -> list[float]:
    """Where the centres of the faces are that `edge image` counts: fractions of the width."""
    code, out, err = result(
        edge("image", str(room), "--json", *(word for each in settings for word in ("--set", each)))
    )
    assert code == 0, err
    return [(face["box"][0] + face["box"][2] / 2) / 1280 for face in json.loads(out)["faces"]]


def test_edge_image_sees_what_the_daemon_would_see(edge: Edge, room: Path, tmp_path: Path) -> None:
    everybody = faces(edge, room)
    assert min(everybody) < 0.4
    assert max(everybody) > 0.6
    counted = faces(edge, room, f"vision.count_area={LEFT}")
    assert sorted(counted) == sorted(x for x in everybody if x <= 0.5)
    seen = faces(edge, room, f"camera.masks={[LEFT]}")
    assert seen
    assert min(seen) > 0.49
    code, _, err = result(edge("image", str(room), "--output", "a.png", "--set", f"camera.masks={[LEFT]}"))
    assert code == 0, err
    annotated = cv2.imread(str(tmp_path / "a.png"))
    assert annotated is not None
    below = covered([LEFT], (1280, 720))
    shown = annotated[BAR:][below]
    assert (shown == 0).all(axis=1).mean() > 0.97  # but for words and boxes of faces beside it


def test_edge_bench_measures_the_masked_picture(edge: Edge, tmp_path: Path) -> None:
    size = ("--faces", "10", "--size", "640x480", "--frames", "3", "--json", "bench.json")
    code, _, err = result(edge("bench", *size, "--set", "camera.masks=[[[0,0],[1,0],[1,1],[0,1]]]"))
    assert code == 0, err
    (measured,) = json.loads((tmp_path / "bench.json").read_text())["results"]
    assert measured["people"] == 10
    assert measured["faces"] == 0
    assert measured["stages"]["mask"]["median"] > 0


def test_edge_masks_before_a_daemon_has_seen_anything(edge: Edge, tmp_path: Path) -> None:
    code, out, _ = result(edge("masks"))
    assert (code, out) == (0, "nothing is masked (camera.masks is empty)\n")
    settings = ("--set", f"camera.masks={[LEFT]}")
    code, out, _ = result(edge("masks", *settings))
    assert code == 0
    assert "51% of the picture is masked:\n  0: (0, 0), (0.5, 0), (0.5, 1), (0, 1)\n" in out
    assert "accepted for no picture yet" in out
    assert list(tmp_path.rglob("*.masks")) == []
    code, out, _ = result(edge("masks", "--confirm", *settings))
    assert code == 0
    assert "accepted for: rotation 0, hflip false, vflip false; the next picture" in out
    code, out, _ = result(edge("masks", *settings, "--set", "camera.hflip=true"))
    assert code == 1
    assert "the camera stays closed: the masks were made for another picture" in out


def test_edge_check_says_what_is_masked(edge: Edge) -> None:
    settings = ("camera.source=sample:5", f"camera.masks={[LEFT]}", "mode=headcount", "vision.detect_width=640")
    _, out, _ = result(edge("check", *(word for each in settings for word in ("--set", each))))
    (line,) = [line for line in out.splitlines() if line.startswith("masks")]
    assert line.split() == ["masks", "ok", "1", "polygon,", "51%", "of", "the", "picture"]
