"""The capture thread and cameras that are slow, stuck, broken or in nobody's interest."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.capture_thread import CaptureThread
from edge.cameras.orientation import Orientation, OrientedCamera
from edge.errors import CameraError
from tests.support.brokers import wait_for


def picture(level: int, size: tuple[int, int] = (120, 160)) -> NDArray[np.uint8]:
    return np.full((*size, 3), level, np.uint8)


class Odd:
    """A camera that hands over unusable frames, then dies in a way that nobody foresaw."""

    name = "odd"
    every_frame = False

    def start(self) -> None:
        self.left = 5

    def read(self) -> NDArray[np.uint8] | None:
        self.left -= 1
        if self.left == 0:
            raise ZeroDivisionError("driver")
        return np.empty((0, 0, 3), np.uint8)

    def stop(self) -> None:
        pass


def test_what_a_driver_raises_becomes_one_error(caplog: pytest.LogCaptureFixture) -> None:
    capture = CaptureThread(Odd())
    capture.start()
    with pytest.raises(CameraError, match="camera odd failed: ZeroDivisionError: driver"):
        capture.take(5)
    capture.stop()
    assert caplog.text.count("unusable frame") == 1


def test_a_camera_that_was_lost_leaves_nothing_in_memory() -> None:
    """Neither itself nor what its driver was reading, though Python does not look for cycles meanwhile."""
    kept: list[weakref.ref[object]] = []

    class Buffer(bytearray):
        """What a driver reads into."""

    class Lost(Odd):
        def read(self) -> NDArray[np.uint8] | None:
            buffer = Buffer(100)
            kept.extend((weakref.ref(self), weakref.ref(buffer)))
            error = CameraError("odd is lost")  # once it is raised, it holds this call, and this call it
            raise error from ZeroDivisionError(buffer)

    gc.disable()
    try:
        capture = CaptureThread(Lost())
        kept.append(weakref.ref(capture))
        capture.start()
        for _ in range(2):
            with pytest.raises(CameraError, match="odd is lost"):
                capture.take(60)
        capture.stop(60)
        del capture
        assert [reference() for reference in kept] == [None] * 3
    finally:
        gc.enable()


def test_a_camera_that_yields_nothing_usable_is_given_up() -> None:
    class Empty(Odd):
        def read(self) -> NDArray[np.uint8] | None:
            time.sleep(0.01)
            return np.empty((0, 0, 3), np.uint8)

    for camera, limits in ((Empty(), (1, 0.5)), (Stuck(), (1, 0.5))):
        capture = CaptureThread(camera, *limits)
        capture.start()
        assert capture.wait_open(1)
        began = time.monotonic()
        with pytest.raises(CameraError, match="gave no usable frame in 1.5 s"):  # noqa: PT012
            while time.monotonic() - began < 5:
                assert capture.take(0.2) is None
        capture.stop()


def test_a_camera_that_does_not_open_is_given_up() -> None:
    class Slow(Odd):
        def start(self) -> None:
            time.sleep(30)

    capture = CaptureThread(Slow(), 0.2)
    capture.start()
    began = time.monotonic()
    with pytest.raises(CameraError, match="did not open in time"):  # noqa: PT012
        while time.monotonic() - began < 5:
            capture.wait_open(0.2)
    capture.stop()


class Stuck(Odd):
    """A camera whose driver never returns."""

    def read(self) -> NDArray[np.uint8] | None:
        time.sleep(60)
        return None


def test_a_stuck_driver_does_not_hold_up_the_end() -> None:
    capture = CaptureThread(Stuck())
    capture.start()
    assert capture.take(0.1) is None
    began = time.monotonic()
    assert not capture.stop()
    assert time.monotonic() - began < 2


class Steady:
    """A camera of 50 frames a second that counts what is decoded."""

    name = "steady"
    every_frame = False

    def __init__(self) -> None:
        self.read_frames = self.skipped = 0

    def start(self) -> None:
        pass

    def read(self) -> NDArray[np.uint8]:
        time.sleep(0.02)
        self.read_frames += 1
        return picture(9)

    def skip(self) -> None:
        time.sleep(0.02)
        self.skipped += 1

    def stop(self) -> None:
        pass


@pytest.mark.parametrize("turned", [False, True])
def test_frames_that_nobody_would_see_are_not_decoded(*, turned: bool) -> None:
    camera = Steady()
    capture = CaptureThread(OrientedCamera(camera, Orientation(horizontal=True)) if turned else camera)
    capture.start()
    assert capture.wait_open(5)
    ages = []
    for _ in range(8):
        capture.skip_until(time.monotonic() + 0.25)
        time.sleep(0.25)
        frame = capture.take(5)
        assert frame is not None
        ages.append(time.monotonic() - frame.time)
    capture.stop()
    assert camera.skipped > camera.read_frames  # of some 13 frames between two visits, three or so may be wanted
    assert sorted(ages)[4] < 0.1


def test_a_consumer_that_comes_early_is_served_all_the_same() -> None:
    camera = Steady()
    capture = CaptureThread(camera)
    capture.start()
    assert capture.take(5) is not None
    capture.skip_until(time.monotonic() + 30)
    began = time.monotonic()
    assert capture.take(5) is not None
    assert capture.take(5) is not None
    assert time.monotonic() - began < 3
    capture.stop()


class Slow(Steady):
    """The second frame comes once the first was taken, which it would replace; the others after a second."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.first_was_taken = threading.Event()

    def read(self) -> NDArray[np.uint8]:
        self.begun += 1
        if self.begun == 2:
            self.first_was_taken.wait(30)
        else:
            time.sleep(1)
        return picture(9)


def test_a_frame_tells_whether_it_had_to_wait() -> None:
    camera = Slow()
    capture = CaptureThread(camera)
    capture.start()
    first = capture.take(5)
    camera.first_was_taken.set()
    wait_for(lambda: camera.begun == 3, 5, "the second to be there")
    second = capture.take(5)
    third = capture.take(5)
    capture.stop()
    assert first
    assert second
    assert third
    assert (first.waited, second.waited, third.waited) == (False, True, False)
