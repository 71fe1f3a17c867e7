"""A process full of rooms: everything of the daemon between window and broker, without cameras."""

from __future__ import annotations

import contextlib
import heapq
import logging
import random
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.windows import People, Window
from edge.config.schema import Config
from edge.contract.labels import UNKNOWN
from edge.contract.payloads import ModelNames, ShareEstimate, WindowBody
from edge.daemon import metrics, telemetry
from edge.daemon.mqtt_service import MqttService
from edge.errors import EdgeError
from edge.hardware.board import Readings
from tests.support.publishing import INFO, STATE

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
FRAMES_PER_SECOND = 5
MODELS = ModelNames(faces="yunet@0123456789ab", emotions="emotions@0123456789ab", pose=None)
CHECK_EVERY = 1.0
STOP_AT_ONCE = 20  # rooms; each may wait a second for the broker
LOOK_EVERY = 0.05  # seconds between two looks at what the parent wants


@dataclass(frozen=True)
class Crew:
    """What one process is to play: rooms of these names, at this broker."""

    names: tuple[str, ...]
    broker: str
    ca_file: str | None
    password_file: str
    folder: str  # for the outboxes
    window: float  # seconds


@dataclass(frozen=True)
class Look:
    """How the rooms of a process are doing."""

    connected: int
    waiting: int  # windows that the broker does not have yet
    cpu: float  # seconds that this process has used


class Room:
    """One room: its link, and the dice that make its figures.

    Args:
        crew: Where it belongs.
        name: Its own.
    """

    def __init__(self, crew: Crew, name: str) -> None:
        self._name = name
        self._seconds = crew.window
        self._chance = random.Random(name)  # noqa: S311 - no secret
        self._meter = metrics.Meter(time.monotonic())
        mqtt = {
            "broker": crew.broker, "username": name, "password_file": crew.password_file, "ca_file": crew.ca_file,
        }  # fmt: skip
        config = {
            "device": {"name": name}, "mqtt": mqtt, "window": {"seconds": crew.window},
            "outbox": {"path": str(outbox(crew.folder, name))}, "homeassistant": {"discovery": False},
        }  # fmt: skip
        self._config = Config.model_validate(config)
        self.link = MqttService(self._config, lambda _window: None)

    def start(self) -> tuple[float, float]:
        """Begin to connect; returns when the first window and the first health message are due, monotonic."""
        info = INFO.model_copy(
            update={"device": self._name, "labels": list(LABELS), "window_seconds": self._seconds}
        )  # fmt: skip
        self.link.start(info, STATE)
        now = time.monotonic()
        return now + self._chance.uniform(0, self._seconds), now + self._chance.uniform(0, self._config.health.seconds)

    def publish_window(self) -> float:
        """A window ends now; returns the seconds to the next."""
        self.link.publish_window(self._window())
        return self._seconds

    def publish_health(self) -> float:
        """Tell how the room is; returns the seconds to the next time."""
        now = datetime.now(timezone.utc)
        self.link.publish_health(
            telemetry.health(self._meter, Readings(), time.monotonic(), now, self.link.depth)
        )  # fmt: skip
        return self._config.health.seconds

    def stop(self) -> None:
        """Say goodbye."""
        with contextlib.suppress(EdgeError):
            self.link.stop()

    def _window(self) -> WindowBody:
        frames = max(1, round(self._seconds * FRAMES_PER_SECOND))
        people = self._chance.randint(20, 30)
        counts = {label: self._chance.randint(0, people * frames // 7) for label in (*LABELS, UNKNOWN)}
        small = min(31, counts[UNKNOWN])
        mean = sum(counts.values()) // frames
        least, most = min(people - 2, mean), max(people + 2, mean + 1)
        there, fewest = People(*[sum(counts.values())] * 3), People(*[people - 2] * 3)
        window = Window(0, self._seconds, frames, counts, least, most, small, 1.0, there, fewest)
        body = PayloadBuilder(self._name, "emotions", MODELS, min_faces=1, round_to=1).build(
            window, datetime.now(timezone.utc), clock_synced=True
        )
        shares = {label: ShareEstimate(share=0.1429, low=0.0812, high=0.2217) for label in LABELS}
        return body.model_copy(update={"estimate": shares, "estimate_absent": None})


def outbox(folder: str, name: str) -> Path:
    """Where a room's windows wait."""
    return Path(folder, f"{name}.sqlite")


def play(crew: Crew, pipe: Pipe) -> None:
    """Play the rooms until the parent says `stop`, or is gone; it also says `look` and `quiet`.

    Answers `look` with a Look, `quiet` and `stop` with True, and a failure with its text.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which says stop
    # Two hundred threads that wait for the interpreter would all wake up every 5 ms to ask for it: on a busy machine
    # they then do nothing else any more. A room of its own has two.
    sys.setswitchinterval(0.2)
    logging.disable(logging.ERROR)  # a thousand rooms that say that the broker was killed
    rooms = [Room(crew, name) for name in crew.names]
    with contextlib.suppress(EOFError, BrokenPipeError):
        try:
            _play(rooms, pipe)
        except EdgeError as error:
            pipe.send(str(error))
        finally:
            with ThreadPoolExecutor(STOP_AT_ONCE) as pool:
                list(pool.map(Room.stop, rooms))
        pipe.send(True)


def _play(rooms: list[Room], pipe: Pipe) -> None:
    due: list[tuple[float, int, str]] = []  # monotonic time, room, method
    for number, room in enumerate(rooms):
        window, well = room.start()
        due += [(window, number, "publish_window"), (well, number, "publish_health")]
    heapq.heapify(due)
    check_at = 0.0
    for word in _words(pipe, due):
        if word == "stop":
            return
        if word == "quiet":
            due[:] = [each for each in due if each[2] != "publish_window"]
            heapq.heapify(due)
            pipe.send(True)
        elif word == "look":
            waiting = sum(room.link.depth for room in rooms)
            connected = sum(room.link.connected for room in rooms)
            pipe.send(Look(connected, waiting, time.process_time()))
        now = time.monotonic()
        while due and due[0][0] <= now:
            at, number, method = due[0]
            # From the moment that it was due, so that delays do not add up; what was missed is not made up for.
            heapq.heapreplace(due, (max(at + getattr(rooms[number], method)(), now), number, method))
        if now >= check_at:
            check_at = now + CHECK_EVERY
            for room in rooms:
                room.link.check()


def _words(pipe: Pipe, due: list[tuple[float, int, str]]) -> Iterator[str]:
    """What the parent says, and "" whenever something is due."""
    while True:
        left = due[0][0] - time.monotonic() if due else LOOK_EVERY
        yield str(pipe.recv()) if pipe.poll(max(0.0, min(left, CHECK_EVERY))) else ""
