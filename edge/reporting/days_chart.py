"""The picture of a week: one row per day."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from matplotlib.figure import Figure

from edge.languages.words import Words
from edge.reporting.charts import Hours, draw_gaps, legend, stack, time_axis, width_for
from edge.reporting.gaps import BRIEF
from edge.reporting.lesson_chart import width_of
from edge.reporting.palette import LIGHT
from edge.reporting.report_data import HOUR, ReportData
from edge.reporting.totals import Part, binned


def days(report: ReportData, words: Words) -> Figure:
    """Draw one row per day: shares where emotions were named, else nothing but the gaps."""
    dates, first, last = dates_of(report), *hours_of(report)
    figure = Figure(figsize=(10, 0.95 * len(dates) + 1.0), layout="constrained")
    rows = figure.subplots(len(dates), sharex=True, squeeze=False)[:, 0]
    groups = by_day(report)
    width = max(width_for(timedelta(hours=last - first), 100), width_of(report))
    for axes, day in zip(rows, dates, strict=True):
        at = _hours(report, day)
        start = datetime.combine(day, time(), report.period.zone)
        time_axis(axes, first, last)
        if report.basis:
            stack(axes, binned(groups.get(day, []), start, width), report.basis, report.names, at, start, width)
        draw_gaps(axes, [gap for gap in report.gaps if at(gap.end) > 0 and at(gap.start) < 24], at, BRIEF, words)
        axes.set_yticks([])
        axes.set_ylabel(
            f"{words.weekday(day)}\n{words.short_date(day)}", rotation=0, ha="right", va="center", color=LIGHT["text"]
        )
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    rows[-1].spines["bottom"].set_visible(True)
    if report.basis:
        legend(rows[0], report.names, report.totals.shares_by(report.basis), words)
    return figure


def dates_of(report: ReportData) -> list[date]:
    """The days of the period, without those at a weekend on which nothing was recorded."""
    day, last, there = report.period.start.date(), report.period.last_moment.date(), by_day(report)
    found = []
    while day <= last:
        if day.weekday() < 5 or day in there:
            found.append(day)
        day += timedelta(days=1)
    return found


def hours_of(report: ReportData) -> tuple[int, int]:
    """From which hour to which there is something on any day."""
    zone = report.period.zone
    first = min(part.start.astimezone(zone).hour for part in report.parts)
    last = max((part.end - timedelta(seconds=1)).astimezone(zone).hour + 1 for part in report.parts)
    return first, max(last, first + 1)


def by_day(report: ReportData) -> dict[date, list[Part]]:
    """Windows or roll-ups by the day on which they began."""
    found: dict[date, list[Part]] = {}
    for part in report.parts:
        found.setdefault(part.start.astimezone(report.period.zone).date(), []).append(part)
    return found


def _hours(report: ReportData, day: date) -> Hours:
    midnight = datetime.combine(day, time())
    return lambda moment: (moment.astimezone(report.period.zone).replace(tzinfo=None) - midnight) / HOUR
