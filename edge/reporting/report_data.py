"""Everything that a report tells, read once: windows or their roll-ups, gaps, totals, and what is worth a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import NamedTuple

from edge.contract.shares import Basis
from edge.errors import ConfigError
from edge.recording.deletion_requests import DeletedTimes
from edge.recording.five_minutes import overlaps
from edge.recording.recorded import Recorded
from edge.recording.rollups import Bucket, bucket_of
from edge.recording.runs import SHORT, Run, in_order
from edge.recording.window_record import Stretch, WindowRecord
from edge.recording.window_row import DamagedError
from edge.reporting.conditions import rounding_steps
from edge.reporting.gaps import Gap, clipped, gaps, kept_as_days, unheard
from edge.reporting.lesson_comparison import EarlierLessons
from edge.reporting.lesson_statistics import LessonSummary, Minute, minutes, summarize_minutes
from edge.reporting.lost_at_edges import with_lost_at_edges
from edge.reporting.period import LONGEST, Period
from edge.reporting.stretch import runs_of, windows_between
from edge.reporting.totals import Part, Totals, add_up
from edge.text import listed

HOUR = timedelta(hours=1)
NEAR = timedelta(days=1)  # in which a window beside a period is looked for
MOST_TOLD = 10  # days in an error


@dataclass(frozen=True)
class ReportData:
    """A device over a period: its windows, or of several days their roll-ups.

    Attributes:
        earlier: The same lesson of the weeks before; None: it was not asked for.
        round_to: What counts were rounded to, the most where that changed; 1: they are exact, or nobody knows.
        goes_on: Whether the period was not over when it was read.
    """

    device: str
    period: Period
    parts: Sequence[Part]
    gaps: Sequence[Gap]
    totals: Totals
    earlier: EarlierLessons | None = None
    round_to: int = 1
    goes_on: bool = False

    @property
    def windows(self) -> list[WindowRecord]:
        """The windows, where it was read from these alone: of one stretch that is kept window by window; else none."""
        found = [part for part in self.parts if isinstance(part, WindowRecord)]
        return found if len(found) == len(self.parts) else []

    @cached_property
    def minutes(self) -> Sequence[Minute]:
        """Those with figures, in order; longer ones where windows are, or only roll-ups were kept."""
        return minutes(self.parts)

    @cached_property
    def summary(self) -> LessonSummary:
        """The whole period."""
        return summarize_minutes(self.totals, self.minutes)

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
        first, last = self.parts[0].start.astimezone(zone), max(part.end for part in self.parts).astimezone(zone)
        if (period.start.hour, period.start.minute, period.end.hour, period.end.minute) != (0, 0, 0, 0):
            return period.start, period.end
        first = first.replace(minute=0, second=0, microsecond=0)
        last = (last + HOUR - timedelta(microseconds=1)).replace(minute=0, second=0, microsecond=0)
        return max(first, period.start), min(max(last, first + HOUR), period.end)


def read_report(recording: Recorded, device: str, period: Period, now: datetime) -> ReportData:
    """Read what there is. Raises ConfigError where there is nothing, or far too much."""
    found = read_stretch(recording, device, period, now)
    if not found.parts:
        if days := recording.kept_days(device, period.start, period.end):
            told = listed(sorted({f"{each.since:%Y-%m-%d}" for each in days}), MOST_TOLD)
            raise ConfigError(
                f"of {device} only the sums of whole days (UTC) are kept from {period.start:%Y-%m-%d %H:%M} to "
                f"{period.end:%Y-%m-%d %H:%M}: {told}",
                "edge report --school --term FIRST LAST adds them up by weeks",
            )
        first, last = (moment.astimezone(period.zone) for moment in recording.devices()[device])
        raise ConfigError(
            f"no windows of {device} from {period.start:%Y-%m-%d %H:%M} to {period.end:%Y-%m-%d %H:%M}",
            f"there are some from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}",
        )
    return found


def read_stretch(recording: Recorded, device: str, period: Period, now: datetime) -> ReportData:
    """The same where there may be nothing. Raises ConfigError for far too much."""
    if period.end.astimezone(timezone.utc) - period.start.astimezone(timezone.utc) > LONGEST:
        raise ConfigError(f"{period} is too long for a picture", f"at most {LONGEST.days} days; a .csv may be longer")
    buckets = list(recording.buckets(device, bucket_of(period.start), period.end))
    parts = _parts(recording, device, period, buckets)
    end = min(period.end, max([now, *(part.end for part in parts)]))
    states, availability = recording.state_changes(device, end)
    stretches = _stretches(parts, buckets, period)
    around = _neighbours(recording, device, stretches, period.start, end)
    requests = DeletedTimes(recording.requests())
    deleted = requests.between(device, around.start, around.end)
    found = clipped(gaps(around.stretches, states, availability, around.start, around.end, deleted), period.start, end)
    totals = with_lost_at_edges(add_up(parts, deleted), recording, device, period.start, end, requests)
    for each in totals.lost_at_edges:  # no number where nobody knows which of them were on this side
        known = each.least if each.least == each.most else 0
        for number, gap in enumerate(found):
            if gap.missing and overlaps(gap.start, gap.end, each.since, each.until):
                found[number], known = replace(gap, missing=known), 0
    if found and found[0].kind == "nothing":
        # What was before the first window of any room is not missing: nobody recorded.
        begun = min((first for first, _ in recording.devices().values()), default=end)
        found = unheard(found, [Gap(period.start, min(begun, end), "unrecorded")])
    days = recording.kept_days(device, period.start, end)
    found = unheard(found, kept_as_days(run for each in days for run in each.runs))
    steps = rounding_steps(recording.places(device, now), period.start, end)
    return ReportData(device, period, parts, found, totals, round_to=max(steps, default=1), goes_on=now < period.end)


def _parts(recording: Recorded, device: str, period: Period, buckets: Sequence[Bucket]) -> list[Part]:
    """Windows of one stretch of time; roll-ups of several days, and where the windows were not kept."""
    whole = all(bucket_of(moment) == moment for moment in (period.start, period.end))
    if whole and not period.single:
        return [*buckets]
    return windows_between(recording, device, buckets, period.start, period.end)


class _Around(NamedTuple):
    """Stretches, and those beside them where that tells of lost windows in between; and the time from and to these."""

    stretches: list[Stretch]
    start: datetime
    end: datetime


def _neighbours(recording: Recorded, device: str, stretches: list[Stretch], start: datetime, end: datetime) -> _Around:
    """What begins or ends a period with a gap may be beyond it: the numbers there tell whether windows were lost."""
    around = _Around(stretches, start, end)
    if not stretches:
        return around
    if stretches[0].start - start > SHORT:
        # What began before the period and reaches into it is none of its windows, and no gap.
        ends = [run.end for run in _runs(recording, device, start - HOUR, start) if run.start < start]
        around = around._replace(start=min(max([start, *ends]), stretches[0].start))
    if stretches[0].start - start > stretches[0].opening:
        before = [run for run in _runs(recording, device, start - NEAR, start) if run.end <= stretches[0].start]
        if before and _were_lost(newest := max(before, key=lambda run: run.end), stretches[0]):
            around = around._replace(stretches=[newest, *around.stretches], start=newest.end)
    if end - stretches[-1].end > stretches[-1].closing:
        after = [run for run in _runs(recording, device, bucket_of(end), end + NEAR) if run.start >= end]
        if after and _were_lost(stretches[-1], oldest := min(after)):
            around = around._replace(stretches=[*around.stretches, oldest], end=oldest.start)
    return around


def _runs(recording: Recorded, device: str, start: datetime, end: datetime) -> list[Run]:
    """Those of a time beside the period; none where something is damaged, which is not what was asked for."""
    try:
        return list(runs_of(list(recording.buckets(device, start, end))))
    except DamagedError:
        return []


def _were_lost(before: Stretch, after: Stretch) -> bool:
    return any(gap.kind == "lost" for gap in gaps([before, after], (), (), before.start, after.end))


def _stretches(parts: Sequence[Part], buckets: Sequence[Bucket], period: Period) -> list[Stretch]:
    """The times that there were windows in, in order: also of those that were not kept and cannot be told apart."""
    if all(isinstance(part, WindowRecord) for part in parts) and parts:
        return [part for part in parts if isinstance(part, WindowRecord)]
    runs = (run for run in runs_of(buckets) if run.start < period.end and run.end > period.start)
    return [*in_order(runs)]
