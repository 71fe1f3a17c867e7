"""`camera.source: auto` finds another camera at the next start: under masks it stays closed; it is another place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.found import FoundCamera
from edge.config.schema import Config
from edge.contract.payloads import Info
from edge.daemon import mask_guard
from edge.daemon.composition import Machine, build_daemon
from edge.daemon.paths import masks_path
from edge.daemon.signals import Signals
from tests.support.brokers import Subscriber
from tests.support.commander import wait_state

Subscribe = Callable[..., Subscriber]
FIRST, OTHER = "/dev/v4l/by-id/usb-Logitech-index0", "/dev/v4l/by-id/usb-AVer-index0"
MASK = [[0, 0], [1, 0], [1, 0.25]]


class Wall:
    """A camera that shows a grey wall."""

    every_frame = False

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self) -> None:
        pass

    def read(self) -> NDArray[np.uint8] | None:
        time.sleep(0.02)
        return np.full((48, 64, 3), 90, np.uint8)

    def stop(self) -> None:
        pass


@contextmanager
def running(config: Config) -> Iterator[None]:
    """A daemon in a thread."""
    signals = Signals()
    machine = Machine(open_camera=lambda source, _config: Wall(source))
    daemon = build_daemon(config, signals, lambda: config, machine=machine)
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        yield
    finally:
        signals.stop.set()
        thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("masks", [[], [MASK]])
def test_the_next_start_finds_another_one(
    masks: list[object], broker: int, subscribe: Subscribe, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    config = Config.model_validate(
        {
            "mode": "headcount", "camera": {"masks": masks}, "vision": {"detect_width": 640}, "window": {"seconds": 1},
            "mqtt": {"broker": f"mqtt://127.0.0.1:{broker}"}, "outbox": {"path": str(tmp_path / "outbox.sqlite")},
        }
    )  # fmt: skip
    there = [FoundCamera(FIRST, "Logitech", "usb")]
    monkeypatch.setattr("edge.cameras.factory.real_cameras", lambda: there)
    places = []
    for number in range(4):
        subscriber = subscribe(broker)
        with running(config):
            if number == 2 and masks:
                assert f"camera.source: auto found {OTHER}" in wait_state(subscriber, "paused", 60)["reason"]
                mask_guard.confirm(masks_path(config), config.camera)
            wait_state(subscriber, "running", 60)
            subscriber.wait("window", 1, seconds=60)
            places.append(Info.model_validate_json(subscriber.named("info")[-1].payload).place)
        if number == 1:
            there.insert(0, FoundCamera(OTHER, "AVer", "usb"))
    assert places[0] == places[1]
    assert places[2] == places[3] != places[1]
    assert places[3] is not None
    assert (places[0] is None) == (not masks)
    assert f"found {OTHER}, and at first it was {FIRST}" in caplog.text
