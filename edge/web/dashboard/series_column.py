"""Which series each window of a room belongs to, as a column of bytes: sums of two models are kept apart by it."""

from __future__ import annotations

from array import array

from edge.recording.series_ids import MOST_SERIES
from edge.recording.window_record import Series
from edge.recording.window_sums import OTHER


class SeriesColumn:
    """As a list of series, which keeps each of them once.

    Of a room that makes up ever more names of models, the rest are one, as in a recording: there are `MOST_SERIES` and
    one more for each mode.
    """

    def __init__(self) -> None:
        self._series: list[Series] = []
        self._uses: list[int] = []  # by how many windows
        self._numbers = array("B")

    def __getitem__(self, at: int) -> Series:
        return self._series[self._numbers[at]]

    def insert(self, at: int, series: Series) -> None:
        """Put that of a window in its place."""
        number = self._number(series)
        self._uses[number] += 1
        self._numbers.insert(at, number)

    def part(self, where: slice) -> SeriesColumn:
        """A copy of a part; only to be read."""
        part = SeriesColumn()
        part._series, part._numbers = list(self._series), self._numbers[where]
        return part

    def drop(self, where: slice) -> None:
        """Those of windows that go."""
        for number in self._numbers[where]:
            self._uses[number] -= 1
        del self._numbers[where]

    def _number(self, series: Series) -> int:
        if series in self._series:
            return self._series.index(series)
        used = (each for each, uses in zip(self._series, self._uses, strict=True) if uses)
        if sum(each != _rest(each) for each in used) >= MOST_SERIES:  # a room may call a model of its own `other`, too
            series = _rest(series)
            if series in self._series:
                return self._series.index(series)
        if 0 in self._uses:  # as after a change of the model
            number = self._uses.index(0)
            self._series[number] = series
            return number
        self._series.append(series)
        self._uses.append(0)
        return len(self._series) - 1


def _rest(series: Series) -> Series:
    return Series(series.mode, OTHER, None, None)
