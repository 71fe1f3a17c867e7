"""A number that a file holds is the one that a person reads there."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from edge.files.numbers import MISTAKEN, WRITTEN, FiniteNumber, Number, Whole

MEANT = {"5": 5, " 5 ": 5, "+5": 5, "-5": -5, "05": 5, "08": 8, "0": 0, "5.0": 5, "1_000": 1000}
FRACTIONS = {"0.5": 0.5, ".5": 0.5, "5.": 5, "1e3": 1000, "1.5E-3": 0.0015, "1_000.5": 1000.5, "-0.0": 0}
MISTAKES = (
    "yes", "on", "True", "010", "019", "000", "010.5", "1_0", "0_5", "1:30", "inf", "-Infinity", "nan", "0x10", "0b1",
    "2026-11-28", "1,5", "1 000", "5 %", "\N{DEVANAGARI DIGIT FIVE}", "\N{FULLWIDTH DIGIT FIVE}", "", "null",
)  # fmt: skip


@pytest.mark.parametrize("kind", [Whole, Number, FiniteNumber])
def test_texts_and_truths(kind: type[float]) -> None:
    checked = TypeAdapter(kind)
    meant = MEANT if kind is Whole else {**MEANT, **FRACTIONS}
    assert {text: checked.validate_python(text) for text in meant} == meant
    assert [checked.validate_python(value) for value in (5, 5.0)] == [5, 5]
    for value in (*MISTAKES, True, False):
        with pytest.raises(ValidationError) as caught:
            checked.validate_python(value)
        assert [each["type"] for each in caught.value.errors()] == [MISTAKEN], value
    with pytest.raises(ValidationError, match="found true; write a number"):
        checked.validate_json("true")


@given(st.from_regex(r"[-+]?[0-9_.:exb]{1,8}", fullmatch=True))
def test_where_yaml_finds_a_number_it_is_the_one_that_a_person_reads(text: str) -> None:
    try:
        found = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return
    if isinstance(found, int | float) and WRITTEN.fullmatch(text):
        plain = text.lstrip("+-").lower()
        size = int(plain, 0) if plain.startswith(("0x", "0b")) else float(plain)
        assert found == (-size if text.startswith("-") else size)
