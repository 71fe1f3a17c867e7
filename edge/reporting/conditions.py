"""Under which conditions a lesson was measured: figures are comparable only where they are the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from statistics import median_low
from typing import Literal

from edge.recording.places import Place
from edge.recording.window_record import Series
from edge.reporting.heat_map import Measured
from edge.reporting.lesson_comparison import Conditions

MUCH_LONGER = 2  # times: a half day more or less in a week is not as much


def conditions_of(
    series: Iterable[Series | None],
    places: Sequence[Place],
    start: datetime,
    end: datetime,
    *,
    clock_set: bool = True,
    one_device: bool = True,
) -> Conditions | None:
    """The conditions of a time; None where nothing was measured.

    Args:
        series: Of its windows, or of their roll-ups; None: not known.
        places: All of the device that are known until `end`, in order.
        start: Of the time.
        end: Of the time.
        clock_set: Whether its windows are surely of this time.
        one_device: Whether they are surely of one device.
    """
    known = {each for each in series if each is not None}
    if not known:
        return None
    # What changes within a lesson makes it comparable to none, not even to another one in which it changed.
    mixed = f"changed between {start.isoformat()} and {end.isoformat()}"

    def same(values: set[str | None]) -> str | None:
        return mixed if len(values) > 1 else next(iter(values))

    found = Conditions(
        mode=same({each.mode for each in known}) or "",
        faces=same({each.faces for each in known}),
        emotions=same({each.emotions for each in known}),
        pose=same({each.pose for each in known}),
        masks=same(set(digests(places, start, end))),
        policy=same({each.policy for each in in_force(places, start, end) if each.policy} or {None}),
        clock_set=clock_set,
        one_device=one_device,
    )
    return replace(found, steady=mixed not in vars(found).values())


def compare_days(cells: Sequence[Measured], days: Sequence[int]) -> list[Measured]:
    """The same weeks of a room, where those that have figures for another part of their days say so.

    Args:
        cells: The weeks.
        days: With figures, of each.
    """
    lengths = [each.totals.figures / number if number else 0.0 for each, number in zip(cells, days, strict=True)]
    usual = median_low([each for each in lengths if each] or [0.0])
    found = []
    for each, length in zip(cells, lengths, strict=True):
        daily: Literal["usual", "less", "more"] = "usual"
        if length * MUCH_LONGER < usual:
            daily = "less"
        elif length > usual * MUCH_LONGER:
            daily = "more"
        found.append(replace(each, conditions=each.conditions and replace(each.conditions, daily=daily)))
    return found


def digests(places: Sequence[Place], start: datetime, end: datetime) -> list[str | None]:
    """What was hidden or left out of the picture in a time: one digest for each that may have been in force.

    None alone: nobody knows. That is before the first was heard, or with devices that do not tell.
    """
    return list(dict.fromkeys(each.digest for each in in_force(places, start, end))) or [None]


def rounding_steps(places: Sequence[Place], start: datetime, end: datetime) -> set[int]:
    """What counts may have been rounded to in a time (`privacy.round_to`), as far as it is known."""
    return {int(each.policy.partition("/")[2]) for each in in_force(places, start, end) if each.policy}


def in_force(places: Sequence[Place], start: datetime, end: datetime) -> list[Place]:
    """Those that may have been in force in a time, in order."""
    found: list[Place] = []
    for number, place in enumerate(places):
        begins, until = place.heard, None
        if number:
            # Not only since the one before was heard: both may have waited until somebody listened.
            begins = max(min(place.after or places[number - 1].heard, place.heard), places[0].heard)
        if number + 1 < len(places):
            later = places[number + 1]
            # `heard` is by the recorder's clock, `after` by the device's: where these differ, either may be right.
            until = max(later.heard, later.after or later.heard)
        if begins < end and (until is None or until > start):
            found.append(place)
    return found
