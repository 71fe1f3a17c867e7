"""What was measured at all, and that nothing talks of expressions where only heads were counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.contract.payloads import Facing
from edge.reporting.scope import FOOTER, NOT_MEASURED, Scope, scope_of
from edge.reporting.totals import add_up

NOTHING = add_up([])
HEADS = replace(NOTHING, windows=3, headcounts=3)
TURNED = replace(HEADS, facing=Facing(front=2, away=1, unknown=0))
WITHHELD = replace(NOTHING, windows=3, headcounts=2)  # one was for expressions, whatever it told


def test_the_most_that_any_window_was_for() -> None:
    assert scope_of([]) is scope_of([NOTHING]) is scope_of([NOTHING, HEADS]) is Scope.HEADS
    assert scope_of([HEADS, TURNED]) is Scope.DIRECTIONS
    assert scope_of([TURNED, WITHHELD]) is Scope.EXPRESSIONS


@pytest.mark.parametrize("scope", Scope)
def test_expressions_are_talked_of_where_they_were_measured(scope: Scope) -> None:
    for sentence in (NOT_MEASURED[scope], FOOTER[scope]):
        talks = any(word in str(sentence) for word in ("expression", "looked like", "smiles", "classifier"))
        assert talks is (scope is Scope.EXPRESSIONS)
