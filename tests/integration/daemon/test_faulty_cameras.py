"""The daemon at cameras with faults: coverage stays, the journal is not flooded, a frozen picture is an alert."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.frozen import LONGEST, FrozenPicture
from edge.daemon.native_stderr import KINDS, REPEAT, LineLimiter
from edge.errors import EXIT_INPUT
from tests.support.brokers import Subscriber, free_port
from tests.support.daemon import Edge, end, run_sample
from tests.support.faulty_camera import faulty_camera, picture, with_stray_bytes

pytest.importorskip("av", reason="PyAV has no wheel here; OpenCV decodes video")


@pytest.mark.parametrize("path", ["/garbage", "/stray"])
def test_one_bad_frame_in_five_costs_no_coverage(broker: int, edge: Edge, subscribe: object, path: str) -> None:
    assert callable(subscribe)
    subscriber: Subscriber = subscribe(broker)
    with faulty_camera() as camera:
        process = run_sample(edge, broker, f"camera.source={camera.url(path)}", "mode=headcount", "window.seconds=1")
        subscriber.wait("window", 6, seconds=40)
        _, _, err = end(process)
    windows = [message.json() for message in subscriber.named("window")][1:]  # the first has the start in it
    # Most of them: such frames would cost each window some, a machine that is busy for a moment one of them.
    assert statistics.median(window["quality"]["coverage"] for window in windows) > 0.9
    assert len(re.findall("left out", err)) <= 3
    assert "JPEG" not in err


def test_a_path_that_is_the_key_of_a_camera_is_not_logged(broker: int, edge: Edge) -> None:
    address = f"rtsps://127.0.0.1:{free_port()}"
    process = run_sample(
        edge, broker, f"camera.source={address}/hush7sD8fKj2?enableSrtp", "mode=headcount", "camera.open_timeout=3"
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == EXIT_INPUT, err
    assert err.count(f"{address}/***") >= 3  # start, error, stop
    assert "hush" not in out + err


def test_pictures_with_stray_bytes_do_not_fill_the_journal(
    broker: int, edge: Edge, subscribe: object, tmp_path: Path
) -> None:
    assert callable(subscribe)
    subscriber: Subscriber = subscribe(broker)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.jpg").write_bytes(with_stray_bytes(picture(100 + number)))
    process = run_sample(edge, broker, f"camera.source=images:{folder}", "camera.loop=true", "window.seconds=2")
    subscriber.wait("window", 3, seconds=40)
    _, _, err = end(process)
    assert len([line for line in err.splitlines() if "JPEG" in line]) <= 2


def test_each_kind_of_line_is_shown_once_an_hour() -> None:
    now = 0.0
    limiter = LineLimiter(lambda: now)
    assert limiter.pass_on("Corrupt JPEG data: 2 extraneous bytes before marker 0xd7") != []
    for number in range(1000):
        assert limiter.pass_on(f"Corrupt JPEG data: {number} extraneous bytes before marker 0xd{number % 8}") == []
    assert limiter.pass_on("something else") == ["something else"]
    now = REPEAT
    first, second = limiter.pass_on("something else")
    assert first == "(1000 more lines like: Corrupt JPEG data: N extraneous bytes before marker N)"
    assert second == "something else"
    shown = sum(len(limiter.pass_on(chr(0x4E00 + number))) for number in range(10 * KINDS))
    assert shown < KINDS


def test_a_picture_that_stands_still_for_a_minute() -> None:
    rng = np.random.default_rng(1)
    still = rng.integers(0, 255, (90, 160, 3)).astype(np.uint8)
    frozen = FrozenPicture()
    assert not frozen.update(still, 0.0)
    assert not frozen.update(still, LONGEST - 0.1)
    assert frozen.update(still, LONGEST)
    moved = still.copy()
    moved[16, 80] ^= 1
    assert not frozen.update(moved, LONGEST + 1)
    assert not frozen.update(still[:, ::-1], LONGEST + 2)
    frozen.reset()
    assert not frozen.update(still[:, ::-1], 3 * LONGEST)
