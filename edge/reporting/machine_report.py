"""What a technician is told of each room: troubles with their remedies, facts of its machine; troubled rooms first.

`edge watch` and the dashboard both show this, so that both say the same. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from edge import __version__
from edge.contract.payloads import State
from edge.contract.timestamps import milliseconds_of
from edge.reporting.machine import OVERLAPS, Machine, name_of
from edge.reporting.machine_facts import LEVELS, Fact, Level, facts_of, models_of
from edge.reporting.silence import WITHOUT_WINDOWS, silent_from
from edge.text import Sentence, printable

FUTURE = 300_000  # milliseconds that the clock of a device may be ahead of ours to be believed

OFFLINE = (
    Sentence("The device is offline."),
    Sentence("See whether it has power and network. Its measurements wait in it, and arrive later."),
)
CAMERA_LOST = (
    Sentence("The device has lost its camera."),
    Sentence("Check the cable of the camera; the device tries again by itself."),
)
GONE = (
    Sentence("It was paused, or had lost its camera, when it was last heard of, and has said nothing for two hours."),
    Sentence("See whether it is on and reaches the broker."),
)
SILENT = (
    Sentence("It is there, but sends no measurements."),
    Sentence("Look at its log: journalctl -u edge -n 50"),
)
SLOWED = Sentence("Give the board air or shade, a strong power supply, or a lower vision.fps.")
CLOCK = (
    Sentence("Its clock is not set, or was ahead."),
    Sentence("Let it reach a time server, or set the clock: timedatectl. If that says it is set, restart edge."),
)
TWO_DEVICES = (
    Sentence("Two devices send as this room: their figures are mixed, and each takes the other's connection."),
    Sentence("Give one of them another device.name; if there is only one, its clock was set back."),
)
LATELY = 3_600_000  # milliseconds in which windows overlapped
UNSENT = Sentence("Nothing, while they get fewer; otherwise look after broker and network.")
DISK = Sentence("Make room on its disk, or replace it.")


@dataclass
class Room:
    """What is known of a room.

    Attributes:
        online: None when nobody knows.
        first: When it was first heard of, milliseconds of our clock.
    """

    name: str
    online: bool | None
    state: State | None
    machine: Machine
    first: int


class Trouble(NamedTuple):
    """Something that needs somebody.

    Attributes:
        id: `alert/<id>`, or what was noticed here.
        problem, remedy: A sentence that is translated, or the device's own words.
        since: Milliseconds since 1970; None when nobody knows.
    """

    id: str
    level: Level
    problem: Sentence | str
    remedy: Sentence | str
    since: int | None


@dataclass(frozen=True)
class MachineReport:
    """All that is told of a room.

    Attributes:
        status: online, offline, or a mode; `silent` where windows are missing.
        seen: The newest time that it gave, milliseconds since 1970; None: none that can be believed.
    """

    name: str
    level: Level
    status: str
    troubles: list[Trouble]
    facts: list[Fact]
    version: str
    models: str
    seen: int | None

    def fact(self, key: str) -> Fact:
        """One of the facts."""
        return next(fact for fact in self.facts if fact.key == key)

    def as_json(self) -> dict[str, Any]:
        """For a page."""
        return {
            "room": self.name,
            "level": self.level,
            "status": self.status,
            "troubles": [
                {**trouble._asdict(), "problem": told(trouble.problem), "remedy": told(trouble.remedy)}
                for trouble in self.troubles
            ],
            "facts": [
                {"key": fact.key, "title": told(fact.title), "text": told(fact.text), "level": fact.level}
                for fact in self.facts
            ],
            "version": self.version,
            "models": self.models,
            "seen": self.seen,
        }


class Version(NamedTuple):
    """A version with its models, and the rooms that run it; `older` where another room runs a newer one."""

    version: str
    models: str
    rooms: list[str]
    older: bool


def report(room: Room, now: int) -> MachineReport:
    """All about a room.

    Args:
        room: What is known.
        now: Milliseconds since 1970.
    """
    machine = room.machine
    status = _status(room, now)
    facts = facts_of(machine)
    troubles = sorted(
        [*_alerts(machine), *_noticed(room, status, facts, now)], key=lambda each: LEVELS.index(each.level)
    )
    info = machine.info
    return MachineReport(
        name=room.name,
        level=troubles[0].level if troubles else "good",
        status=status,
        troubles=troubles,
        facts=facts,
        version=name_of(info.version) if info else "",
        models=models_of(machine),
        seen=_seen(room, now),
    )


def in_order(reports: Iterable[MachineReport]) -> list[MachineReport]:
    """Troubled rooms first, the worst before the others; room-2 before room-10."""
    return sorted(reports, key=lambda each: (LEVELS.index(each.level), -len(each.troubles), natural(each.name)))


def versions(reports: Iterable[MachineReport]) -> list[Version]:
    """What runs how often, the most frequent first; rooms that have not said stand under no version.

    One room alone can say anything: a version newer than this program counts only where two rooms run it.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for each in reports:
        found.setdefault((each.version, each.models), []).append(each.name)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    rooms = Counter(version for (version, _), names in found.items() for _ in names if version)
    own = _age(__version__)
    newest = max((age for version, number in rooms.items() if (age := _age(version)) <= own or number > 1), default=())
    return [
        Version(version, models, sorted(names, key=natural), bool(version) and _age(version) < newest)
        for (version, models), names in ordered
    ]


def matches(text: str, words: str) -> bool:
    """Whether each of some words, parts of words or numbers stands in a text, in capitals or not."""
    folded = text.casefold()
    return all(word in folded for word in words.casefold().split())


def words_of(each: MachineReport) -> str:
    """All that is searched of a room."""
    troubles = (f"{trouble.id} {trouble.problem} {trouble.remedy}" for trouble in each.troubles)
    facts = (str(fact.text or "") for fact in each.facts)
    return " ".join([each.name, each.status, *troubles, *facts])


def natural(name: str) -> list[tuple[int, str]]:
    """room-2 before room-10."""
    return [(int(part or 0), "") if part.isdecimal() else (0, part) for part in re.split("([0-9]+)", name)]


def told(text: Sentence | str | None) -> dict[str, Any] | str | None:
    """Ready for JSON; a sentence is translated by the page."""
    return text.as_json() if isinstance(text, Sentence) else text


def _age(version: str) -> tuple[tuple[int, int], ...]:
    """Newer versions are greater: 0.2.0rc1 < 0.2.0 < 0.10.0."""
    parts = re.findall(r"[0-9]+|[a-z]+", version.lower())
    order = {"a": -3, "b": -2, "rc": -1}
    return (*((1, int(part)) if part.isdecimal() else (order.get(part, -4), 0) for part in parts), (0, 0))


def _status(room: Room, now: int) -> str:
    if room.online is False:
        return "offline"
    silent = silent_from(room.state, room.machine, room.first)
    if silent is not None and now > silent:
        return "silent"
    return room.state.mode if room.state is not None else "online" if room.online else "no_status"


def _alerts(machine: Machine) -> list[Trouble]:
    return [
        Trouble(f"alert/{name}", "bad", alert.problem, alert.remedy, milliseconds_of(alert.since))
        for name, alert in sorted(machine.alerts.items())
    ]


def _noticed(room: Room, status: str, facts: Sequence[Fact], now: int) -> list[Trouble]:
    """What no alert says."""
    found: list[Trouble] = []
    machine, state = room.machine, room.state
    if len(machine.overlapped) == OVERLAPS and now - machine.overlapped[0] < LATELY:
        found.append(Trouble("two_devices", "bad", *TWO_DEVICES, None))
    since = milliseconds_of(state.since) if state else None
    if status == "offline":
        return [*found, Trouble("offline", "bad", *OFFLINE, None)]
    if status == "camera_lost" and "camera" not in machine.alerts:
        found.append(Trouble("camera_lost", "bad", *CAMERA_LOST, since))
    if status == "silent":
        found.append(Trouble("silent", "bad", *(GONE if state and state.mode in WITHOUT_WINDOWS else SILENT), None))
    remedies: dict[str, Sentence] = {"unsent": UNSENT, "disk": DISK, "power": SLOWED, "temperature": SLOWED}
    if status == "throttled" and state:
        found.append(Trouble("throttled", "warn", printable(state.reason, 200), SLOWED, since))
        del remedies["temperature"]  # it is the reason
    weak = machine.health is not None and machine.health.under_voltage
    if status == "throttled" or (weak and "hardware" in machine.alerts):  # which then says so, and may be of the clock
        del remedies["power"]
    found += [
        Trouble(fact.key, fact.level, fact.text, remedies[fact.key], None)
        for fact in facts
        if fact.level != "good" and fact.text is not None and fact.key in remedies
    ]
    if machine.window is not None and not machine.window.quality.clock_synced:
        found.append(Trouble("clock", "warn", *CLOCK, None))
    return found


def _seen(room: Room, now: int) -> int | None:
    """By the clock of the device: what is retained may come long after it was said."""
    stamps = [
        *([room.machine.health.time] if room.machine.health else []),
        *([room.machine.window.window.end] if room.machine.window else []),
        *([room.state.since] if room.state else []),
    ]
    believed = [stamp for stamp in map(milliseconds_of, stamps) if stamp <= now + FUTURE]
    return max(believed, default=None)
