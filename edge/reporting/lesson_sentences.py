"""What a lesson was like, in two or three plain sentences, made by rules. Pure.

Every sentence is a template with values, so that another language can say the same; the values `expression` are words
that it says its own way. Expressions are what faces looked like, never what anybody was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from edge.contract.labels import adjective
from edge.contract.shares import ShareRange
from edge.reporting.lesson_comparison import FACES, FEWEST, Comparison, Difference
from edge.reporting.lesson_statistics import FEWEST_BLOCKS, FRONT, LEAST_MINUTES, Change, Figure, LessonSummary
from edge.text import NO_BREAK, Sentence, percent

WIDE = 0.1  # an interval wider than this is told in steps of five points
WORTH_TELLING = 0.05  # share of an expression
MOST_CHANGES = 2  # sentences; the table has the rest
MAY_BE_EQUAL = Sentence("Two lessons whose ranges overlap may have been the same.")
NOT_MEASURED = Sentence(
    "What faces looked like was counted, nothing else: not attention, not interest, not what anybody felt or learned. "
    "Who writes looks down; who smiles may be bored."
)
SUREST = Sentence(
    "Only the surest changes are named, each as a stretch of time against the rest of the lesson. A change can be "
    "missed, and of twenty lessons in which nothing changed one may have a change named by chance."
)
MODELS = Sentence(
    "More than one model named the expressions in this time. The share of each expression is of the time of those "
    "models that can name it, so all shares together may be more than 100 %."
)
REFUSED = {
    "mode": Sentence("It is not compared with earlier lessons: something else was measured then."),
    "faces": Sentence("It is not compared with earlier lessons: another model found the faces then."),
    "emotions": Sentence("It is not compared with earlier lessons: another model named the expressions then."),
    "pose": Sentence(
        "It is not compared with earlier lessons: another rule decided then which faces are turned to the front."
    ),
    "masks": Sentence(
        "It is not compared with earlier lessons: "
        "another camera was used, or other parts of the picture were hidden then."
    ),
    "place": Sentence("It is not compared with earlier lessons: the camera was in another place then."),
    "policy": Sentence(
        "It is not compared with earlier lessons: other figures were withheld then, or they were rounded otherwise."
    ),
}
"""Why no lesson is comparable, by the attribute of `Conditions`."""

SAME = {
    (False, False): Sentence(
        "In the number of faces there is no difference from the {lessons} earlier lessons beyond the uncertainty."
    ),
    (True, False): Sentence(
        "In the number of faces and the direction of heads there is no difference from the {lessons} earlier lessons "
        "beyond the uncertainty."
    ),
    (False, True): Sentence(
        "In the number of faces and in expressions there is no difference from the {lessons} earlier lessons beyond "
        "the uncertainty."
    ),
    (True, True): Sentence(
        "In the number of faces, the direction of heads and expressions there is no difference from the {lessons} "
        "earlier lessons beyond the uncertainty."
    ),
}
"""By whether direction and expressions were compared: nothing is said of what was not."""

NOT_COMPARED = {
    (True, False): Sentence("The direction of heads is not compared: this lesson or the earlier ones do not tell it."),
    (False, True): Sentence(
        "At least some expressions are not compared: this lesson and too many of the earlier ones do not both tell "
        "them in the same way."
    ),
    (True, True): Sentence(
        "The direction of heads and at least some expressions are not compared: this lesson and too many of the "
        "earlier ones do not both tell them in the same way."
    ),
}
"""By whether direction and expressions are among what could not be compared."""

FEWER = {
    (True, False): Sentence("Of these lessons only {front} tell the direction of heads."),
    (False, True): Sentence("Of these lessons only {named} can be compared in expressions."),
    (True, True): Sentence(
        "Of these lessons only {front} tell the direction of heads, and only {named} can be compared in expressions."
    ),
}
"""By whether direction and expressions are compared with fewer lessons than the number of faces."""

OVERLAPPING = Sentence(
    "All compared ranges overlap with those of the one earlier lesson: the two may have been the same."
)
APART = Sentence(
    "Some ranges do not overlap with those of the one earlier lesson; one lesson does not tell whether that is "
    "unusual, {least} are needed.",
    {"least": FEWEST},
)


def describe(summary: LessonSummary) -> list[Sentence]:
    """How the lesson was: one sentence, or two."""
    if summary.faces is None:
        minutes = math.floor(summary.measured / 60)
        if minutes >= LEAST_MINUTES:
            return [
                Sentence(
                    "Not enough was measured to say anything about this lesson: {minutes}{space}min with figures, in "
                    "fewer than {least} measurements.",
                    {"minutes": minutes, "least": FEWEST_BLOCKS, "space": NO_BREAK},
                )
            ]
        return [
            Sentence(
                "Not enough was measured to say anything about this lesson: {minutes}{space}min with figures; "
                "{least}{space}min are needed.",
                {"minutes": minutes, "least": LEAST_MINUTES, "space": NO_BREAK},
            )
        ]
    faces: dict[str, int | float | str] = {"faces": round(summary.faces.value)}
    if summary.front is None:
        found = [Sentence("On average {faces} faces were seen.", faces)]
    else:
        found = [
            Sentence(
                "On average {faces} faces were seen; of those whose direction is known, on average {directed}, about "
                "{share} ({low} to {high}) were turned to the front.",
                {**faces, "directed": _faces(summary.directed or 0.0), **_told(summary.front)},
            )
        ]
    looked = sorted(summary.expressions.items(), key=lambda item: -item[1].value)[:2]
    if len(looked) == 2 and looked[1][1].value >= WORTH_TELLING:
        step = _step(*(figure for _, figure in looked))
        first, second = (_told(figure, step) for _, figure in looked)
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


def describe_comparison(comparison: Comparison) -> list[Sentence]:
    """Whether it was different from earlier lessons."""
    found = [_verdict(comparison)]
    if comparison.lessons and comparison.verdict != "not_enough":
        found += _coverage(comparison)
    left_out = sum(comparison.left_out.values())
    if comparison.lessons and left_out:
        found.append(
            Sentence(
                "Earlier lessons that were measured under other conditions are left out: {number}.",
                {"number": left_out},
            )
        )
    return found


def _coverage(comparison: Comparison) -> list[Sentence]:
    """What the verdict does not speak for: figures that were not compared, or with fewer of the lessons."""
    found = []
    expressions = any(_is_expression(name) for name in comparison.uncompared)
    if missing := NOT_COMPARED.get((FRONT in comparison.uncompared, expressions)):
        found.append(missing)
    everything = comparison.lessons
    front = min((each.lessons for name, each in comparison.figures.items() if name == FRONT), default=everything)
    named = min((each.lessons for name, each in comparison.figures.items() if _is_expression(name)), default=everything)
    if fewer := FEWER.get((front < everything, named < everything)):
        found.append(replace(fewer, values={"front": front, "named": named}))
    if comparison.other_basis:
        found.append(
            Sentence(
                "Expressions of {number} earlier lessons are left out: of that lesson and this one, only one has "
                "estimates of their shares, the other plain counts.",
                {"number": comparison.other_basis},
            )
        )
    return found


def _is_expression(name: str) -> bool:
    return name not in (FACES, FRONT)


def _verdict(comparison: Comparison) -> Sentence:
    lessons = comparison.lessons
    differing = [(name, each) for name, each in comparison.figures.items() if each.differs]
    if differing:
        return _difference(*min(differing, key=lambda item: item[1].probability))
    if comparison.verdict == "refused":
        return REFUSED[max(comparison.left_out, key=lambda name: comparison.left_out[name])]
    if comparison.verdict == "one":
        return OVERLAPPING if all(comparison.overlapping.values()) else APART
    if comparison.verdict == "few":
        return Sentence(
            "There are {lessons} earlier lessons: too few to tell a difference from what changes from day to day; "
            "{least} are needed.",
            {"lessons": lessons, "least": FEWEST},
        )
    if comparison.verdict == "same":
        compared = FRONT in comparison.figures, any(_is_expression(name) for name in comparison.figures)
        return replace(SAME[compared], values={"lessons": lessons})
    return Sentence("There is nothing to compare it with.")


def _difference(name: str, each: Difference) -> Sentence:
    values: dict[str, int | float | str] = {"lessons": each.lessons}
    if name == FACES:
        values |= _apart(each.value, each.low, each.high, (1,))
        return Sentence(
            "On average {value} faces were seen, unlike in the {lessons} earlier lessons ({low} to {high}).", values
        )
    steps = (5, 1) if each.high - each.low > WIDE else (1,)
    values |= _apart(100 * each.value, 100 * each.low, 100 * each.high, steps)
    if name == FRONT:
        return Sentence(
            "About {value} % of the faces whose direction is known were turned to the front, unlike in the {lessons} "
            "earlier lessons ({low} to {high} %).",
            values,
        )
    return Sentence(
        "About {value} % of the faces with a named expression looked {expression}, unlike in the {lessons} earlier "
        "lessons ({low} to {high} %).",
        {**values, "expression": adjective(name)},
    )


def _apart(value: float, low: float, high: float, steps: Sequence[int]) -> dict[str, int | float]:
    """A value outside a range, both in the coarsest of the steps that tells them apart, else in tenths."""
    for step in steps:
        near = step * math.floor(value / step + 0.5)
        first, last = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
        # What is there is never called nothing.
        if (near < first or near > last) and (near or not value):
            return {"value": near, "low": first, "high": last}
    near = math.floor(10 * value + 0.5)
    first, last = math.floor(10 * low + 1e-9), math.ceil(10 * high - 1e-9)
    if first <= near <= last:  # closer than a tenth: away from each other
        near = math.floor(10 * value) if value < low else math.ceil(10 * value)
        first, last = math.ceil(10 * low), math.floor(10 * high)
    return {"value": near / 10, "low": first / 10, "high": last / 10}


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


def _step(*figures: Figure | ShareRange) -> int:
    """Points in which these are told: fine ones only where all intervals are narrow."""
    return 5 if any((each.high or 1.0) - (each.low or 0.0) > WIDE for each in figures) else 1


def _overlap(one: Change, other: Change) -> bool:
    """Whether they share any time."""
    return (one.end is None or other.start < one.end) and (other.end is None or one.start < other.end)


def _told(figure: Figure | ShareRange, step: int = 0) -> dict[str, int | float | str]:
    """Share and interval, in steps of so many points."""
    step = step or _step(figure)
    share = figure.value if isinstance(figure, Figure) else figure.share
    # Rounded outward: an interval never becomes narrower by being told.
    low = math.floor(100 * (figure.low or 0.0) / step + 1e-9) * step
    high = math.ceil(100 * (1.0 if figure.high is None else figure.high) / step - 1e-9) * step
    return {"share": percent(share, step), "low": f"{low}", "high": f"{high}{NO_BREAK}%"}


def _faces(number: float) -> int | float:
    """Whole faces, or tenths of less than one."""
    return round(number) if number >= 1 else round(number, 1)


def _clock(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%H:%M}"
