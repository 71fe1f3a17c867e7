"""Everything that is said of one lesson, for its page and for `edge report`: figures, changes, lines, comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice

from edge.recording.recorded import Recorded
from edge.reporting.change_detection import LONGEST as LONGEST_CHANGES
from edge.reporting.change_detection import find_changes
from edge.reporting.comparison_sentences import describe_comparison
from edge.reporting.conditions import conditions_of
from edge.reporting.lesson_comparison import Comparison, Conditions, EarlierLessons, compare
from edge.reporting.lesson_sentences import (
    describe,
    describe_changes,
    fuller_moments,
    mean_so_far,
    two_devices,
    without_expressions,
)
from edge.reporting.lesson_statistics import Change, LessonSummary, Minute
from edge.reporting.report_data import ReportData
from edge.reporting.school_data import School, summary_of
from edge.reporting.scope import Scope, scope_of
from edge.reporting.smoothing import Line, smoothed
from edge.reporting.totals import Part, add_up
from edge.text import Sentence
from edge.timing.timetable import Lesson, Timetable

MOST_EARLIER = 12  # lessons that one is compared with, the newest: a term
LONGEST = timedelta(hours=12)  # what is longer is told in figures only
MASKS_UNKNOWN = Sentence("Whether the same parts of the picture were hidden in all of them is not known.")
MODEL_REPLACED = Sentence("Changes of expressions were not looked for: more than one model named them.")
GOES_ON = Sentence("It still goes on; when it is over, it is compared with earlier lessons.")
CHANGES_LATER = Sentence("Changes are not looked for until it is over.")
UNEVEN = Sentence(
    "The device analysed more than twice as many frames a second at some times as at others. Means and shares count "
    "frames, so the former weigh more."
)
UNEVEN_BY = 2.0  # times the frames a second


@dataclass(frozen=True)
class LessonReport:
    """A stretch of time in figures.

    Attributes:
        data: What was recorded.
        changes: The surest first; None: nobody looked.
        lines: Shares over time.
    """

    data: ReportData
    changes: Sequence[Change] | None
    lines: Sequence[Line]

    def sentences(self, earlier: EarlierLessons | None = None) -> list[Sentence]:
        """How it was, when it changed, and whether it was different; nothing where nothing was recorded."""
        data = self.data
        if not data.parts or data.period.end - data.period.start > LONGEST:
            return []
        told = [two_devices(data.device, data.totals.overlapping)] if data.totals.mixed else []
        if not data.summary.enough:
            return [*told, *mean_so_far(data.totals.mean), *describe(data.summary)]
        told += describe(data.summary)
        if scope_of([data.totals]) is Scope.EXPRESSIONS:
            told += without_expressions(data.summary)
        told += fuller_moments(data.totals.time.few / 1000, data.totals.recorded)
        if uneven(data.minutes):
            told.append(UNEVEN)
        told += describe_changes(self.changes, data.period.zone)
        if data.goes_on and may_have_changed(data):
            told.append(CHANGES_LATER)
        if self.changes is not None and data.totals.models > 1:
            told.append(MODEL_REPLACED)
        return [*told, *beside_earlier(earlier)] if earlier else told


def beside_earlier(earlier: EarlierLessons) -> list[Sentence]:
    """Whether it was different from earlier lessons, or why that is not told."""
    if earlier.comparison is None:
        return [GOES_ON]
    told = describe_comparison(earlier.comparison)
    return [*told, MASKS_UNKNOWN] if earlier.masks_unknown and earlier.comparison.lessons else told


def may_have_changed(data: ReportData) -> bool:
    """Whether it is told when it changed, once it is over: of a lesson, and never of the number of faces alone."""
    of_lesson = data.summary.enough and data.period.end - data.period.start < LONGEST_CHANGES
    return of_lesson and bool(data.windows) and scope_of([data.totals]) is not Scope.HEADS


def uneven(parts: Sequence[Minute]) -> bool:
    """Whether frames a second differ so much that means of frames are none of time; single minutes do not matter."""
    rates = sorted(each.totals.frames / time for each in parts if (time := each.totals.time.figures))
    few = len(rates) // 10
    return bool(rates) and rates[-1 - few] > UNEVEN_BY * rates[few]


def report_lesson(data: ReportData) -> LessonReport:
    """All that can be said of a lesson by itself."""
    summary = data.summary
    # What two models name is not comparable; and five minutes are too coarse.
    comparable = summary.basis if data.totals.models < 2 else None
    # Looked for once: whoever looks again every few minutes finds by chance what he looks for.
    found = find_changes(data.minutes, comparable) if data.windows and not data.goes_on else None
    lines = smoothed(data.minutes, summary.basis, list(summary.expressions))
    return LessonReport(data, found, lines)


def compare_with_earlier(
    recording: Recorded, data: ReportData, timetable: Timetable, lesson: Lesson, now: datetime
) -> EarlierLessons:
    """Compare a lesson with the same lesson of the weeks before.

    Args:
        recording: Started.
        data: What was recorded of the lesson.
        timetable: Where the same lessons are found.
        lesson: Which.
        now: What ends later is not compared.
    """
    if lesson.end.astimezone(timezone.utc) > now:
        return EarlierLessons(None)
    room = data.device
    school = School(recording, [room], timetable, timetable.zone, now)
    mine = _conditions(school, room, data.parts, lesson)
    if mine is None:
        return EarlierLessons(Comparison("not_enough", 0, {}, {}, {}))
    earlier: list[tuple[LessonSummary, Conditions]] = []
    for each in islice(timetable.same(room, lesson, -1), MOST_EARLIER):
        parts = school.parts(room, each.start, each.end)
        theirs = _conditions(school, room, parts, each)
        if theirs is not None:
            earlier.append((summary_of(parts, each.start), theirs))
    unknown = any((mine.masks is None) != (theirs.masks is None) for _, theirs in earlier)
    return EarlierLessons(compare(data.summary, mine, earlier), unknown)


def _conditions(school: School, room: str, parts: Sequence[Part], lesson: Lesson) -> Conditions | None:
    totals = add_up(parts)
    return conditions_of(
        (part.series for part in parts), school.places(room), lesson.start, lesson.end, clock_set=totals.clock_set,
        one_device=totals.one_device,
    )  # fmt: skip
