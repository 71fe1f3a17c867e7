"""Windows that never came: numbers of a device that were skipped and are still missing after a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.contract.numbering import begins_again

PATIENCE = 3600.0  # seconds: a backlog comes behind the live windows, and takes its time
MOST_DEVICES = 10_000  # strangers can make up more
MOST_EPOCHS = 10  # of a device; it has a new one only when its outbox was lost
MOST_SPANS = 50  # of missing numbers in each
MOST_OF_ALL = 20_000  # spans, about, shared by all devices
MOST_REPORTS = 5  # of a device at a time; the next ones a minute later
MOST_REPORTED = 50  # devices at a time; of more only their number is said


@dataclass(slots=True)
class _Span:
    first: int
    last: int
    since: float


@dataclass(slots=True)
class _Series:
    newest: int
    start: str  # of the newest, as text; "" where that is not sure
    missing: list[_Span] = field(default_factory=list)


class MissingWindows:
    """Watches the numbers of every device.

    Args:
        report: Called with device, first and last number once windows count as lost.
        report_more: Called with the number of devices that are not reported one by one, because they are too many.
    """

    def __init__(self, report: Callable[[str, int, int], None], report_more: Callable[[int], None]) -> None:
        self._report = report
        self._report_more = report_more
        self._devices: OrderedDict[str, OrderedDict[str, _Series]] = OrderedDict()
        self._next_look = 0.0

    def record(self, device: str, epoch: str, seq: int, now: float, start: str = "") -> None:
        """A window came.

        Args:
            device: Whose.
            epoch: Of its number.
            seq: Its number.
            now: Monotonic seconds.
            start: When it begins, as text; "": its clock was not set.
        """
        epochs = self._devices.setdefault(device, OrderedDict())
        self._devices.move_to_end(device)
        if len(self._devices) > MOST_DEVICES:
            self._devices.popitem(last=False)
        series = epochs.get(epoch)
        if series is None or (series.start and begins_again(seq, start, series.newest, series.start)):
            epochs[epoch] = _Series(seq, start)
            if len(epochs) > MOST_EPOCHS:
                epochs.popitem(last=False)
            return
        epochs.move_to_end(epoch)
        if seq > series.newest + 1 and len(series.missing) < MOST_SPANS and self._has_room(epochs):
            series.missing.append(_Span(series.newest + 1, seq - 1, now))
        elif seq < series.newest:
            series.missing = [part for span in series.missing for part in _without(span, seq)][:MOST_SPANS]
        if seq > series.newest:
            series.newest, series.start = seq, start

    def look(self, now: float) -> None:
        """Report what has been missing for too long, once."""
        if now < self._next_look:
            return
        self._next_look = now + PATIENCE / 60
        reported = 0
        for device, epochs in self._devices.items():
            due = [
                (series, span) for series in epochs.values() for span in series.missing if now - span.since > PATIENCE
            ]
            reported += bool(due)
            for series, span in due[:MOST_REPORTS]:
                series.missing.remove(span)
                if reported <= MOST_REPORTED:
                    self._report(device, span.first, span.last)
        if reported > MOST_REPORTED:
            self._report_more(reported - MOST_REPORTED)

    def _has_room(self, epochs: OrderedDict[str, _Series]) -> bool:
        """Whether a device has fewer spans than its part of all: the more devices, the smaller."""
        return sum(len(series.missing) for series in epochs.values()) < max(1, MOST_OF_ALL // len(self._devices))


def _without(span: _Span, seq: int) -> list[_Span]:
    if not span.first <= seq <= span.last:
        return [span]
    parts = [_Span(span.first, seq - 1, span.since), _Span(seq + 1, span.last, span.since)]
    return [part for part in parts if part.first <= part.last]
