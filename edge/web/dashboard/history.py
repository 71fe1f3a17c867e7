"""The windows of one room, oldest first, in columns of plain numbers: some hours of a school fit into few megabytes."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta, timezone
from typing import get_args

from edge.contract.payloads import Facing, Unclassified, WindowPayload, Withheld
from edge.contract.shares import ShareRange
from edge.contract.validation import end_of
from edge.recording.window_record import Series, WindowRecord
from edge.web.dashboard.folded_labels import fold_labels
from edge.web.dashboard.series_column import SeriesColumn

REPLAYED, UNSYNCED, ESTIMATED, COUNTED = 1, 2, 4, 8
MAX_SECONDS = 86_400.0
ABSENT = 2**32 - 1  # no number, where one of 32 bits could be
NO_SHARE = 2**16 - 1  # and of 16 bits
NO_MEAN = -1.0
WHOLE = (
    "frames", "total", "min", "max", "too_small", "away", "unclear", "facing_front", "facing_away", "facing_unknown",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
PARTS = 10_000  # a share is kept in ten thousandths

WITHHELD = (
    None,
    *(
        Withheld.model_validate({"what": what, "reason": reason})
        for what in get_args(Withheld.model_fields["what"].annotation)
        for reason in get_args(Withheld.model_fields["reason"].annotation)
    ),
)


class History:
    """The windows of one room. Not thread-safe."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        """Of the windows, `unknown` among them, in the order of appearance; also of some that were dropped."""
        self._uses: list[int] = []  # how many counts and shares there are of each of these
        self._ends = array("q")
        self._keys = array("Q")  # epoch and seq
        self._known: set[int] = set()  # the same with the end: a restored card uses numbers again
        self._lengths = array("I")
        self._flags = array("B")
        self._series = SeriesColumn()
        self._withheld = array("B")
        self._coverage = array("H")
        self._means = array("d")
        self._whole = {name: array("I") for name in WHOLE}
        self._counts: list[array[int]] = []
        self._shares: list[tuple[array[int], array[int], array[int]]] = []

    def __len__(self) -> int:
        return len(self._ends)

    def check(self, window: WindowPayload) -> None:
        """Raise ValueError for a window that could not be kept as it is."""
        length = window.window.seconds
        if not 0.001 <= length <= MAX_SECONDS or window.frames >= ABSENT:
            raise ValueError("nonsensical length")
        if any(not each.low <= each.share <= each.high for each in (window.estimate or {}).values()):
            raise ValueError("nonsensical estimate")

    def fold(self, window: WindowPayload) -> WindowPayload:
        """The window with its labels as they can be kept, beside those of other windows that are here."""
        found = {*(window.counts or ()), *(window.estimate or ())}
        for at in reversed(range(len(self.labels))):
            if not self._uses[at] and self.labels[at] not in found:  # as after a change of the model
                del self.labels[at], self._uses[at], self._counts[at], self._shares[at]
        return fold_labels(window, self.labels)

    def add(self, window: WindowPayload) -> bool:
        """Put a window in its place.

        Args:
            window: As `fold` gave it, and `check` accepted.

        Returns:
            Whether it is new, and no duplicate.
        """
        key = int(window.epoch, 16) << 32 | window.seq
        end = round(end_of(window).timestamp() * 1000)
        if (identity := _identity(key, end)) in self._known:
            return False
        self._known.add(identity)
        counts = window.counts or {}
        estimate = (window.estimate or {}) if counts else {}
        for label in (*counts, *estimate):
            self._ensure(label)
        at = bisect_right(self._ends, end)
        self._ends.insert(at, end)
        self._keys.insert(at, key)
        self._lengths.insert(at, round(window.window.seconds * 1000))
        self._flags.insert(at, _flags(window, estimated=bool(estimate)))
        self._series.insert(at, Series.of(window))
        self._withheld.insert(at, WITHHELD.index(window.withheld))
        self._coverage.insert(at, round(window.quality.coverage * PARTS))
        faces, unclassified, facing = window.faces, window.unclassified, window.facing
        self._means.insert(at, NO_MEAN if faces.mean is None else faces.mean)
        figures: list[int | None] = [window.frames, faces.total, faces.min, faces.max]
        figures += [unclassified.too_small, unclassified.away, unclassified.unclear] if unclassified else [None] * 3
        figures += [facing.front, facing.away, facing.unknown] if facing else [None] * 3
        for column, number in zip(self._whole.values(), figures, strict=True):
            column.insert(at, ABSENT if number is None else number)
        for place, (label, column, three) in enumerate(zip(self.labels, self._counts, self._shares, strict=True)):
            self._uses[place] += (label in counts) + (label in estimate)
            column.insert(at, counts.get(label, ABSENT))
            share = estimate.get(label)
            parts = (None,) * 3 if share is None else (share.share, share.low, share.high)
            for each, part in zip(three, parts, strict=True):
                each.insert(at, NO_SHARE if part is None else round(part * PARTS))
        return True

    def record(self, at: int) -> WindowRecord:
        """One window, by its place."""
        flags, key, mean = self._flags[at], self._keys[at], self._means[at]
        numbers = {name: _number(column[at]) for name, column in self._whole.items()}
        end = EPOCH + timedelta(milliseconds=self._ends[at])
        counts = {label: column[at] for label, column in zip(self.labels, self._counts, strict=True)}
        shares = {label: [each[at] for each in three] for label, three in zip(self.labels, self._shares, strict=True)}
        small, unclear = numbers["too_small"], numbers["unclear"]
        front, away, unknown = (numbers[f"facing_{part}"] for part in ("front", "away", "unknown"))
        return WindowRecord(
            epoch=f"{key >> 32:08x}", seq=key & ABSENT, start=end - timedelta(milliseconds=self._lengths[at]), end=end,
            mode=self._series[at].mode, replayed=bool(flags & REPLAYED), frames=numbers["frames"] or 0,
            total=numbers["total"], mean=None if mean == NO_MEAN else mean, low=numbers["min"], high=numbers["max"],
            facing=None
            if front is None or away is None or unknown is None
            else Facing.model_construct(front=front, away=away, unknown=unknown),
            counts={label: n for label, n in counts.items() if n != ABSENT} if flags & COUNTED else None,
            unclassified=None
            if small is None or unclear is None
            else Unclassified.model_construct(too_small=small, away=numbers["away"], unclear=unclear),
            estimate={
                label: ShareRange(*(part / PARTS for part in parts))
                for label, parts in shares.items()
                if parts[0] != NO_SHARE
            }
            if flags & ESTIMATED
            else None,
            estimate_absent=None, withheld=WITHHELD[self._withheld[at]], coverage=self._coverage[at] / PARTS,
            clock_synced=not flags & UNSYNCED, series=self._series[at],
        )  # fmt: skip

    def part(self, first: int, last: int) -> History:
        """A copy of the windows that ended after one time and not after another, in milliseconds; only to be read."""
        where = slice(bisect_right(self._ends, first), bisect_right(self._ends, last))
        part = History()
        part.labels = list(self.labels)
        part._ends, part._keys, part._lengths = self._ends[where], self._keys[where], self._lengths[where]
        part._flags, part._series, part._withheld = self._flags[where], self._series.part(where), self._withheld[where]
        part._coverage, part._means = self._coverage[where], self._means[where]
        part._whole = {name: column[where] for name, column in self._whole.items()}
        part._counts = [column[where] for column in self._counts]
        part._shares = [(three[0][where], three[1][where], three[2][where]) for three in self._shares]
        return part

    def records(self) -> list[WindowRecord]:
        """All windows, oldest first."""
        return [self.record(at) for at in range(len(self))]

    def keep(self, first: int, last: int) -> None:
        """Drop what did not end between two times in milliseconds."""
        self._drop(slice(bisect_right(self._ends, last), None))
        self._drop(slice(0, bisect_left(self._ends, first)))

    def drop_between(self, first: int, last: int) -> bool:
        """Drop every window of which any part lies between two times in milliseconds; whether there was one."""
        ends, lengths = self._ends, self._lengths
        gone = [at for at in range(bisect_right(ends, first), len(ends)) if ends[at] - lengths[at] < last]
        runs: list[slice] = []
        for at in gone:
            begin = runs.pop().start if runs and runs[-1].stop == at else at
            runs.append(slice(begin, at + 1))
        for where in reversed(runs):
            self._drop(where)
        return bool(gone)

    def drop_oldest(self, number: int = 1) -> None:
        """Drop so many windows."""
        self._drop(slice(0, number))

    def _drop(self, where: slice) -> None:
        if not len(self._ends[where]):
            return
        self._known.difference_update(map(_identity, self._keys[where], self._ends[where]))
        for place, (counts, (shares, _, _)) in enumerate(zip(self._counts, self._shares, strict=True)):
            self._uses[place] -= _figures(counts[where], ABSENT) + _figures(shares[where], NO_SHARE)
        columns = [
            self._ends,
            self._keys,
            self._lengths,
            self._flags,
            self._withheld,
            self._coverage,
            *self._whole.values(),
        ]
        for column in (*columns, *self._counts, *(each for three in self._shares for each in three)):
            del column[where]
        del self._means[where]
        self._series.drop(where)

    def _ensure(self, label: str) -> None:
        if label not in self.labels:
            self.labels.append(label)
            self._uses.append(0)
            self._counts.append(array("I", [ABSENT]) * len(self))
            self._shares.append((_no_shares(len(self)), _no_shares(len(self)), _no_shares(len(self))))


def _identity(key: int, end: int) -> int:
    """One number: as a tuple it would take more memory than the rest of a window."""
    return end << 64 | key


def _flags(window: WindowPayload, *, estimated: bool) -> int:
    return (
        REPLAYED * window.replayed
        | UNSYNCED * (not window.quality.clock_synced)
        | ESTIMATED * estimated
        | COUNTED * (window.counts is not None)
    )


def _number(number: int) -> int | None:
    return None if number == ABSENT else number


def _figures(column: array[int], none: int) -> int:
    return len(column) - column.count(none)


def _no_shares(length: int) -> array[int]:
    return array("H", [NO_SHARE]) * length
