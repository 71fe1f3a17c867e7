"""Was a lesson different from the same lesson of other weeks? The default answer is no. Pure.

Lessons differ from day to day without any reason that a teacher would care about, so the lesson is the unit, not the
frame: a figure differs where it lies outside what the other lessons lead one to expect of one more (`lessons_apart`,
one value for each lesson), a share by more than one or two faces, and Holm's procedure (1979) keeps the probability
that any figure of a lesson is called different by chance at 5 %. Heat maps have the same rules (`cells_apart`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal, TypeVar

from edge.reporting.lesson_statistics import FRONT, LEAST_FACES, Figure, LessonSummary
from edge.reporting.lessons_apart import Scatter, expected_faces, expected_share, scatter_of

FALSE = 0.05  # probability that anything is called different where nothing is, over all figures of a lesson
FEWEST = 3  # earlier lessons that differences can be judged by
FACES = "faces"
"""Name of the number of faces beside those of the shares."""

MAY_BE_UNKNOWN = ("masks", "place", "policy")
"""Attributes of `Conditions` that match any where they are None."""

Name = TypeVar("Name")
Verdict = Literal["refused", "not_enough", "one", "few", "same", "different"]


@dataclass(frozen=True)
class Conditions:
    """What must be the same in two lessons before their figures may stand side by side.

    Attributes:
        mode: What is measured.
        faces, emotions, pose: Models and pose rule, as windows name them; None: nothing is measured with one.
        masks: Whatever changes when what is hidden or counted changes; None: not known, as in older recordings.
        place: Whatever changes when the camera is moved; None: not known.
        policy: By which rules figures are withheld and rounded; None: not known. Where more is withheld, fuller moments
            are left.
        clock_set: Whether the time is that of the windows: where the device's clock was not set, nobody knows which
            lesson it was, so it is comparable to none.
        one_device: Whether one device alone sent it: what two have mixed is comparable to none.
        daily: How long there are figures on a day, beside the other weeks of a term: what was measured in the
            afternoon alone is of other lessons.
        steady: Whether all of these held throughout: a time in which one changed is comparable to none.
    """

    mode: str
    faces: str | None = None
    emotions: str | None = None
    pose: str | None = None
    masks: str | None = None
    place: str | None = None
    policy: str | None = None
    clock_set: bool = True
    one_device: bool = True
    daily: Literal["usual", "less", "more"] = "usual"
    steady: bool = True

    def differing(self, other: Conditions) -> str | None:
        """The first of the attributes in which they are known to differ; None: they are comparable."""
        for name in vars(self):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs and not (name in MAY_BE_UNKNOWN and None in (mine, theirs)):
                return name
        if not self.clock_set:
            return "clock_set"
        if not self.one_device:
            return "one_device"
        return None if self.steady else "steady"

    def knows_more_than(self, other: Conditions) -> bool:
        """Whether something is known here that is not known there."""
        return any(getattr(self, name) is not None and getattr(other, name) is None for name in MAY_BE_UNKNOWN)


@dataclass(frozen=True)
class Difference:
    """A figure of a lesson beside that of the others.

    Attributes:
        value: Of the lesson.
        usual: Mean of the others.
        low, high: Where nine in ten further lessons like the others would lie.
        probability: Of a distance as large as this, were the lesson like the others.
        differs: Whether it is too large for chance, all figures considered, and large enough to matter.
        lessons: Earlier lessons that have this figure, which it is compared with.
    """

    value: float
    usual: float
    low: float
    high: float
    probability: float
    differs: bool
    lessons: int


@dataclass(frozen=True)
class Comparison:
    """The answer.

    Attributes:
        verdict: `refused` (conditions differ), `not_enough` (measured), `one` (a single earlier lesson), `few` (too few
            for a difference), `same` (no difference beyond the uncertainty) or `different`.
        lessons: Earlier lessons that it rests on; not each of them has every figure.
        left_out: Those that were not comparable, by the attribute of `Conditions` in which they differ.
        overlapping: With one earlier lesson: by figure, whether the two intervals overlap. Else empty.
        figures: Of the others, by name: those that enough of the lessons have.
        uncompared: Figures of this lesson or of the others that are in neither of the two, by name: this lesson lacks
            them, or too few of the others have them.
        other_basis: Earlier lessons whose expressions are left out: one has estimates, the other counts.
    """

    verdict: Verdict
    lessons: int
    left_out: Mapping[str, int]
    overlapping: Mapping[str, bool]
    figures: Mapping[str, Difference]
    uncompared: Collection[str] = ()
    other_basis: int = 0


@dataclass(frozen=True)
class EarlierLessons:
    """What a comparison with the same lesson of the weeks before tells.

    Attributes:
        comparison: The answer; None: the lesson still goes on.
        masks_unknown: Of some of the lessons nobody knows what was hidden in the picture.
    """

    comparison: Comparison | None
    masks_unknown: bool = False


def compare(
    lesson: LessonSummary,
    conditions: Conditions,
    earlier: Sequence[tuple[LessonSummary, Conditions]],
) -> Comparison:
    """Compare a lesson with earlier ones of the same name and time: each figure with those lessons that have it.

    Args:
        lesson: What is asked about.
        conditions: Under which it was measured.
        earlier: The others, in any order; those that are not comparable or were hardly measured are left out.
    """
    left_out: dict[str, int] = {}
    other_basis = 0
    mine, others, summaries = figures(lesson), [], []
    names = dict.fromkeys(mine)
    for summary, theirs in earlier:
        if differing := conditions.differing(theirs):
            left_out[differing] = left_out.get(differing, 0) + 1
        elif summary.enough:
            found = figures(summary)
            names.update(dict.fromkeys(found))
            # Counts are biased where estimates are not: the difference would be that of the two ways to add up.
            if lesson.basis and summary.basis and lesson.basis != summary.basis:
                other_basis += 1
                found = {name: figure for name, figure in found.items() if name not in summary.expressions}
            others.append(found)
            summaries.append(summary)
    if not lesson.enough:
        return Comparison("not_enough", len(others), left_out, {}, {})
    if not others:
        return Comparison("refused" if left_out else "not_enough", 0, left_out, {}, {})
    if len(others) == 1:
        overlapping = {name: _overlap(mine[name], others[0][name]) for name in mine if name in others[0]}
        missing = [name for name in names if name not in overlapping]
        return Comparison("one", 1, left_out, overlapping, {}, missing, other_basis)
    longer = {
        name: _longer(name, lesson, [s for s, each in zip(summaries, others, strict=True) if name in each])
        for name in mine
    }
    compared = _differences(mine, others, longer)
    missing = [name for name in names if name not in compared]
    if len(others) < FEWEST:
        return Comparison("few", len(others), left_out, {}, compared, missing, other_basis)
    surely = remaining({name: each.probability for name, each in compared.items()})
    compared = {
        name: replace(each, differs=name in surely and far_enough(each.value, each.usual, lesson, name))
        for name, each in compared.items()
    }
    different = any(each.differs for each in compared.values())
    return Comparison("different" if different else "same", len(others), left_out, {}, compared, missing, other_basis)


def figures(summary: LessonSummary) -> dict[str, Figure]:
    """The figures of a lesson that are compared, by name."""
    found = dict(summary.expressions)
    if summary.front:
        found[FRONT] = summary.front
    if summary.faces:
        found[FACES] = summary.faces
    return found


def far_enough(value: float, usual: float, summary: LessonSummary, name: str) -> bool:
    """Whether a figure lies far enough from the usual one to matter: a share by some faces, a number of faces anyhow.

    Args:
        value: The figure.
        usual: Of those that it is compared with.
        summary: Of the time that it is about.
        name: Of the figure.
    """
    if name == FACES:
        return True
    people = (summary.directed if name == FRONT else summary.named) or 0.0  # in the average frame
    return abs(value - usual) * people >= LEAST_FACES


def remaining(probabilities: Mapping[Name, float], false: float = FALSE) -> set[Name]:
    """Those that differ when the error is shared by all, by Holm's procedure; `false` is how probable any may be."""
    found: set[Name] = set()
    for number, name in enumerate(sorted(probabilities, key=lambda name: probabilities[name])):
        if probabilities[name] > false / (len(probabilities) - number):
            break
        found.add(name)
    return found


def _longer(name: str, lesson: LessonSummary, others: Sequence[LessonSummary]) -> float:
    """How many times as long as in the lesson a figure was measured in the others that have it, on average."""
    return fmean(_seconds(name, each) for each in others) / _seconds(name, lesson) if others else 1.0


def _seconds(name: str, summary: LessonSummary) -> float:
    """For which a figure was measured."""
    if name == FACES:
        return summary.measured
    return summary.facing_measured if name == FRONT else summary.expressions_measured


def _differences(
    mine: Mapping[str, Figure], others: Sequence[Mapping[str, Figure]], longer: Mapping[str, float]
) -> dict[str, Difference]:
    """Each figure that enough of the others have, beside it; `longer` is as in `expected_share`, by name."""
    theirs = {name: [each[name] for each in others if name in each] for name in mine}
    theirs = {name: each for name, each in theirs.items() if len(each) >= min(FEWEST, len(others))}
    scatter = scatter_of([each for name, each in theirs.items() if name not in (FACES, FRONT)])
    found = {}
    for name, each in theirs.items():
        if name == FACES:
            expected = expected_faces(mine[name], each, longer[name])
        else:
            expected = expected_share(mine[name], each, Scatter() if name == FRONT else scatter, longer[name])
        found[name] = Difference(mine[name].value, *expected, differs=False, lessons=len(each))
    return found


def _overlap(one: Figure, other: Figure) -> bool:
    return one.low <= other.high and other.low <= one.high
