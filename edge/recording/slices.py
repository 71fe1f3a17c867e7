"""A long time, read slice by slice: what is in memory at once stays small, and so does the time a question takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


def in_slices(
    read: Callable[[datetime, datetime], Iterable[T]], find: Callable[[datetime, datetime], list[tuple[Any, ...]]],
    start: datetime, end: datetime, width: timedelta,
) -> Iterator[T]:  # fmt: skip
    """A long time bit by bit, so that what is sorted at once stays small; time without anything is passed over.

    Args:
        read: What there is of a bit.
        find: A row with the start of the first that is there of a time; none without any.
        start: Of the time.
        end: Of the time.
        width: Of a bit.
    """
    while start < end:
        until, empty = min(start + width, end), True
        for each in read(start, until):
            empty = False
            yield each
        if empty and until < end:
            found = find(until, end)
            if not found:
                return
            until = found[0][0]
        start = until
