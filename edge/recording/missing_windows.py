"""Windows that never came: numbers of a device that were skipped and are still missing after a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

PATIENCE = 3600.0  # seconds: a backlog comes behind the live windows, and takes its time
MOST_SERIES = 10_000  # of a device and an epoch; strangers can make up more
MOST_SPANS = 50  # of missing numbers in each


@dataclass
class _Span:
    first: int
    last: int
    since: float


@dataclass
class _Series:
    newest: int
    missing: list[_Span] = field(default_factory=list)


class MissingWindows:
    """Watches the numbers of every device.

    Args:
        report: Called with device, first and last number once windows count as lost.
    """

    def __init__(self, report: Callable[[str, int, int], None]) -> None:
        self._report = report
        self._series: OrderedDict[tuple[str, str], _Series] = OrderedDict()
        self._next_look = 0.0

    def record(self, device: str, epoch: str, seq: int, now: float) -> None:
        """A window came; `now` in monotonic seconds."""
        series = self._series.get((device, epoch))
        if series is None:
            self._series[device, epoch] = _Series(seq)
            if len(self._series) > MOST_SERIES:
                self._series.popitem(last=False)
            return
        self._series.move_to_end((device, epoch))
        if seq > series.newest + 1 and len(series.missing) < MOST_SPANS:
            series.missing.append(_Span(series.newest + 1, seq - 1, now))
        elif seq < series.newest:
            series.missing = [part for span in series.missing for part in _without(span, seq)][:MOST_SPANS]
        series.newest = max(series.newest, seq)

    def look(self, now: float) -> None:
        """Report what has been missing for too long, once."""
        if now < self._next_look:
            return
        self._next_look = now + PATIENCE / 60
        for (device, _), series in self._series.items():
            for span in [span for span in series.missing if now - span.since > PATIENCE]:
                series.missing.remove(span)
                self._report(device, span.first, span.last)


def _without(span: _Span, seq: int) -> list[_Span]:
    if not span.first <= seq <= span.last:
        return [span]
    parts = [_Span(span.first, seq - 1, span.since), _Span(seq + 1, span.last, span.since)]
    return [part for part in parts if part.first <= part.last]
