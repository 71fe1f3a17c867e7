"""A process that is a school: its rooms' payloads, and the connections over which a bridge would bring them."""

from __future__ import annotations

import contextlib
import heapq
import random
import signal
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing.connection import Connection as Pipe

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.windows import People, Window
from edge.contract.examples import STATE
from edge.contract.identity import Identity, complete_json
from edge.contract.labels import UNKNOWN
from edge.contract.payloads import ModelNames, ShareEstimate, WindowBody

LABELS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
MODELS = ModelNames(
    faces="yunet-2023mar-1280x736-int8@e28c6482a905", emotions="mobilenet-v4-forked-48@a2e55d98a69b",
    pose="front, front-landmarks-1@d275bef1b779",
)  # fmt: skip
FRAMES = 28
EPOCH = "6f1c9a2e"
CONNECTIONS = 4
IN_FLIGHT = 200  # of a connection
KEPT = 3600  # seconds that the broker keeps a session
LOOK_EVERY = 0.02


@dataclass(frozen=True)
class School:
    """What a process is to play."""

    name: str  # the first level of the topics
    first: int  # number of its first room here; another process may play others
    rooms: int
    seconds: float  # of a window
    host: str
    port: int
    ca_file: str | None
    password: str


@dataclass(frozen=True)
class Look:
    """How it is doing."""

    sent: int  # windows that there are
    waiting: int  # that the broker does not have yet
    late: float  # seconds that the next window is late: more than a moment means that this process is too slow
    connected: bool


def connections(school: School) -> list[str]:
    """The user of each, which is its client id as well."""
    return [f"{school.name}-{school.first}-{number}" for number in range(CONNECTIONS)]


class _Line:
    """A connection; what the broker has not acknowledged is sent again, as an outbox would."""

    def __init__(self, school: School, user: str) -> None:
        self.acknowledged = 0
        self.connected = False
        client = self._client = paho.Client(CallbackAPIVersion.VERSION2, user, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(user, school.password)
        if school.ca_file:
            client.tls_set(school.ca_file)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.reconnect_delay_set(1, 2)
        client.on_connect = lambda *_: self._set(connected=True)
        client.on_disconnect = lambda *_: self._set(connected=False)
        client.on_publish = self._count
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = KEPT
        client.connect_async(school.host, school.port, clean_start=False, properties=properties)
        client.loop_start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _set(self, *, connected: bool) -> None:
        self.connected = connected

    def _count(self, *_: object) -> None:
        self.acknowledged += 1


class _Rooms:
    def __init__(self, school: School) -> None:
        self._school = school
        self._chance = random.Random(f"{school.name}-{school.first}")  # noqa: S311 - no secret
        self._names = [f"room-{number:04}" for number in range(school.first, school.first + school.rooms)]
        self._builders = [PayloadBuilder(name, "emotions", MODELS, min_faces=5, round_to=1) for name in self._names]
        self._seqs = [0] * school.rooms
        self._lines = [_Line(school, user) for user in connections(school)]
        self._retained = 0

    def announce(self) -> None:
        for number, name in enumerate(self._names):
            topic = f"{self._school.name}/{name}/"
            self._line(number).publish(topic + "state", STATE.to_json(), retain=True)
            self._line(number).publish(topic + "availability", b"online", retain=True)
            self._retained += 2

    def publish(self, number: int) -> None:
        """A window of a room ends now."""
        body = self._body(self._builders[number])
        self._seqs[number] += 1
        payload = complete_json(body.to_json().decode(), Identity(EPOCH, self._seqs[number]))
        self._line(number).publish(f"{self._school.name}/{self._names[number]}/window", payload)

    def _body(self, builder: PayloadBuilder) -> WindowBody:
        chance = self._chance
        people = chance.randint(3, 30)  # some windows withhold
        counts = {label: chance.randint(0, max(1, people * FRAMES // 8)) for label in (*LABELS, UNKNOWN)}
        near, mean = people - 2, sum(counts.values()) // FRAMES
        window = Window(
            0, self._school.seconds, FRAMES, counts, min(near, mean), max(people + 2, mean + 1),
            min(31, counts[UNKNOWN]), 0.98,
            People(*[sum(counts.values())] * 3), People(near, near, near),
        )  # fmt: skip
        body = builder.build(window, datetime.now(timezone.utc), clock_synced=True)
        if body.counts is None:
            return body
        shares = {
            label: ShareEstimate(share=round(part, 3), low=round(part * 0.8, 3), high=round(part * 1.2, 3))
            for label, part in ((label, chance.random() / 4) for label in LABELS)
        }
        return body.model_copy(update={"estimate": shares, "estimate_absent": None})

    def look(self, late: float) -> Look:
        sent = sum(self._seqs)
        acknowledged = sum(line.acknowledged for line in self._lines)
        connected = all(line.connected for line in self._lines)
        return Look(sent, sent + self._retained - acknowledged, late, connected)

    def numbers(self) -> dict[str, int]:
        """The highest number of each room."""
        return dict(zip(self._names, self._seqs, strict=True))

    def stop(self) -> None:
        for line in self._lines:
            line.stop()

    def _line(self, room: int) -> _Line:
        return self._lines[room % CONNECTIONS]


def play(school: School, pipe: Pipe) -> None:
    """Play a school until the parent says `stop`, or is gone; it also says `go`, `look` and `quiet`.

    Answers `look` with a Look, `stop` with the highest number of each room, and the others with True.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which says stop
    rooms = _Rooms(school)
    due: list[tuple[float, int]] = []
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            wait = due[0][0] - time.monotonic() if due else 1.0
            if pipe.poll(max(0.0, min(wait, LOOK_EVERY))) and _answer(pipe, rooms, due, school):
                break
            now = time.monotonic()
            while due and due[0][0] <= now:
                at, number = due[0]
                rooms.publish(number)
                heapq.heapreplace(due, (at + school.seconds, number))
                now = time.monotonic()
                if pipe.poll():
                    break
    rooms.stop()


def _answer(pipe: Pipe, rooms: _Rooms, due: list[tuple[float, int]], school: School) -> bool:
    """Whether that was the end."""
    word, now = pipe.recv(), time.monotonic()
    if word == "stop":
        pipe.send(rooms.numbers())
        return True
    if word == "look":
        pipe.send(rooms.look(max(0.0, now - due[0][0]) if due else 0.0))
        return False
    if word == "go":
        rooms.announce()
        due[:] = [(now + school.seconds * (1 + number / school.rooms), number) for number in range(school.rooms)]
        heapq.heapify(due)
    elif word == "quiet":
        due.clear()
    pipe.send(True)
    return False
