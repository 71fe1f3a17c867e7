"""What a report says in words: figures, tables, and what limits their worth. Pure."""

from __future__ import annotations

from datetime import timedelta

from edge.contract.labels import adjective
from edge.contract.shares import front_share
from edge.reporting.change_detection import find_changes
from edge.reporting.charts import percent
from edge.reporting.gaps import WORDS
from edge.reporting.lesson_sentences import MAY_BE_EQUAL, describe, describe_changes
from edge.reporting.lesson_statistics import minutes, summarize_minutes
from edge.reporting.report_data import ReportData
from edge.text import Sentence

FOOTER = (
    "Only numbers about the whole room were recorded: no picture, no voice, nothing about a single person. A face's "
    "expression is not a feeling, and the classifier makes mistakes. Use this for trends of the room, "
    "never to judge a person."
)
ESTIMATE = (
    "The estimate is corrected for what the classifier is known to confuse. It is the mean over the windows, "
    "weighted by named faces, and its interval the mean of their 90 % intervals: many windows do not make it "
    "narrower, because the classifier errs in the same way in all of them."
)
COUNTS = (
    "The shares are plain counts over the faces with an emotion, since most windows have no estimate. They are not "
    "corrected: a room that is mostly "
    "neutral looks sadder in them than it is."
)
LONGEST_LESSON = timedelta(hours=12)  # what is longer is told in figures only
OBSERVATION = (
    "An observation is one face in one analysed frame, not a person: who sits there for an hour is observed thousands "
    "of times. The column “people” is the mean number in a frame."
)
NOTHING = "-"
MOST_GAPS = 60


def story(report: ReportData) -> list[Sentence]:
    """How a lesson was and when it changed, in two or three sentences.

    None of what is longer than a school day, or of which only roll-ups were kept.
    """
    if report.period.end - report.period.start > LONGEST_LESSON or not report.windows:
        return []
    parts = minutes(report.windows)
    summary = summarize_minutes(report.totals, parts)
    told = describe(summary)
    if summary.enough:
        told += describe_changes(find_changes(parts, summary.basis), report.period.zone)
    return told


def figures(report: ReportData) -> list[tuple[str, str]]:
    """The main figures, each with its name."""
    totals = report.totals
    front = front_share(totals.facing)
    return [
        ("faces on average", NOTHING if totals.mean is None else f"{totals.mean:.1f}"),
        ("fewest to most", NOTHING if totals.least is None else f"{totals.least} to {totals.most}"),
        *((("turned to the front", percent(front)),) if front is not None else ()),
        ("recorded", format_duration(totals.recorded)),
        ("coverage", f"{100 * totals.analysed / totals.recorded:.0f} %" if totals.recorded else NOTHING),
        ("windows", f"{totals.windows:,}"),
        ("windows withheld", f"{totals.withheld:,}"),
        ("missing", f"{totals.missing:,}"),
        ("sent late", f"{totals.replayed:,}"),
    ]


def emotions(report: ReportData) -> list[tuple[str, ...]]:
    """Rows of the table: emotion, estimated share, its interval, share of counts, observations, people on average."""
    totals, counted = report.totals, report.totals.shares_by("counts")
    found: list[tuple[str, ...]] = []
    for name in totals.counts:
        each = totals.estimate.get(name)
        found.append(
            (
                adjective(name)[:40],
                percent(each.share) if each else NOTHING,
                f"{percent(each.low or 0)} to {percent(each.high or 0)}" if each else NOTHING,
                percent(counted[name].share) if name in counted else NOTHING,
                f"{totals.counts[name]:,}",
                f"{totals.counts[name] / totals.named_frames:.2f}" if totals.named_frames else NOTHING,
            )
        )
    return found


def outages(report: ReportData) -> list[tuple[str, ...]]:
    """Rows of the table of times without figures: from, to, how long, why; the longest where there are too many."""
    zone, form = report.period.zone, "%H:%M:%S" if report.period.single else "%a %-d %b %H:%M"
    longest = sorted(report.gaps, key=lambda gap: gap.start - gap.end)[:MOST_GAPS]
    return [
        (
            f"{gap.start.astimezone(zone):{form}}",
            f"{gap.end.astimezone(zone):{form}}",
            format_duration((gap.end - gap.start).total_seconds()),
            gap.words,
        )
        for gap in sorted(longest, key=lambda gap: gap.start)
    ]


def notes(report: ReportData) -> list[str]:
    """What limits the worth of the figures."""
    totals = report.totals
    unestimated = totals.emotional - totals.estimated if report.basis == "estimate" else 0
    found = [
        (report.basis == "estimate", ESTIMATE),
        (unestimated, f"{unestimated:,} of {totals.emotional:,} windows have no estimate and are not in these shares."),
        (report.basis == "counts", COUNTS),
        (report.basis, OBSERVATION),
        (report.period.end - report.period.start <= LONGEST_LESSON, str(MAY_BE_EQUAL)),
        (totals.headcounts, f"In {totals.headcounts:,} windows faces were only counted: emotions were not measured."),
        (
            totals.withheld,
            f"{totals.withheld:,} windows had too few people: their figures are withheld.",
        ),
        (
            totals.emotions_withheld,
            f"In {totals.emotions_withheld:,} windows too few people were near enough or facing front: no emotions.",
        ),
        (
            totals.unknown and report.basis,
            f"{percent(totals.unknown / max(1, totals.unknown + totals.named))} of the faces have no named emotion.",
        ),
        (totals.missing, f"{totals.missing:,} windows were measured and are not here: lost, or still to come."),
        (
            totals.replayed,
            f"{totals.replayed:,} windows came late, after an outage; they are complete.",
        ),
        (totals.unsynced, f"In {totals.unsynced:,} windows the clock of the device was not set."),
        (
            len(report.gaps) > MOST_GAPS,
            f"The table shows the {MOST_GAPS} longest of {len(report.gaps):,} times without figures.",
        ),
    ]
    return [text for holds, text in found if holds]


def outage_summary(report: ReportData) -> str:
    """How much time had no figures for which reason, in one line."""
    sums: dict[str, float] = {}
    for gap in report.gaps:
        if gap.kind != "nothing":
            sums[gap.kind] = sums.get(gap.kind, 0.0) + (gap.end - gap.start).total_seconds()
    return ", ".join(
        f"{WORDS[kind]} {format_duration(seconds)}" for kind, seconds in sorted(sums.items(), key=lambda x: -x[1])
    )


def format_duration(seconds: float) -> str:
    """A time span for people."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
