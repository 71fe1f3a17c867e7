"""The pictures of a week: one row per day, and hour by hour how much of each emotion there was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from edge.reporting.charts import Hours, draw_gaps, label, legend, stack, time_axis, width_for
from edge.reporting.gaps import BRIEF
from edge.reporting.lesson_chart import width_of
from edge.reporting.palette import LIGHT, colours
from edge.reporting.report_data import HOUR, ReportData
from edge.reporting.totals import Part, Totals, add_up, binned

MOST_MAPS = 8
LEAST_TOP = 20.0  # percent: a rare emotion must not look like a storm because it doubled


def days(report: ReportData) -> Figure:
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
        draw_gaps(axes, [gap for gap in report.gaps if at(gap.end) > 0 and at(gap.start) < 24], at, BRIEF)
        axes.set_yticks([])
        axes.set_ylabel(f"{day:%a}\n{day:%-d %b}", rotation=0, ha="right", va="center", color=LIGHT["text"])
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    rows[-1].spines["bottom"].set_visible(True)
    if report.basis:
        legend(rows[0], report.names, report.totals.shares_by(report.basis))
    return figure


def heat_maps(report: ReportData) -> Figure:
    """Draw day by hour: faces, then the share of each emotion, darker for more."""
    dates, first, last = dates_of(report), *hours_of(report)
    cells = _cells(report, dates, first, last)
    shades = colours(report.names)
    maps = [("faces, mean", "faces", {key: totals.mean for key, totals in cells.items()})]
    for name in report.names[: MOST_MAPS - 1]:
        shares = {key: totals.shares_by(report.basis).get(name) for key, totals in cells.items() if report.basis}
        percents = {key: None if each is None else 100 * each.share for key, each in shares.items()}
        maps.append((f"{label(name)}, %", shades[name], percents))
    columns = 2 if len(maps) > 1 else 1
    lines = -(-len(maps) // columns)
    figure = Figure(figsize=(10, lines * (0.28 * len(dates) + 0.75)), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(maps) :]:
        axes.set_visible(False)
    for axes, (title, colour, values) in zip(grid.flat, maps, strict=False):
        top = max((value for value in values.values() if value is not None), default=0.0)
        top = max(top, 1.0 if colour == "faces" else LEAST_TOP)
        shade = LinearSegmentedColormap.from_list(colour, ["#f7f9fa", LIGHT[colour], "#16242f"])
        for (day, hour), value in values.items():
            if value is None:
                continue
            part = 0.75 * value / top
            red, green, blue, _ = shade(part)
            axes.add_patch(Rectangle((hour, day), 1, 1, facecolor=(red, green, blue), edgecolor=LIGHT["card"]))
            if last - first <= 14:
                ink = "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else "#10181e"
                text = f"{value:.0f}" if value >= 9.95 or colour != "faces" else f"{value:.1f}"
                axes.text(hour + 0.5, day + 0.52, text, ha="center", va="center", fontsize=8, color=ink)
        time_axis(axes, first, last, 8)
        axes.set_ylim(len(dates), 0)
        axes.set_yticks(np.arange(len(dates)) + 0.5, [f"{day:%a %-d}" for day in dates])
        axes.set_title(title, loc="left", fontsize=10, color=LIGHT["text"])
        axes.set_facecolor(LIGHT["gap"])
        for spine in axes.spines.values():
            spine.set_visible(False)
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


def _cells(report: ReportData, dates: Sequence[date], first: int, last: int) -> dict[tuple[int, int], Totals]:
    """Totals by number of day and hour."""
    groups: dict[tuple[int, int], list[Part]] = {}
    for part in report.parts:
        local = part.start.astimezone(report.period.zone)
        if part.has_figures and local.date() in dates and first <= local.hour < last:
            groups.setdefault((dates.index(local.date()), local.hour), []).append(part)
    return {key: add_up(group) for key, group in groups.items()}


def _hours(report: ReportData, day: date) -> Hours:
    midnight = datetime.combine(day, time())
    return lambda moment: (moment.astimezone(report.period.zone).replace(tzinfo=None) - midnight) / HOUR
