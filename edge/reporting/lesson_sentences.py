"""What a lesson was like, in two or three plain sentences, made by rules. Pure.

Every sentence is a template with values, so that another language can say the same; the values `expression` are words
that it says its own way. Expressions are what faces looked like, never what anybody was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from edge.contract.labels import adjective
from edge.reporting.intervals import FEWEST_BLOCKS
from edge.reporting.lesson_statistics import FRONT, LEAST_MINUTES, Change, Figure, LessonSummary
from edge.reporting.totals import Totals
from edge.text import NO_BREAK, Sentence, percent, printable

WORTH_TELLING = 0.05  # share of an expression
MOST_CHANGES = 2  # sentences; the table has the rest
FEW = 0.05  # of the recorded time without figures: what is less moves a mean by about a tenth of a face
SUREST = Sentence(
    "Only the surest changes are named, so some are missed; and in about one of twenty lessons in which nothing "
    "changed, one is named by chance."
)
MODELS = Sentence(
    "More than one model named the expressions in this time. The share of each expression is of the time of those "
    "models that can name it, so all shares together may be more than 100 %."
)


def limits(totals: Totals, round_to: int) -> list[Sentence]:
    """What limits figures of any time, for pages and reports alike; reports say more of how they were added up.

    Args:
        totals: The sums that are shown.
        round_to: Of which number counts are multiples.
    """
    found = [MODELS] if totals.models > 1 else []
    if totals.unsynced:
        found.append(clock_not_set(totals.unsynced))
    return [*found, rounding(round_to)] if round_to > 1 else found


def clock_not_set(windows: int) -> Sentence:
    """Of so many windows nobody knows when they were."""
    return Sentence(
        "Measurements in which the clock of the device was not set, so that they may be of another time: {n}.",
        {"n": windows},
    )


def two_devices(room: str, overlapping: float) -> Sentence:
    """So many seconds were measured by two devices that have one name: nobody can tell their figures apart."""
    return Sentence(
        "Two devices sent as {room}, or its clock was set back: {minutes}{space}min were recorded twice, and their "
        "figures are mixed.",
        {"room": printable(room), "minutes": round(overlapping / 60), "space": NO_BREAK},
    )


def rounding(step: int) -> Sentence:
    """What figures of rounded windows cannot tell."""
    return Sentence(
        "The counts of each measurement are rounded to multiples of {step}, the fewest and most faces outward. "
        "Intervals do not know of it: means of few faces may lie beyond theirs.",
        {"step": step},
    )


def fuller_moments(hidden: float, recorded: float) -> list[Sentence]:
    """What figures speak for where too few people were in the picture for a part of the time.

    Args:
        hidden: Seconds in which there were too few.
        recorded: Seconds in all.
    """
    if not hidden or hidden < FEW * recorded:
        return []
    return [
        Sentence(
            "In {share} of the time too few people were in the picture for figures: all figures are of the fuller "
            "moments.",
            {"share": percent(hidden / recorded)},
        )
    ]


def mean_so_far(mean: float | None) -> list[Sentence]:
    """How many faces there were, where that is all that can be said; nothing where nobody knows."""
    return [] if mean is None else [Sentence("On average {faces} faces were seen.", {"faces": _faces(mean)})]


def without_expressions(summary: LessonSummary) -> list[Sentence]:
    """Why nothing is said of expressions, where they were measured and the number of faces is told."""
    if summary.faces is None or summary.expressions:
        return []
    minutes = math.floor(summary.expressions_measured / 60)
    if minutes >= LEAST_MINUTES:
        return [
            Sentence(
                "Nothing is said of expressions: they were told in fewer than {least} measurements.",
                {"least": FEWEST_BLOCKS},
            )
        ]
    return [
        Sentence(
            "Nothing is said of expressions: they were told for {minutes}{space}min; {least}{space}min are needed.",
            {"minutes": minutes, "least": LEAST_MINUTES, "space": NO_BREAK},
        )
    ]


def describe(summary: LessonSummary) -> list[Sentence]:
    """How the lesson was: one sentence, or two."""
    if summary.faces is None:
        minutes = math.floor(summary.measured / 60)
        if minutes >= LEAST_MINUTES:
            return [
                Sentence(
                    "Too little was measured to say more of this lesson: {minutes}{space}min with figures, in "
                    "fewer than {least} measurements.",
                    {"minutes": minutes, "least": FEWEST_BLOCKS, "space": NO_BREAK},
                )
            ]
        return [
            Sentence(
                "Too little was measured to say more of this lesson: {minutes}{space}min with figures; "
                "{least}{space}min are needed.",
                {"minutes": minutes, "least": LEAST_MINUTES, "space": NO_BREAK},
            )
        ]
    mean, low, high = outward_tenths(*summary.faces[:3])
    faces: dict[str, int | float | str] = {"faces": mean, "first": low, "last": high}
    if summary.front is None:
        found = [Sentence("On average {faces} faces ({first} to {last}) were seen.", faces)]
    else:
        found = [
            Sentence(
                "On average {faces} faces ({first} to {last}) were seen; of the {directed} with a known direction "
                "about {share} ({low} to {high}) were turned to the front.",
                {**faces, "directed": _faces(summary.directed or 0.0), **_told(summary.front)},
            )
        ]
    looked = sorted(summary.expressions.items(), key=lambda item: -item[1].value)[:2]
    if len(looked) == 2 and looked[1][1].value >= WORTH_TELLING:
        first, second = (_told(figure) for _, figure in looked)
        found.append(
            Sentence(
                "Of the faces with a named expression about {share} ({low} to {high}) looked {expression}, and about "
                "{share2} ({low2} to {high2}) {expression2}.",
                {
                    **first,
                    "expression": adjective(looked[0][0]),
                    **{f"{name}2": value for name, value in second.items()},
                    "expression2": adjective(looked[1][0]),
                },
            )
        )
    elif looked:
        found.append(
            Sentence(
                "Of the faces with a named expression about {share} ({low} to {high}) looked {expression}.",
                {**_told(looked[0][1]), "expression": adjective(looked[0][0])},
            )
        )
    return found


def not_yet(summary: LessonSummary, now: datetime, end: datetime, zone: tzinfo) -> Sentence:
    """What a page waits for while a lesson goes on of which nothing can be said yet, and until when.

    Args:
        summary: Of what there is so far, less than `LEAST_MINUTES` with figures.
        now: The time.
        end: Of the lesson.
        zone: Of the time that is told.
    """
    left = timedelta(minutes=LEAST_MINUTES, seconds=-summary.measured)
    values: dict[str, int | float | str] = {
        "minutes": math.floor(summary.measured / 60), "least": LEAST_MINUTES, "space": NO_BREAK,
    }  # fmt: skip
    if now + left > end:
        return Sentence(
            "So far: {minutes}{space}min with figures. From {least}{space}min on it says here how this lesson "
            "was, but it ends before.",
            values,
        )
    # Rounded up: nobody looks again too early.
    return Sentence(
        "So far: {minutes}{space}min with figures. From {least}{space}min on it says here what this lesson is "
        "like: at {time} at the earliest.",
        {**values, "time": _clock(now + left + timedelta(seconds=59), zone)},
    )


def describe_changes(changes: Sequence[Change] | None, zone: tzinfo) -> list[Sentence]:
    """When it changed: the surest changes, or that nothing changed by more than chance.

    Args:
        changes: The surest first; None: nobody looked, and nothing is said.
        zone: Of the times that are told.
    """
    if changes is None:
        return []
    if not changes:
        return [Sentence("Nothing changed by more than chance explains.")]
    told: list[Change] = []
    for change in changes:
        # Where more look happy, fewer look neutral: that would be the same change told twice.
        if not any((change.what == FRONT) == (other.what == FRONT) and _overlap(change, other) for other in told):
            told.append(change)
    return [_change(change, zone) for change in sorted(told[:MOST_CHANGES], key=lambda change: change.start)]


def _change(change: Change, zone: tzinfo) -> Sentence:
    # In single points, as the table of minutes beside it.
    values: dict[str, int | float | str] = {
        "start": _clock(change.start, zone), "share": percent(change.during.share),
        "before": percent(change.before.share),
    }  # fmt: skip
    if change.end is not None:
        values["end"] = _clock(change.end, zone)
    if change.what == FRONT and change.end is None:
        return Sentence(
            "From {start} about {share} were turned to the front, before about {before}; the ranges do not overlap.",
            values,
        )
    if change.what == FRONT:
        return Sentence(
            "From {start} to {end} about {share} were turned to the front, in the rest of the lesson about {before}; "
            "the ranges do not overlap.",
            values,
        )
    values["expression"] = adjective(change.what)
    if change.end is None:
        return Sentence(
            "From {start} about {share} looked {expression}, before about {before}; the ranges do not overlap.", values
        )
    return Sentence(
        "From {start} to {end} about {share} looked {expression}, in the rest of the lesson about {before}; the ranges "
        "do not overlap.",
        values,
    )


def _overlap(one: Change, other: Change) -> bool:
    """Whether they share any time."""
    return (one.end is None or other.start < one.end) and (other.end is None or one.start < other.end)


def _told(figure: Figure) -> dict[str, int | float | str]:
    """Share and interval, in points, as in the tables beside it: one figure has one number."""
    # Rounded outward: an interval never becomes narrower by being told.
    low, high = math.floor(100 * figure.low + 1e-9), math.ceil(100 * figure.high - 1e-9)
    return {"share": percent(figure.value), "low": f"{low}", "high": f"{high}{NO_BREAK}%"}


def outward_tenths(value: float, low: float, high: float) -> tuple[float, float, float]:
    """A number and its interval, as in the tables."""
    return round(value, 1), math.floor(10 * low + 1e-9) / 10, math.ceil(10 * high - 1e-9) / 10


def _faces(number: float) -> float:
    """In tenths, as in the tables."""
    return round(number, 1)


def _clock(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"
