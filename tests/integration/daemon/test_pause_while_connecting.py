"""A pause that comes while the daemon opens its outbox, which may take long, at the start and in a reload."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory
from numpy.typing import NDArray

from edge.config.schema import Config
from edge.daemon.composition import Machine, build_daemon
from edge.daemon.paths import pause_path
from edge.daemon.pause_store import ClosedStore, Pause, PauseStore
from edge.daemon.signals import Signals
from edge.delivery.outbox import Outbox
from edge.errors import BusyError
from tests.support.brokers import Subscriber, wait_for
from tests.support.commander import wait_state

Subscribe = Callable[..., Subscriber]
BUTTON = 27
BY_MRS_DOE = Pause("Mrs Doe", "2026-10-04T08:15:00.000Z")


class Wall:
    """A camera that shows a grey wall, and whose driver may take its time to close."""

    name, every_frame = "wall", False

    def __init__(self) -> None:
        self.open = False
        self.closes = threading.Event()  # while it is not set, closing takes its time
        self.closes.set()

    def start(self) -> None:
        self.open = True

    def read(self) -> NDArray[np.uint8] | None:
        time.sleep(0.02)
        return np.full((48, 64, 3), 90, np.uint8)

    def stop(self) -> None:
        self.closes.wait(60)
        self.open = False


class SlowOutbox:
    """Outboxes on the disk that are counted for as long as a test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opens = threading.Event()
        self.busy = False
        self.counting = threading.Event()
        start = Outbox.start

        def start_slowly(outbox: Outbox, progress: Callable[[], None] = lambda: None) -> None:
            while not self.opens.is_set() and str(outbox) != "in memory":
                self.counting.set()
                progress()
                time.sleep(0.01)
            if self.busy:
                self.busy = False
                raise BusyError("another program uses it")
            start(outbox, progress)

        monkeypatch.setattr(Outbox, "start", start_slowly)


class Room:
    """A daemon in a thread."""

    def __init__(self, port: int, folder: Path) -> None:
        self.camera, self.signals = Wall(), Signals()
        self._settings = {
            "mode": "headcount", "camera": {"source": "usb:9"}, "vision": {"detect_width": 640},
            "window": {"seconds": 1}, "mqtt": {"broker": f"mqtt://127.0.0.1:{port}"}, "gpio": {"button": BUTTON},
        }  # fmt: skip
        self._folder = folder
        self.use("outbox")
        machine = Machine(open_camera=lambda _source, _config: self.camera)
        daemon = build_daemon(self.config, self.signals, lambda: self.config, machine=machine)
        self.thread = threading.Thread(target=daemon.run)

    def use(self, outbox: str) -> Path:
        """Name another outbox in the configuration; returns the file of a pause that belongs to it."""
        path = str(self._folder / f"{outbox}.sqlite")
        self.config = Config.model_validate({**self._settings, "outbox": {"path": path}})
        return pause_path(self.config)


@pytest.fixture
def outbox(monkeypatch: pytest.MonkeyPatch) -> SlowOutbox:
    return SlowOutbox(monkeypatch)


@pytest.fixture
def room(broker: int, tmp_path: Path, pins: MockFactory, outbox: SlowOutbox) -> Iterator[Room]:
    room = Room(broker, tmp_path)
    yield room
    room.camera.closes.set()
    outbox.opens.set()
    room.signals.stop.set()
    room.thread.join(60)
    assert not room.thread.is_alive()


@pytest.mark.parametrize("by", ["a person at the device", "the button in the room"])
def test_at_the_start(
    room: Room, outbox: SlowOutbox, broker: int, subscribe: Subscribe, pins: MockFactory, by: str
) -> None:
    subscriber, path = subscribe(broker), room.use("outbox")
    room.thread.start()
    assert outbox.counting.wait(60)
    assert room.camera.open
    room.camera.closes.clear()
    if by == "the button in the room":
        pin = pins.pin(BUTTON)
        pin.drive_low()
        time.sleep(0.1)
        pin.drive_high()
        wait_for(PauseStore(path).is_there, 60, "the button to be obeyed")
    else:
        PauseStore(path).store(Pause(by, BY_MRS_DOE.since))
    pause = PauseStore(path).load()
    assert pause is not None
    time.sleep(1)  # longer than the driver is waited for
    assert not ClosedStore(path).confirms(pause)
    room.camera.closes.set()
    wait_for(lambda: ClosedStore(path).confirms(pause), 60, "the pause to be confirmed")
    assert not room.camera.open
    outbox.opens.set()
    assert wait_state(subscriber, "paused", 60)["reason"] == f"paused by {by}"
    PauseStore(path).resume()
    assert wait_state(subscriber, "running", 60)["reason"] == "resumed by a person at the device"
    subscriber.wait("window", 1, seconds=60)


@pytest.mark.parametrize("busy", [False, True])
def test_in_a_reload(room: Room, outbox: SlowOutbox, broker: int, subscribe: Subscribe, *, busy: bool) -> None:
    subscriber, before = subscribe(broker), room.use("outbox")
    outbox.opens.set()
    room.thread.start()
    subscriber.wait("window", 1, seconds=60)
    outbox.opens.clear()
    outbox.counting.clear()
    outbox.busy = busy
    path = room.use("other")
    room.signals.reload.set()
    assert outbox.counting.wait(60)
    PauseStore(path).store(BY_MRS_DOE)
    wait_for(lambda: ClosedStore(path).confirms(BY_MRS_DOE), 60, "the pause to be confirmed")
    assert not room.camera.open
    outbox.opens.set()
    assert wait_state(subscriber, "paused", 60)["reason"] == "paused by Mrs Doe"
    if busy:  # the outbox before is used again: a pause that came meanwhile goes along
        wait_for(lambda: ClosedStore(before).confirms(BY_MRS_DOE), 60, "the pause to be confirmed")
        assert PauseStore(before).load() == BY_MRS_DOE
    assert not room.camera.open


def test_one_that_lay_under_a_name_that_cannot_be_used_does_not_last(
    room: Room, outbox: SlowOutbox, broker: int, subscribe: Subscribe
) -> None:
    subscriber = subscribe(broker)
    outbox.opens.set()
    room.thread.start()
    subscriber.wait("window", 1, seconds=60)
    outbox.opens.clear()
    outbox.counting.clear()
    outbox.busy = True
    path = room.use("other")
    PauseStore(path).store(BY_MRS_DOE)
    room.signals.reload.set()
    wait_for(lambda: ClosedStore(path).confirms(BY_MRS_DOE), 60, "the camera to be closed")
    outbox.opens.set()
    wait_for(lambda: room.camera.open, 60, "the camera to be opened again")
    # Not wait_state: it was running before as well, and that may be the last that has come yet.
    said = "resumed by the configuration before"
    wait_for(lambda: subscriber.named("state")[-1].json()["reason"] == said, 60, said)
