"""What waits for its turn, and what makes room where too much waits: a pause never does for anything else."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TypeVar

Item = TypeVar("Item")


class Urgency(IntEnum):
    """How much a command matters when not all of them can be kept."""

    OTHER = 0
    REFUSED = 1
    """About a pause, but not valid: it only gets an answer."""
    OPENS = 2
    """Ends a pause."""
    CLOSES = 3
    """Pauses."""


def make_room(waiting: list[Item], new: Urgency, most: int, urgency: Callable[[Item], Urgency]) -> bool:
    """Take out one where as many wait as may: one that a later pause supersedes, else the oldest of the least urgent.

    Args:
        waiting: What waits, oldest first; changed in place.
        new: The urgency of one more.
        most: How many may wait.
        urgency: That of one that waits.

    Returns:
        Whether one more has room: not if all that wait are more urgent, or it would only get an answer.
    """
    if len(waiting) < most:
        return True
    if new <= Urgency.REFUSED:
        return False
    ranks = list(map(urgency, waiting))
    if Urgency.CLOSES in ranks[1:]:
        del waiting[0]
        return True
    if min(ranks) > new:
        return False
    del waiting[ranks.index(min(ranks))]
    return True
