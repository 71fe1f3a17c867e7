"""What was sent to a room that was out of reach: a pause reaches it, and what opens the camera has to be said again.

The room's session is kept at the broker for a minute, and, once Mosquitto 2.0.11 was restarted, for good.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from paho.mqtt import publish

from tests.support.brokers import Broker, Subscriber, wait_for
from tests.support.commander import states
from tests.support.daemon import Edge, run_sample

Subscribe = Callable[..., Subscriber]
MORE_THAN_IN_FLIGHT = 60  # Mosquitto sends 20 before the first is acknowledged, and then an answer in between


class Room:
    """A room at a broker that keeps its sessions on a disk."""

    def __init__(self, start_broker: Callable[..., Broker], edge: Edge, folder: Path) -> None:
        self._start_broker = start_broker
        self._edge = edge
        self._lines = ("persistence true", f"persistence_location {folder}/")
        self._broker = start_broker(*self._lines)
        self.port = self._broker.port
        self._daemon: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._daemon = run_sample(self._edge, self.port, "mode=headcount", "homeassistant.discovery=false")

    def vanish(self, *, restart_broker: bool) -> None:
        """As by a power failure of the room, and then of the broker, which had time to save its sessions."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.communicate()
        if restart_broker:
            self._broker.process.send_signal(signal.SIGTERM)
            self._broker.process.wait()
            self._broker = self._start_broker(*self._lines, port=self.port)

    def pause_by_hand(self) -> None:
        process = self._edge("pause")
        assert "the next one starts paused" in process.communicate(timeout=60)[1]

    def send(self, name: str, payload: str = "") -> None:
        publish.single(f"classroom/room-1/cmd/{name}", payload, 1, port=self.port)


@pytest.fixture
def room(start_broker: Callable[..., Broker], edge: Edge, tmp_path: Path) -> Room:
    return Room(start_broker, edge, tmp_path)


def errors(subscriber: Subscriber, name: str) -> list[str | None]:
    topic = f"classroom/room-1/cmd/{name}/response"
    return [message.json()["error"] for message in subscriber.messages if message.topic == topic]


@pytest.mark.parametrize("restart_broker", [False, True], ids=["short", "broker restarted"])
def test_what_was_sent_meanwhile_opens_no_camera_that_was_closed_since(
    room: Room, subscribe: Subscribe, restart_broker: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    room.start()
    subscribe(room.port, "#").wait("window", 1, seconds=60)
    room.vanish(restart_broker=restart_broker)
    for _ in range(MORE_THAN_IN_FLIGHT):
        room.send("health")
    room.send("resume")
    room.send("pause", "off")
    room.pause_by_hand()
    subscriber = subscribe(room.port, "#")
    room.start()
    wait_for(lambda: len(errors(subscriber, "resume") + errors(subscriber, "pause")) == 2, 60, "both answers")
    for name in ("resume", "pause"):
        assert "send it again" in str(errors(subscriber, name)[0])
    assert {message.json()["mode"] for message in subscriber.named("state") if not message.retain} == {"paused"}
    room.send("resume")
    wait_for(lambda: states(subscriber)[-1] == "running", 60, "what is said now to be obeyed")


@pytest.mark.parametrize("restart_broker", [False, True], ids=["short", "broker restarted"])
def test_a_pause_that_was_sent_meanwhile_holds(
    room: Room, subscribe: Subscribe, restart_broker: bool,  # noqa: FBT001
) -> None:  # fmt: skip
    room.start()
    subscribe(room.port, "#").wait("window", 1, seconds=60)
    room.vanish(restart_broker=restart_broker)
    room.send("resume")
    room.send("pause", "on")
    subscriber = subscribe(room.port, "#")
    room.start()
    wait_for(lambda: errors(subscriber, "pause") == [None], 60, "the pause to be answered")
    wait_for(lambda: states(subscriber)[-1] == "paused", 60, "the pause")
    wait_for(lambda: len(errors(subscriber, "resume")) == 1, 60, "the answer")
    assert "send it again" in str(errors(subscriber, "resume")[0])
