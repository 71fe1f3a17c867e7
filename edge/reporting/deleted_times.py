"""What was deleted on request was neither lost, nor is it known what a device said meanwhile. Pure."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from edge.recording.recorded import StateChange

Times = Sequence[tuple[datetime, datetime]]
"""Starts and ends, in order, not touching."""
UNKNOWN = "unknown"
"""The mode of a state that was deleted."""


def within(deleted: Times, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """What is deleted of a time."""
    first = bisect.bisect_right(deleted, start, key=lambda span: span[1])
    last = bisect.bisect_left(deleted, end, key=lambda span: span[0])
    return [(max(start, begins), min(end, ends)) for begins, ends in deleted[first:last]]


def lost(skipped: int, start: datetime, end: datetime, usual: timedelta, deleted: Times) -> int:
    """How many of the numbers that were skipped in a time were not deleted, as far as that can be told.

    Args:
        skipped: How many there are.
        start: When the window before them ends.
        end: When the window after them begins.
        usual: How long each is.
        deleted: What was deleted on request.
    """
    if not skipped or not deleted:
        return skipped
    # Windows at both edges go too, of which some lies outside.
    return max(0, skipped - sum(math.ceil((last - first) / usual) + 1 for first, last in within(deleted, start, end)))


def known_states(states: Sequence[StateChange], deleted: Times) -> list[StateChange]:
    """The same, where an earlier state is not taken to last beyond a deleted time.

    What lasts is recorded at its end. An older version did not do that.

    Args:
        states: In order.
        deleted: What was deleted on request.
    """
    said = {state.since for state in states}
    ends = [StateChange(end, UNKNOWN, "") for _, end in deleted if end not in said]
    return sorted([*states, *ends], key=lambda state: state.since)
