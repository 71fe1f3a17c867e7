"""What of faces was measured at all in some time, and the sentences that depend on it: heads talk of no expressions."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from edge.reporting.totals import Totals
from edge.text import Sentence


class Scope(Enum):
    """As the modes of a device, the least first."""

    HEADS = "headcount"
    DIRECTIONS = "facing"
    EXPRESSIONS = "emotions"


def scope_of(every: Iterable[Totals]) -> Scope:
    """The most that any window of these was for, also where its figures are withheld; heads where there are none."""
    found = [each for each in every if each.windows]
    if any(each.headcounts < each.windows for each in found):
        return Scope.EXPRESSIONS
    return Scope.DIRECTIONS if any(each.facing is not None for each in found) else Scope.HEADS


NOT_MEASURED = {
    Scope.HEADS: Sentence(
        "Faces were counted, nothing else: not attention, not interest, not what anybody felt or learned. Who turns "
        "away from the camera, or sits behind somebody, is not counted."
    ),
    Scope.DIRECTIONS: Sentence(
        "Faces were counted, and how many of them were turned to the front, nothing else: not attention, not interest, "
        "not what anybody felt or learned. Who writes looks down."
    ),
    Scope.EXPRESSIONS: Sentence(
        "What faces looked like was counted, nothing else: not attention, not interest, not what anybody felt or "
        "learned. Who writes looks down; who smiles may be bored."
    ),
}
FOOTER = {
    Scope.EXPRESSIONS: Sentence(
        "Only numbers about the whole room were recorded: no picture, no voice, nothing about a single person. A "
        "face's expression is not a feeling, and the classifier makes mistakes. Use this for trends of the room, "
        "never to judge a person."
    ),
    **dict.fromkeys(
        (Scope.HEADS, Scope.DIRECTIONS),
        Sentence(
            "Only numbers about the whole room were recorded: no picture, no voice, nothing about a single person. "
            "Faces are found by a model, which misses some. Use this for trends of the room, never to judge a person."
        ),
    ),
}
