"""The picture of a lesson or a day: shares over time, faces over time."""

from __future__ import annotations

from datetime import datetime, timedelta

from matplotlib.figure import Figure

from edge.languages.words import Words
from edge.reporting.charts import draw_gaps, faces, legend, stack, time_axis, width_for
from edge.reporting.gaps import FACES_KNOWN, WORDS
from edge.reporting.palette import LIGHT
from edge.reporting.report_data import ReportData
from edge.reporting.totals import binned
from edge.text import Sentence

BASES = {
    "estimate": Sentence("Estimated share of faces, corrected for the classifier's confusions."),
    "counts": Sentence("Share of the faces with an emotion, counted, not corrected for the classifier's confusions."),
}


def lesson(report: ReportData, words: Words) -> Figure:
    """Draw one stretch of time."""
    start, end = report.shown
    zero = start.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)

    def at(moment: datetime) -> float:
        return (moment.astimezone(report.period.zone).replace(tzinfo=None) - zero) / timedelta(hours=1)

    width = max(width_for(end - start), width_of(report))
    points = binned(report.parts, start, width)
    gaps = [gap for gap in report.gaps if gap.end > start and gap.start < end]
    heights = [3.0, 1.3] if report.basis else [2.4]
    figure = Figure(figsize=(10, sum(heights) + 1.2), layout="constrained")
    rows = figure.subplots(len(heights), sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    for axes in rows:
        time_axis(axes, at(start), at(end))
    if report.basis:
        stack(rows[0], points, report.basis, report.names, at, start, width)
        legend(rows[0], report.names, report.totals.shares_by(report.basis), words)
        rows[0].set_xlabel(words.say(BASES[report.basis]), loc="left", fontsize=9)
        draw_gaps(rows[0], gaps, at, WORDS, words)
    faces(rows[-1], points, at, start, width)
    said = words.translate("Faces in the picture: mean, and from fewest to most.")
    rows[-1].set_xlabel(said, loc="left", fontsize=9)
    rows[-1].grid(axis="y", linewidth=0.8)
    rows[-1].set_axisbelow(True)
    unknown = [gap for gap in gaps if gap.kind not in FACES_KNOWN]
    draw_gaps(rows[-1], unknown, at, {} if report.basis else WORDS, words)
    for axes in rows:
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_color(LIGHT["line"])
        axes.tick_params(axis="x", labelbottom=True)
    return figure


def width_of(report: ReportData) -> timedelta:
    """The length of a usual window: a point cannot stand for less."""
    lengths = sorted(part.duration for part in report.parts)
    return timedelta(seconds=max(1.0, round(lengths[len(lengths) // 2].total_seconds())))
