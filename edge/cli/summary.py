"""A device and its windows in words: what `edge watch` knows and says, before anything is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from edge.contract.labels import UNKNOWN, WITHHELD_REASONS, absence, adjective, reading_order
from edge.contract.shares import front_share, window_shares
from edge.contract.validation import end_of
from edge.reporting.machine import Machine
from edge.reporting.machine_report import MachineReport, Room, report
from edge.reporting.palette import colours as palette_names
from edge.text import NO_BREAK, percent, printable

if TYPE_CHECKING:
    from edge.contract.payloads import State, WindowPayload

MOST_BARS = 12
POINTS = 60  # windows in the line of mean faces
LEAST_COVERAGE = 0.9


@dataclass
class Device:
    """What is known about one device.

    Attributes:
        first: When it was first heard of, milliseconds since 1970.
        means: The mean faces by end of window; None where withheld.
    """

    name: str
    first: int = 0
    online: bool | None = None
    state: State | None = None
    window: WindowPayload | None = None
    machine: Machine = field(default_factory=Machine)
    means: dict[str, float | None] = field(default_factory=dict)

    def report(self, now: int) -> MachineReport:
        """What a technician is told of it; `now` in milliseconds since 1970."""
        return report(Room(self.name, self.online, self.state, self.machine, self.first), now)

    @property
    def at_work(self) -> bool:
        """Whether windows can be expected."""
        return self.status in ("running", "throttled", "online", "no status")

    @property
    def status(self) -> str:
        """One or two words."""
        if self.online is False:
            return "offline"
        if self.state is not None:
            return self.state.mode.replace("_", " ")
        return "online" if self.online else "no status"


class Bar(NamedTuple):
    """One emotion of a window as it is shown: people in the average frame, and its share of the named faces.

    `colour` is its name in the palette.
    """

    name: str
    people: float
    share: float
    colour: str


def faces(window: WindowPayload) -> str:
    """How many people, and how many of them are turned to the front, in words."""
    front = front_share(window.facing)
    turned = "" if front is None else f", {percent(front)} to the front"
    return f"{window.faces.mean or 0:.1f} faces ({window.faces.min}-{window.faces.max}){turned}"


def line(prefix: str, window: WindowPayload) -> str:
    """A window as one line without colours."""
    parts = [
        f"{end_of(window):%Y-%m-%dT%H:%M:%SZ}",
        f"{printable(prefix)}/{printable(window.device)}",
        f"#{window.seq}",
    ]
    if window.faces.mean is None:
        parts.append(f"no figures: {withheld_reason(window)}")
    else:
        parts.append(faces(window))
        parts += [f"{bar.name} {bar.people:.1f} ({percent(bar.share)})" for bar in bars(window)]
        if (unknown := unknown_people(window)) is not None:
            parts.append(f"{UNKNOWN} {unknown:.1f}")
        parts += filter(None, [basis(window), part_withheld(window)])
    if found := notes(window):
        parts.append(f"[{', '.join(found)}]")
    return "  ".join(parts).replace(NO_BREAK, " ")  # scripts split at spaces


def notes(window: WindowPayload, *, small: bool = True) -> list[str]:
    """What limits the worth of the figures; without `small` only what is unusual, for every room has small faces."""
    quality, unclassified = window.quality, window.unclassified
    found = []
    if quality.coverage < LEAST_COVERAGE:
        found.append(f"coverage {math.floor(100 * quality.coverage)}{NO_BREAK}%")
    if not quality.clock_synced:
        found.append("clock not set")
    if window.replayed:
        found.append("replayed")
    if small and unclassified and unclassified.too_small:
        found.append(f"too small: {unclassified.too_small} of {window.faces.total}")
    return found


def withheld_reason(window: WindowPayload) -> str:
    """Why something is withheld; empty where nothing is."""
    return WITHHELD_REASONS[absence(window.withheld.reason, window.frames)] if window.withheld else ""


def part_withheld(window: WindowPayload) -> str:
    """A remark on a window that has faces, but of which something else is withheld; else empty."""
    if window.withheld is None or window.faces.mean is None:
        return ""
    what = "facing" if window.mode == "facing" else "emotions"  # where emotions are, those are what is missed
    return f"{what} withheld: {withheld_reason(window)}"


def basis(window: WindowPayload) -> str:
    """What the shares were computed from, in a word; empty without any."""
    shares = window_shares(window)
    return {"estimate": "estimated", "counts": "counted"}[shares.basis] if shares else ""


def unknown_people(window: WindowPayload) -> float | None:
    """People in the average frame whose emotion is not named; None where emotions are not told."""
    return None if window.people is None else window.people.get(UNKNOWN, 0.0)


def bars(window: WindowPayload) -> list[Bar]:
    """The emotions in reading order; none where nothing is known about them. `unknown` is no share."""
    shares = window_shares(window)
    if shares is None:
        return []
    people = window.people or {}
    named = [label for label in reading_order(shares.by_label) if label != UNKNOWN]
    return [
        Bar(printable(adjective(label), 12), people.get(label, 0.0), shares.by_label[label].share, colour)
        for label, colour in list(palette_names(named).items())[:MOST_BARS]
    ]
