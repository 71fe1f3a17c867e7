"""A school that was never filmed: plausible windows of many rooms, the same ones in every run."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.contract.payloads import (
    FaceFigures,
    Facing,
    ModelNames,
    Quality,
    ShareEstimate,
    Span,
    State,
    Unclassified,
    WindowPayload,
    Withheld,
)
from edge.contract.timestamps import format_timestamp

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
USUAL = {"angry": 0.03, "disgust": 0.01, "fear": 0.02, "happy": 0.2, "sad": 0.08, "surprise": 0.06, "neutral": 0.6}
MOOD = {"happy": 0.9, "surprise": 0.7, "sad": -0.6, "angry": -0.7, "neutral": -0.25}
FRAMES_PER_SECOND = 5
SECONDS = 5.0  # length of a window
IN_FLIGHT = 200  # windows of the backfill that are under way at once
PER_SECOND = 1500  # and how many go in a second: a dashboard need not take them faster
MODELS = ModelNames(faces="simulated@000000000000", emotions="simulated@000000000000", pose="front, p@000000000000")


@dataclass
class Classroom:
    """One room; the same number makes the same windows.

    Args:
        name: Of the device.
        number: Seed of everything random.
        seconds: Length of a window.
        headcount: Faces are only counted.
    """

    name: str
    number: int
    seconds: float = SECONDS
    headcount: bool = False

    def window(self, seq: int, end: datetime, *, suppressed: bool = False, replayed: bool = False) -> WindowPayload:
        """The window with this number that ends then; what it shows follows from its number."""
        chance = random.Random(self.number * 1_000_003 + seq)  # noqa: S311 - a scene, no secret
        frames = round(FRAMES_PER_SECOND * self.seconds)
        people = 24 + 3 * math.sin(self.number) + 1.5 * math.sin(seq * self.seconds / 700 + self.number)
        total = sum(round(people + chance.gauss(0, 0.7)) for _ in range(frames))
        shares = self._shares(seq * self.seconds, chance)
        unknown = round(total * (0.06 + 0.02 * chance.random()))
        small, away = unknown // 2, round(total * (0.2 + 0.05 * chance.random()))
        counts = {label: int((total - unknown - away) * shares[label]) for label in LABELS}
        counts["unknown"] = total - sum(counts.values())
        named = not suppressed and not self.headcount
        mean = total / frames
        return WindowPayload(
            device=self.name,
            mode="headcount" if self.headcount else "emotions",
            epoch="5c400100",
            seq=seq,
            replayed=replayed,
            window=Span(
                start=format_timestamp(end - timedelta(seconds=self.seconds)),
                end=format_timestamp(end),
                seconds=self.seconds,
            ),
            frames=frames,
            faces=FaceFigures(total=None, mean=None, min=None, max=None)
            if suppressed
            else FaceFigures(total=total, mean=round(mean, 2), min=math.floor(mean) - 1, max=math.ceil(mean) + 1),
            facing=Facing(front=total - away - small, away=away, unknown=small) if named else None,
            counts=counts if named else None,
            unclassified=Unclassified(too_small=small, away=away, unclear=counts["unknown"] - away - small)
            if named
            else None,
            people={label: round(count / frames, 2) for label, count in counts.items()} if named else None,
            estimate={label: _interval(share, people) for label, share in shares.items()} if named else None,
            estimate_absent=None,
            withheld=Withheld(what="figures", reason="few_people") if suppressed else None,
            quality=Quality(coverage=1.0, clock_synced=True),
            model=ModelNames(faces=MODELS.faces, emotions=None, pose=None) if self.headcount else MODELS,
        )

    def state(self, mode: str = "running", reason: str = "started", since: datetime | None = None) -> State:
        """A state message."""
        begun = since or datetime.now(timezone.utc)
        return State.model_validate({"mode": mode, "reason": reason, "since": format_timestamp(begun)})

    def _shares(self, time: float, chance: random.Random) -> dict[str, float]:
        """Shares that swing over minutes, as a lesson does between telling, asking and trying out."""
        mood = 0.9 * math.sin(time / 610 + self.number) + 0.5 * math.sin(time / 173 + 2 * self.number)
        weights = {
            label: share * math.exp(MOOD.get(label, 0.0) * mood + chance.gauss(0, 0.1))
            for label, share in USUAL.items()
        }
        shares = {label: round(weight / sum(weights.values()), 2) for label, weight in weights.items()}
        return {**shares, "neutral": round(shares["neutral"] + 1 - sum(shares.values()), 2)}


def _interval(share: float, people: float) -> ShareEstimate:
    """As wide as so few people make it."""
    half = 1.64 * math.sqrt(share * (1 - share) / people) * 0.9 + 0.01
    return ShareEstimate(share=share, low=round(max(0, share - half), 2), high=round(min(1, share + half), 2))


class School:
    """Publishes for simulated rooms.

    Args:
        port: Of the broker.
        rooms: How many.
    """

    def __init__(self, port: int, rooms: int) -> None:
        self.rooms = [Classroom(f"room-{101 + n}", n, SECONDS, headcount=n == 7) for n in range(rooms)]
        self.few: set[str] = set()
        """Rooms with too few people from now on."""
        self.silent: set[str] = set()
        """Rooms that say nothing from now on."""
        self._seq = dict.fromkeys((room.name for room in self.rooms), 0)
        self._ends: dict[str, datetime] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def start(self) -> None:
        """All rooms say that they run."""
        for room in self.rooms:
            self.say(room, "availability", b"online")
            self.say(room, "state", room.state().to_json())

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, room: Classroom, kind: str, payload: bytes) -> paho.MQTTMessageInfo:
        """A retained message."""
        return self._client.publish(f"classroom/{room.name}/{kind}", payload, 1, retain=kind != "window")

    def window(self, room: Classroom, *, suppressed: bool = False, replayed: bool = False) -> None:
        """The next window of a room, which begins when its last one ended."""
        self.skip(room)
        seq = self._seq[room.name]
        if room.name in self.silent:
            return
        suppressed = suppressed or room.name in self.few
        told = room.window(seq, self._ends[room.name], suppressed=suppressed, replayed=replayed).to_json()
        info = self.say(room, "window", told)
        if not replayed:
            self.say(room, "latest", told)
        elif seq % 50 == 0:
            info.wait_for_publish(30)

    def skip(self, room: Classroom) -> None:
        """Time goes on without a window; what comes later looks the same, whatever was left out."""
        self._seq[room.name] += 1
        self._ends[room.name] += timedelta(seconds=SECONDS)

    def backfill(self, hours: float) -> int:
        """Windows of the last hours, as after an outage; returns how many."""
        begun, steps = time.monotonic(), self.begin(hours)
        for step in range(steps):
            for room in self.rooms:
                self.window(room, replayed=True)
            time.sleep(max(0.0, begun + (step + 1) * len(self.rooms) / PER_SECOND - time.monotonic()))
        return steps * len(self.rooms)

    def begin(self, hours: float) -> int:
        """Go so many hours back; returns how many windows fit in."""
        steps = round(hours * 3600 / SECONDS)
        first = datetime.now(timezone.utc) - timedelta(seconds=SECONDS * steps)
        # Rooms are not in step: the messages of a school come evenly spread.
        shift = timedelta(seconds=SECONDS / len(self.rooms))
        self._ends = {room.name: first + n * shift for n, room in enumerate(self.rooms)}
        return steps

    def live(self, seconds: float) -> None:
        """Every window of every room at its time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for room in self.rooms:
                while self._ends[room.name] + timedelta(seconds=SECONDS) <= datetime.now(timezone.utc):
                    self.window(room)
            time.sleep(0.05)
