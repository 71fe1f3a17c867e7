"""A device and its windows in words: what `edge watch` knows and says, before anything is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from edge.aggregation.windows import UNKNOWN
from edge.contract.validation import end_of
from edge.text import printable

if TYPE_CHECKING:
    from edge.contract.payloads import State, WindowPayload

COLOURS = {
    "angry": "red",
    "disgust": "green",
    "fear": "magenta",
    "happy": "yellow",
    "neutral": "white",
    "sad": "blue",
    "surprise": "cyan",
    UNKNOWN: "bright_black",
}
OTHER_COLOUR = "bright_magenta"
SUPPRESSED = "suppressed: too few people for figures"
MOST_BARS = 12
LEAST_COVERAGE = 0.9


@dataclass
class Device:
    """What is known about one device; `means` are the mean faces by end of window, None where suppressed."""

    name: str
    online: bool | None = None
    state: State | None = None
    window: WindowPayload | None = None
    means: dict[str, float | None] = field(default_factory=dict)

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


class Share(NamedTuple):
    """One emotion of a window: people in the average frame, and their part of all faces."""

    name: str
    people: float
    part: float
    colour: str


def faces(window: WindowPayload) -> str:
    """How many people, in words."""
    return f"{window.faces.mean or 0:.1f} faces ({window.faces.min}-{window.faces.max})"


def line(prefix: str, window: WindowPayload) -> str:
    """A window as one line without colours."""
    parts = [
        f"{end_of(window):%Y-%m-%dT%H:%M:%SZ}",
        f"{printable(prefix)}/{printable(window.device)}",
        f"#{window.seq}",
    ]
    if window.suppressed:
        parts.append(SUPPRESSED)
    else:
        parts.append(faces(window))
        parts += [f"{share.name} {share.people:.1f} ({100 * share.part:.0f} %)" for share in shares(window)]
    if found := notes(window):
        parts.append(f"[{', '.join(found)}]")
    return "  ".join(parts)


def notes(window: WindowPayload, *, small: bool = True) -> list[str]:
    """What limits the worth of the figures; without `small` only what is unusual, for every room has small faces."""
    quality, total = window.quality, window.faces.total
    found = []
    if quality.coverage < LEAST_COVERAGE:
        found.append(f"coverage {math.floor(100 * quality.coverage)} %")
    if not quality.clock_synced:
        found.append("clock not synced")
    if window.replayed:
        found.append("replayed")
    if small and quality.too_small and not window.suppressed:
        found.append(f"too small: {quality.too_small} of {total}")
    return found


def shares(window: WindowPayload) -> list[Share]:
    """The emotions in their fixed order, foreign ones after ours, `unknown` last; nothing when suppressed."""
    if window.suppressed or not window.counts or not window.people:
        return []
    total = sum(window.counts.values()) or 1
    order = [name for name in COLOURS if name != UNKNOWN and name in window.counts]
    order += sorted(window.counts.keys() - COLOURS)
    order = order[: MOST_BARS - 1] + [UNKNOWN] * (UNKNOWN in window.counts)
    return [
        Share(
            printable(name, 12),
            window.people.get(name, 0.0),
            window.counts[name] / total,
            COLOURS.get(name, OTHER_COLOUR),
        )
        for name in order
    ]
