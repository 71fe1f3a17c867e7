"""How a lesson was beside earlier ones, in plain sentences: what differs, what does not, and what was not compared."""

from __future__ import annotations

import math
from dataclasses import replace

from edge.contract.labels import adjective
from edge.reporting.lesson_comparison import FACES, FEWEST, Comparison, Difference
from edge.reporting.lesson_sentences import outward_tenths
from edge.reporting.lesson_statistics import FRONT
from edge.text import Sentence

MAY_BE_EQUAL = Sentence("Two lessons whose ranges overlap may have been the same.")
REFUSED = {
    "mode": Sentence("It is not compared with earlier lessons: something else was measured then."),
    "faces": Sentence("It is not compared with earlier lessons: another model found the faces then."),
    "emotions": Sentence("It is not compared with earlier lessons: another model named the expressions then."),
    "pose": Sentence(
        "It is not compared with earlier lessons: another rule decided then which faces are turned to the front."
    ),
    "masks": Sentence(
        "It is not compared with earlier lessons: another camera was used, other parts of the picture were hidden, "
        "or faces were named by other limits then."
    ),
    "place": Sentence("It is not compared with earlier lessons: the camera was in another place then."),
    "policy": Sentence(
        "It is not compared with earlier lessons: other figures were withheld then, or they were rounded otherwise."
    ),
    "clock_set": Sentence(
        "It is not compared with earlier lessons: the clock of the device was not set in this one or in those, so they "
        "may have been at another time."
    ),
    "one_device": Sentence(
        "It is not compared with earlier lessons: two devices sent under one name in this one or in those, or the "
        "clock was set back."
    ),
    "steady": Sentence(
        "It is not compared with earlier lessons: how it was measured changed within this one or within those."
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
    (True, True): Sentence("There is no difference from the {lessons} earlier lessons beyond the uncertainty."),
}
"""By whether direction and expressions were compared: nothing is said of what was not."""

NOT_COMPARED = {
    (True, False): Sentence("The direction of heads is not compared: this lesson or the earlier ones do not tell it."),
    (False, True): Sentence(
        "Not all expressions are compared: this lesson or too many of the earlier ones do not tell them, or not in the "
        "same way."
    ),
    (True, True): Sentence(
        "The direction of heads is not compared, nor are all expressions: this lesson or too many of the earlier ones "
        "do not tell them, or not in the same way."
    ),
}
"""By whether direction and expressions are among what could not be compared."""

FEWER = {
    (True, False): Sentence("Of the {lessons} earlier lessons only {front} tell the direction of heads."),
    (False, True): Sentence("Of the {lessons} earlier lessons only {named} can be compared in expressions."),
    (True, True): Sentence(
        "Of the {lessons} earlier lessons only {front} tell the direction of heads, and only {named} can be "
        "compared in expressions."
    ),
}
"""By whether direction and expressions are compared with fewer lessons than the number of faces."""

OVERLAPPING = Sentence(
    "All compared ranges overlap with those of the one earlier lesson: the two may have been the same."
)
APART = Sentence(
    "Too early to say whether this is unusual: there is one earlier lesson, some figures differ from it, and {least} "
    "earlier ones are needed.",
    {"least": FEWEST},
)

FACES_DIFFER = {
    True: Sentence("{value} faces are fewer than usual: by the {lessons} earlier lessons, usual is {low} to {high}."),
    False: Sentence("{value} faces are more than usual: by the {lessons} earlier lessons, usual is {low} to {high}."),
}
FRONT_DIFFERS = {
    True: Sentence(
        "About {value} % of the faces whose direction is known were turned to the front, less than usual: by the "
        "{lessons} earlier lessons, usual is {low} to {high} %."
    ),
    False: Sentence(
        "About {value} % of the faces whose direction is known were turned to the front, more than usual: by the "
        "{lessons} earlier lessons, usual is {low} to {high} %."
    ),
}
EXPRESSION_DIFFERS = {
    True: Sentence(
        "About {value} % of the faces with a named expression looked {expression}, less than usual: by the {lessons} "
        "earlier lessons, usual is {low} to {high} %."
    ),
    False: Sentence(
        "About {value} % of the faces with a named expression looked {expression}, more than usual: by the {lessons} "
        "earlier lessons, usual is {low} to {high} %."
    ),
}
"""By whether there was less of it; the range is that of the table's column *Usual range*."""


def may_be_equal(comparison: Comparison | None) -> bool:
    """Whether `MAY_BE_EQUAL` adds anything to what is said of a comparison."""
    return comparison is None or _verdict(comparison) != OVERLAPPING


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
    everything, compared = comparison.lessons, comparison.figures
    front = compared[FRONT].lessons if FRONT in compared else everything
    named = min((each.lessons for name, each in compared.items() if _is_expression(name)), default=everything)
    if fewer := FEWER.get((front < everything, named < everything)):
        found.append(replace(fewer, values={"lessons": everything, "front": front, "named": named}))
    if comparison.other_basis:
        found.append(
            Sentence(
                "Expressions of some earlier lessons ({number}) are not compared: their shares are estimates and those "
                "of this lesson plain counts, or the other way round.",
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
    less = each.value < each.low
    if name == FACES:
        return replace(FACES_DIFFER[less], values=values | _tenths(each.value, each.low, each.high))
    values |= _apart(100 * each.value, 100 * each.low, 100 * each.high)
    if name == FRONT:
        return replace(FRONT_DIFFERS[less], values=values)
    return replace(EXPRESSION_DIFFERS[less], values={**values, "expression": adjective(name)})


def _apart(value: float, low: float, high: float) -> dict[str, int | float]:
    """A share outside a range, in whole points as in the table, or in tenths where these would not tell them apart.

    What differs lies further from its range than a tenth of a face, or of a point: `BY_CHANCE_AWAY`, `LEAST_ERROR`.
    """
    near, first, last = math.floor(value + 0.5), math.floor(low + 1e-9), math.ceil(high - 1e-9)
    # What is there is never called nothing.
    if (near < first or near > last) and (near or not value):
        return {"value": near, "low": first, "high": last}
    return _tenths(value, low, high)


def _tenths(value: float, low: float, high: float) -> dict[str, int | float]:
    return dict(zip(("value", "low", "high"), outward_tenths(value, low, high), strict=True))
