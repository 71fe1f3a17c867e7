"""The supervisor's decisions, with cameras that fail on cue and a clock that is moved by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.capture_thread import CaptureThread, Frame
from edge.cameras.supervisor import LONGEST_WAIT, STILL_CLOSING, STUCK, CameraSupervisor, capture_maker
from edge.config.schema import Config
from edge.errors import CameraError
from tests.support.brokers import wait_for


class Clock:
    """Monotonic seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """A camera that does what the test says."""

    name = "scripted"
    every_frame = False

    def __init__(self) -> None:
        self.here = True
        self.works = True
        self.hangs = False
        self.let_go = threading.Event()
        self.tries = self.opened = 0
        self.open_now = False

    def start(self) -> None:
        self.tries += 1
        if not self.here:
            raise CameraError("camera scripted does not exist", "plug it in")
        self.opened += 1
        self.open_now = True

    def read(self) -> NDArray[np.uint8] | None:
        if self.hangs:
            self.let_go.wait(60)
        time.sleep(0.005)
        if not self.works:
            raise CameraError("camera scripted delivers no frames")
        return np.zeros((48, 64, 3), np.uint8)

    def stop(self) -> None:
        self.open_now = False


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def camera() -> Scripted:
    return Scripted()


@pytest.fixture
def supervisor(clock: Clock, camera: Scripted) -> Iterator[CameraSupervisor]:
    supervisor = CameraSupervisor(lambda: CaptureThread(camera, 10, 5, clock), clock, recovers=True)
    yield supervisor
    camera.let_go.set()
    supervisor.stop()


def first_frame(supervisor: CameraSupervisor) -> Frame:
    supervisor.start()
    wait_for(lambda: supervisor.wait_open(0.1), 5)
    return next_frame(supervisor)


def next_frame(supervisor: CameraSupervisor) -> Frame:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if (frame := supervisor.take(0.1)) is not None:
            return frame
    pytest.fail("no frame came")


def test_a_camera_that_was_never_there_is_an_error(supervisor: CameraSupervisor, camera: Scripted) -> None:
    camera.here = False
    supervisor.start()
    with pytest.raises(CameraError, match="plug it in"):
        wait_for(lambda: supervisor.wait_open(0.1), 5)


def test_a_lost_camera_is_tried_again_ever_more_rarely(
    supervisor: CameraSupervisor, camera: Scripted, clock: Clock
) -> None:
    first_frame(supervisor)
    camera.here = camera.works = False
    wait_for(lambda: supervisor.take(0.1) is None and supervisor.mode == "camera_lost", 5)
    assert "delivers no frames" in supervisor.problem
    waits: list[float] = []
    tries, last = camera.tries, clock.now
    while len(waits) < 8:
        clock.now += 0.5
        supervisor.take(0.1)
        if camera.tries > tries:
            waits.append(clock.now - last)
            tries, last = camera.tries, clock.now
            wait_for(lambda: supervisor.take(0.1) is None and "does not exist" in supervisor.problem, 5)
    assert waits[0] <= 1.5
    assert waits == sorted(waits)
    assert max(waits) <= LONGEST_WAIT + 0.5
    camera.here = camera.works = True
    clock.now += LONGEST_WAIT
    next_frame(supervisor)
    assert (supervisor.mode, supervisor.problem) == ("running", "")


def test_a_pause_closes_and_resuming_opens(supervisor: CameraSupervisor, camera: Scripted) -> None:
    first_frame(supervisor)
    supervisor.pause()
    assert supervisor.closed
    assert not camera.open_now
    assert supervisor.take(0.0) is None
    assert supervisor.mode == "paused"
    supervisor.resume()
    next_frame(supervisor)
    assert (supervisor.mode, camera.opened) == ("running", 2)


def test_a_driver_that_never_lets_go_needs_a_new_process(
    supervisor: CameraSupervisor, camera: Scripted, clock: Clock
) -> None:
    first_frame(supervisor)
    camera.hangs = True
    time.sleep(0.1)
    supervisor.pause()
    assert not supervisor.closed
    supervisor.resume()
    assert supervisor.mode == "camera_lost"
    supervisor.take(0.0)
    assert camera.opened == 1
    clock.now += STUCK + 1
    with pytest.raises(CameraError, match="must restart"):
        supervisor.take(0.0)


def test_a_driver_that_lets_go_late_is_opened_again(supervisor: CameraSupervisor, camera: Scripted) -> None:
    first_frame(supervisor)
    camera.hangs = True
    time.sleep(0.1)
    supervisor.pause()
    supervisor.resume()
    supervisor.take(0.0)
    assert supervisor.problem == STILL_CLOSING
    camera.hangs = False
    camera.let_go.set()
    wait_for(lambda: supervisor.take(0.1) is not None or not supervisor.problem, 5)
    assert supervisor.mode == "running", "a camera that is being opened is none that is lost"
    next_frame(supervisor)
    assert (supervisor.mode, camera.opened) == ("running", 2)


def test_a_file_that_fails_is_not_waited_for(camera: Scripted, clock: Clock) -> None:
    supervisor = CameraSupervisor(lambda: CaptureThread(camera, 10, 5, clock), clock, recovers=False)
    first_frame(supervisor)
    camera.works = False
    with pytest.raises(CameraError, match="delivers no frames"):
        wait_for(lambda: supervisor.take(0.1) is None and supervisor.ended, 5)
    supervisor.stop()


class Drawn(Scripted):
    """One that is drawn by a machine with much else to do."""

    def __init__(self) -> None:
        super().__init__()
        self.may_open = threading.Event()

    def start(self) -> None:
        self.may_open.wait(60)
        super().start()


@pytest.mark.parametrize("source", ["sample", "sample:25"])
def test_a_busy_machine_may_take_its_time_to_draw_the_sample_room(clock: Clock, source: str) -> None:
    camera = Drawn()
    make = capture_maker(Config(), source, clock, lambda _source, _config: camera)
    supervisor = CameraSupervisor(make, clock, recovers=False)
    supervisor.start()
    clock.now += 600
    assert not supervisor.wait_open(0.0)
    camera.may_open.set()
    wait_for(lambda: supervisor.wait_open(0.1), 5)
    next_frame(supervisor)
    supervisor.pause()
    camera.may_open.clear()
    supervisor.resume()
    clock.now += 600
    assert supervisor.take(0.0) is None
    assert supervisor.mode == "running"
    camera.may_open.set()
    next_frame(supervisor)
    camera.hangs = True
    wait_for(lambda: supervisor.take(0.0) is None, 5)
    clock.now += 600
    assert supervisor.take(0.0) is None, "a picture that comes late is no camera that is gone"
    camera.hangs = False
    camera.let_go.set()
    next_frame(supervisor)
    supervisor.stop()


def test_a_live_camera_that_stands_still_is_frozen_until_it_moves_or_closes(
    supervisor: CameraSupervisor, clock: Clock
) -> None:
    first_frame(supervisor)  # and all that follow are the same
    assert not supervisor.frozen
    clock.now += 61
    next_frame(supervisor)
    wait_for(lambda: supervisor.take(0.1) is not None and supervisor.frozen, 5)
    supervisor.pause()
    assert not supervisor.frozen
    supervisor.resume()
    next_frame(supervisor)
    assert not supervisor.frozen


def test_a_drawing_may_stand_still(camera: Scripted, clock: Clock) -> None:
    supervisor = CameraSupervisor(lambda: CaptureThread(camera, 10, 5, clock), clock, recovers=False)
    first_frame(supervisor)
    clock.now += 61
    next_frame(supervisor)
    next_frame(supervisor)
    assert not supervisor.frozen
    supervisor.stop()
