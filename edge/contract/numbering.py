"""Numbers that begin again: a device whose card was restored from an image gives those once more that it gave since.

The one rule for all who follow the numbers of a device: recorders, pages, `edge watch` and reports. Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

Moment = TypeVar("Moment", str, datetime)


def begins_again(seq: int, start: Moment, newest: int, newest_start: Moment) -> bool:
    """Whether a window has a number that was used before it: it begins later than the newest one of its epoch.

    Args:
        seq: Its number.
        start: When it begins; as text, as in payloads.
        newest: The highest number of its epoch so far.
        newest_start: When that one begins. Both times have to be right.
    """
    return seq <= newest and start > newest_start
