"""One recorded lesson as its page draws it: sentences, figures, comparison, lines, pieces and gaps; as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from edge.contract.labels import UNKNOWN, adjective
from edge.contract.shares import front_share
from edge.recording.window_sums import MILLISECOND
from edge.reporting.comparison_sentences import MAY_BE_EQUAL, may_be_equal
from edge.reporting.lesson_comparison import FACES, Comparison, EarlierLessons, figures
from edge.reporting.lesson_report import LessonReport
from edge.reporting.lesson_sentences import SUREST, limits, mean_so_far, not_yet
from edge.reporting.lesson_statistics import FRONT, LEAST_MINUTES, width_of
from edge.reporting.missing_words import in_part_missing
from edge.reporting.scope import NOT_MEASURED, scope_of
from edge.reporting.smoothing import LinePoint
from edge.web.dashboard.lesson import JSON, gaps_json, milliseconds, pieces, shares_json

PIECES = 90  # half a minute of a lesson: the lines have the details


def lesson_json(
    report: LessonReport, earlier: EarlierLessons | None, now: datetime, until: datetime | None = None
) -> JSON:
    """All that a page says about a lesson.

    Args:
        report: On the lesson.
        earlier: The comparison; None: there is nothing to compare with, as without a timetable.
        now: A lesson that goes on is drawn until then.
        until: When what was asked for ends, where less of it is drawn; None: when the lesson ends.
    """
    data = report.data
    start, end = data.period.start, data.period.end
    until, totals = until or end, data.totals
    waiting = start <= now < until and data.summary.measured < LEAST_MINUTES * 60
    told = (
        [*mean_so_far(totals.mean), not_yet(data.summary, now, until, data.period.zone)]
        if waiting
        else report.sentences(earlier)
    )
    comparison = earlier.comparison if earlier else None
    notes = [NOT_MEASURED[scope_of([totals])]] if data.summary.enough else []
    if data.summary.enough and report.changes is not None:
        notes.append(SUREST)
    notes += limits(totals, data.round_to)
    notes += in_part_missing(totals, data.period.zone, lambda moment: f"{moment:%Y-%m-%d %H:%M}")
    if comparison and comparison.verdict in ("one", "few", "same") and may_be_equal(comparison):
        notes.append(MAY_BE_EQUAL)
    return {
        "from": milliseconds(start), "to": milliseconds(min(end, now)), "end": milliseconds(end),
        "running": waiting or start <= now < end,
        "sentences": [each.as_json() for each in told],
        "notes": [each.as_json() for each in notes],
        "figures": list(_figures(report, comparison)),
        "verdict": comparison.verdict if comparison else None,
        "earlier": comparison.lessons if comparison else 0,
        "lines": [
            {
                "what": line.what, "word": _word(line.what),
                "pieces": [[_point(point) for point in piece] for piece in line.pieces],
            }
            for line in report.lines
        ],
        "minutes": list(_minutes(report)), "width": width_of(data.parts) // MILLISECOND,
        "pieces": pieces(data.parts, start, end, PIECES),
        "gaps": gaps_json(data.gaps, start),
        "mean": totals.mean, "front": front_share(totals.facing),
        "measured": round(1000 * data.summary.measured),
        "rolled_up": bool(data.parts) and not data.windows,
        **shares_json(totals.shares),
    }  # fmt: skip


def _figures(report: LessonReport, comparison: Comparison | None) -> Iterator[JSON]:
    """Rows of the comparison: this lesson, what is usual, its range, and whether it differs (null: nobody can tell)."""
    summary = report.data.summary
    found = figures(summary)
    for name in [*(each for each in (FACES, FRONT) if each in found), *summary.expressions]:
        figure, usual = found[name], comparison.figures.get(name) if comparison else None
        yield {
            "what": name, "word": _word(name), "value": figure.value, "low": figure.low, "high": figure.high,
            "usual": usual and usual.usual, "usual_low": usual and usual.low, "usual_high": usual and usual.high,
            "lessons": usual.lessons if usual else 0,
            "differs": usual.differs if usual and comparison and comparison.verdict in ("same", "different") else None,
            "overlaps": comparison.overlapping.get(name) if comparison else None,
        }  # fmt: skip


def _minutes(report: LessonReport) -> Iterator[JSON]:
    """Rows of the table: each minute, within the lesson, with figures, its faces, and the points of the lines."""
    points = {line.what: {point.middle: point for piece in line.pieces for point in piece} for line in report.lines}
    start, end = report.data.period.start, report.data.period.end
    for minute in report.data.minutes:
        there = {what: _interval(each[minute.middle]) for what, each in points.items() if minute.middle in each}
        totals = minute.totals
        yield {
            "start": milliseconds(max(minute.start, start)), "end": milliseconds(min(minute.end, end)),
            "mean": totals.mean, "min": totals.least, "max": totals.most, "shares": there,
        }  # fmt: skip


def _interval(point: LinePoint) -> list[float]:
    return [round(each, 4) for each in (point.share, point.low, point.high)]


def _point(point: LinePoint) -> list[float]:
    return [milliseconds(point.middle), *_interval(point)]


def _word(what: str) -> str:
    return what if what in (FACES, FRONT, UNKNOWN) else adjective(what)
