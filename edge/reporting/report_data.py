"""Everything that a report tells, read once: windows, gaps, totals, and from when to when it is worth a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from edge.contract.shares import Basis
from edge.errors import ConfigError
from edge.recording.reader import Recording
from edge.recording.window_record import WindowRecord
from edge.reporting.gaps import Gap, gaps
from edge.reporting.period import LONGEST, Period
from edge.reporting.totals import Totals, add_up

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class ReportData:
    """A device over a period."""

    device: str
    period: Period
    windows: Sequence[WindowRecord]
    gaps: Sequence[Gap]
    totals: Totals

    @property
    def basis(self) -> Basis | None:
        """Where the shares that are drawn come from; None: there are none."""
        return self.totals.basis

    @property
    def names(self) -> list[str]:
        """The emotions that are drawn."""
        return list(self.totals.shares_by(self.basis)) if self.basis else []

    @property
    def shown(self) -> tuple[datetime, datetime]:
        """The part that is drawn: of whole days only the hours in which there is something."""
        zone, period = self.period.zone, self.period
        first, last = self.windows[0].start.astimezone(zone), self.windows[-1].end.astimezone(zone)
        if (period.start.hour, period.start.minute, period.end.hour, period.end.minute) != (0, 0, 0, 0):
            return period.start, period.end
        first = first.replace(minute=0, second=0, microsecond=0)
        last = (last + HOUR - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)
        return max(first, period.start), min(max(last, first + HOUR), period.end)


def read_report(recording: Recording, device: str, period: Period, now: datetime) -> ReportData:
    """Read what there is. Raises ConfigError where there is nothing, or far too much."""
    if period.end.astimezone(timezone.utc) - period.start.astimezone(timezone.utc) > LONGEST:
        raise ConfigError(f"{period} is too long for a picture", f"at most {LONGEST.days} days; a .csv may be longer")
    windows = list(recording.windows(device, period.start, period.end))
    if not windows:
        first, last = (moment.astimezone(period.zone) for moment in recording.devices()[device])
        raise ConfigError(
            f"no windows of {device} from {period.start:%Y-%m-%d %H:%M} to {period.end:%Y-%m-%d %H:%M}",
            f"there are some from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}",
        )
    end = min(period.end, max(now, windows[-1].end))
    states, availability = recording.state_changes(device, end)
    return ReportData(device, period, windows, gaps(windows, states, availability, period.start, end), add_up(windows))
