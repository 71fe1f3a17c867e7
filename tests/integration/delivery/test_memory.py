"""Windows that wait in memory, as the disk takes none, over a reload."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.daemon.mqtt_service import MqttService
from edge.errors import ConfigError, EdgeError
from tests.support.brokers import Subscriber, free_port, wait_for
from tests.support.faults import SmallDisk
from tests.support.outboxes import identities
from tests.support.publishing import INFO, STATE, window

Subscribe = Callable[..., Subscriber]


def service(port: int, folder: Path, name: str = "o") -> MqttService:
    return MqttService(settings(port, folder, name), lambda _: None)


def settings(port: int, folder: Path, name: str = "o", device: str = "room-9") -> Config:
    return Config.model_validate(
        {
            "device": {"name": device}, "mqtt": {"broker": f"mqtt://127.0.0.1:{port}"},
            "outbox": {"path": str(folder / name)},
        }
    )  # fmt: skip


def test_what_waits_in_memory_goes_along_to_another_broker(
    broker: int, disk: SmallDisk, subscribe: Subscribe, tmp_path: Path
) -> None:
    disk.fill()
    subscriber = subscribe(broker)
    running = service(free_port(), disk.folder)
    running.start(INFO, STATE)
    for faces in (1, 2, 3):
        running.publish_window(window(faces))
    wait_for(lambda: running.depth == 3, 20)
    running.stop(goes_on=True)
    (tmp_path / "file").touch()
    running.reconfigure(settings(free_port(), tmp_path / "file"))
    with pytest.raises(ConfigError):  # what cannot be used loses them neither
        running.start(INFO, STATE)
    running.reconfigure(settings(broker, tmp_path))
    running.start(INFO, STATE, patient=True)
    found = subscriber.wait("window", 3)
    assert [message.json()["faces"]["total"] for message in found] == [1, 2, 3]
    assert [seq for _, seq in identities(found)] == [1, 2, 3]
    assert all(message.json()["replayed"] for message in found)
    running.publish_window(window(4))
    subscriber.wait("window", 4)
    wait_for(lambda: running.depth == 0, 20)
    running.stop()
    assert not subscriber.named("outbox")


def test_what_waits_in_memory_under_a_former_name_is_sent_once_that_is_back(
    broker: int, disk: SmallDisk, subscribe: Subscribe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk.fill()
    subscriber = subscribe(broker)
    running = service(free_port(), disk.folder)
    running.start(INFO, STATE)
    running.publish_window(window(1))
    wait_for(lambda: running.depth == 1, 20)
    for device in ("hall", "room-9"):
        running.stop(goes_on=True)
        running.reconfigure(settings(broker, tmp_path, device, device))
        running.start(INFO, STATE, patient=True)
        if device == "hall":
            wait_for(lambda: "outbox in memory: windows of room-9 wait in it" in caplog.text, 20)
            assert "or they are lost when the daemon ends" in caplog.text
            assert running.depth == 1
    assert subscriber.wait("window", 1)[0].json()["device"] == "room-9"
    wait_for(lambda: running.depth == 0, 20)
    running.stop()


def test_what_waits_in_memory_and_goes_nowhere_is_lost_aloud(disk: SmallDisk, caplog: pytest.LogCaptureFixture) -> None:
    disk.fill()
    for ends in (True, False):
        running = service(free_port(), disk.folder)
        running.start(INFO, STATE)
        running.publish_window(window(1))
        wait_for(lambda: running.depth == 1, 20)  # noqa: B023
        running.stop(goes_on=True)
        if ends:  # no connection can be made any more
            running.stop()
            assert "1 windows could not be stored and are lost" in caplog.text
            continue
        running.start(INFO, STATE)
        running.publish_window(window(2))
        wait_for(lambda: running.depth == 2, 20)  # noqa: B023
        with pytest.raises(EdgeError, match="2 windows could not be stored and are lost"):
            running.stop()
