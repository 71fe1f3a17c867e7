"""The windows of one room, oldest first, in columns of plain numbers: some hours of a school fit into few megabytes."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Any

from edge.contract.payloads import WindowPayload
from edge.contract.validation import end_of

SUPPRESSED, HEADCOUNT, REPLAYED, UNSYNCED, ESTIMATED = 1, 2, 4, 8, 16
MAX_LABELS = 16  # of one room, `unknown` among them
MAX_LABEL = 32  # characters
MAX_SECONDS = 86_400.0
ABSENT = 2**32 - 1  # no number, where one of 32 bits could be
NO_SHARE = 2**16 - 1  # and of 16 bits
NO_MEAN = -1.0
PARTS = 10_000  # a share is kept in ten thousandths

Row = list[Any]
"""[epoch, seq, end ms, length ms, flags, frames, total, mean, min, max, coverage, too small, counts, estimate].

Counts are in the order of `History.labels`; the estimate has three numbers for each label (share, low, high). Both are
shorter where a label came later, and empty where there are none; null stands for no number.
"""


class History:
    """What one room has told. Not thread-safe."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        """Every emotion that was ever counted, in the order of appearance; only ever appended to."""
        self._ends = array("q")
        self._keys = array("Q")  # epoch and seq
        self._lengths = array("I")
        self._flags = array("B")
        self._coverage = array("H")
        self._means = array("d")
        self._whole = {name: array("I") for name in ("frames", "total", "min", "max", "too_small")}
        self._counts: list[array[int]] = []
        self._shares: list[tuple[array[int], array[int], array[int]]] = []

    def __len__(self) -> int:
        return len(self._ends)

    def check(self, window: WindowPayload) -> None:
        """Raise ValueError for a window that could not be kept as it is."""
        length = window.window.seconds
        counts, estimate = ({}, {}) if window.suppressed else (window.counts or {}, window.estimate or {})
        labels = counts.keys() | estimate.keys()
        if not 0.001 <= length <= MAX_SECONDS or window.frames >= ABSENT:
            raise ValueError("nonsensical length")
        if len(labels.union(self.labels)) > MAX_LABELS or not all(map(_usable, labels)):
            raise ValueError("nonsensical labels")
        if any(not each.low <= each.share <= each.high for each in estimate.values()):
            raise ValueError("nonsensical estimate")

    def add(self, window: WindowPayload) -> Row | None:
        """Put a window in its place.

        Args:
            window: As `received.read` gave it, and `check` accepted.

        Returns:
            The row that is now here; None for a duplicate.
        """
        key = int(window.epoch, 16) << 32 | window.seq
        if key in self._keys:
            return None
        shown = not window.suppressed  # a suppressed window says nothing about people, whatever it carries
        counts = (window.counts or {}) if shown else {}
        estimate = (window.estimate or {}) if counts else {}
        for label in (*counts, *estimate):
            self._ensure(label)
        end = round(end_of(window).timestamp() * 1000)
        at = bisect_right(self._ends, end)
        self._ends.insert(at, end)
        self._keys.insert(at, key)
        self._lengths.insert(at, round(window.window.seconds * 1000))
        self._flags.insert(at, _flags(window, estimated=bool(estimate)))
        self._coverage.insert(at, round(window.quality.coverage * PARTS))
        faces = window.faces
        self._means.insert(at, faces.mean if shown and faces.mean is not None else NO_MEAN)
        figures = (faces.total, faces.min, faces.max, window.quality.too_small) if shown else (None,) * 4
        for column, number in zip(self._whole.values(), (window.frames, *figures), strict=True):
            column.insert(at, ABSENT if number is None else number)
        for label, column, three in zip(self.labels, self._counts, self._shares, strict=True):
            column.insert(at, counts.get(label, ABSENT))
            share = estimate.get(label)
            parts = (None,) * 3 if share is None else (share.share, share.low, share.high)
            for each, part in zip(three, parts, strict=True):
                each.insert(at, NO_SHARE if part is None else round(part * PARTS))
        return self.row(at)

    def row(self, at: int) -> Row:
        """One window, by its place."""
        flags, key, mean = self._flags[at], self._keys[at], self._means[at]
        coverage = self._coverage[at] / PARTS
        frames, *numbers = [_number(column[at]) for column in self._whole.values()]
        total, fewest, most, small = numbers
        counted = not flags & (SUPPRESSED | HEADCOUNT)
        counts = [_number(column[at]) for column in self._counts] if counted else []
        shares = [_share(each[at]) for three in self._shares for each in three] if flags & ESTIMATED else []
        return [
            f"{key >> 32:08x}", key & ABSENT, self._ends[at], self._lengths[at], flags, frames, total,
            None if mean == NO_MEAN else round(mean, 3), fewest, most, coverage, small, counts, shares,
        ]  # fmt: skip

    def rows(self) -> list[Row]:
        """All of them, oldest first."""
        return [self.row(at) for at in range(len(self))]

    def keep(self, first: int, last: int) -> None:
        """Drop what did not end between two times in milliseconds."""
        self._drop(slice(bisect_right(self._ends, last), None))
        self._drop(slice(0, bisect_left(self._ends, first)))

    def forget_oldest(self) -> None:
        """Drop one window."""
        self._drop(slice(0, 1))

    def _drop(self, where: slice) -> None:
        if not len(self._ends[where]):
            return
        columns = [self._ends, self._keys, self._lengths, self._flags, self._coverage, *self._whole.values()]
        for column in (*columns, *self._counts, *(each for three in self._shares for each in three)):
            del column[where]
        del self._means[where]

    def _ensure(self, label: str) -> None:
        if label not in self.labels:
            self.labels.append(label)
            self._counts.append(array("I", [ABSENT]) * len(self))
            self._shares.append((_no_shares(len(self)), _no_shares(len(self)), _no_shares(len(self))))


def _flags(window: WindowPayload, *, estimated: bool) -> int:
    return (
        SUPPRESSED * window.suppressed
        | HEADCOUNT * (window.model.emotions is None)
        | REPLAYED * window.replayed
        | UNSYNCED * (not window.quality.clock_synced)
        | ESTIMATED * estimated
    )


def _usable(label: str) -> bool:
    return 0 < len(label) <= MAX_LABEL and label.isprintable()


def _number(number: int) -> int | None:
    return None if number == ABSENT else number


def _share(parts: int) -> float | None:
    return None if parts == NO_SHARE else parts / PARTS


def _no_shares(length: int) -> array[int]:
    return array("H", [NO_SHARE]) * length
