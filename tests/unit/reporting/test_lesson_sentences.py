"""The sentences about a lesson, word by word."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from edge.contract.shares import ShareRange
from edge.reporting.comparison_sentences import REFUSED, describe_comparison
from edge.reporting.lesson_comparison import Comparison, Difference
from edge.reporting.lesson_sentences import (
    describe,
    describe_changes,
    fuller_moments,
    without_expressions,
)
from edge.reporting.lesson_statistics import Change, Figure, LessonSummary
from tests.support.paths import PACKAGE

VIENNA = timezone(timedelta(hours=1))
START = datetime(2026, 11, 16, 7, 38, tzinfo=timezone.utc)
SUMMARY = LessonSummary(
    recorded=2700, measured=2700, facing_measured=2700, expressions_measured=2700,
    faces=Figure(24.4, 23, 26, 0.5), front=Figure(0.713, 0.55, 0.83, 0.02), basis="estimate",
    expressions={
        "happy": Figure(0.22, 0.16, 0.29, 0.02), "neutral": Figure(0.63, 0.52, 0.71, 0.02),
        "fear": Figure(0.01, 0, 0.1, 0),
    },
    directed=9.2,
)  # fmt: skip
ROSE = Change(
    "happy", START, START + timedelta(minutes=10), ShareRange(0.16, 0.1, 0.22), ShareRange(0.41, 0.33, 0.49), 3
)

OFTEN = (
    "Of the faces with a named expression about 63~% (52 to 71~%) looked neutral, and about 22~% (16 to 29~%) happy."
)
APART = (
    "Too early to say whether this is unusual: there is one earlier lesson, some figures differ from it, and 3 earlier "
    "ones are needed."
)


def plain(sentences: object) -> list[str]:
    """As they are read, with every space that does not break marked."""
    assert isinstance(sentences, list)
    return [str(each).replace("\N{NO-BREAK SPACE}", "~") for each in sentences]


def test_a_few_seconds_without_figures_are_not_told() -> None:
    assert fuller_moments(0, 2700) == fuller_moments(0, 0) == fuller_moments(130, 2700) == []
    assert plain(fuller_moments(900, 2700))[0].startswith("In 33~% of the time too few people were in the picture")


def test_less_than_a_face_is_not_none() -> None:
    almost_empty = replace(SUMMARY, faces=Figure(0.4, 0.2, 0.6, 0.1), front=None, expressions={})
    assert plain(describe(almost_empty)) == ["On average 0.4 faces (0.2 to 0.6) were seen."]


def test_how_a_lesson_was() -> None:
    assert plain(describe(SUMMARY)) == [
        (
            "On average 24.4 faces (23.0 to 26.0) were seen; of the 9.2 with a known direction about 71~% (55 to 83~%) "
            "were turned to the front."
        ),
        OFTEN,
    ]


def test_what_hardly_anybody_showed_is_not_told() -> None:
    narrow = replace(
        SUMMARY, expressions={"neutral": Figure(0.962, 0.938, 0.973, 0), "happy": Figure(0.038, 0, 0.05, 0)}
    )
    assert plain(describe(narrow))[1] == (
        "Of the faces with a named expression about 96~% (93 to 98~%) looked neutral."
    )


def test_what_was_not_measured_is_not_told() -> None:
    counted = replace(SUMMARY, faces=Figure(24.4, 23.07, 25.92, 0.5), front=None, expressions={})
    assert plain(describe(counted)) == ["On average 24.4 faces (23.0 to 26.0) were seen."]
    assert plain(describe(replace(SUMMARY, measured=499, faces=None, front=None, expressions={}))) == [
        "Too little was measured to say more of this lesson: 8~min with figures; 10~min are needed."
    ]
    assert plain(describe(replace(SUMMARY, measured=1800, faces=None, front=None, expressions={}))) == [
        "Too little was measured to say more of this lesson: 30~min with figures, in fewer than 3 measurements."
    ]


def test_why_expressions_are_left_out() -> None:
    assert without_expressions(SUMMARY) == without_expressions(replace(SUMMARY, faces=None, expressions={})) == []
    assert plain(without_expressions(replace(SUMMARY, expressions_measured=485, expressions={}))) == [
        "Nothing is said of expressions: they were told for 8~min; 10~min are needed."
    ]
    assert plain(without_expressions(replace(SUMMARY, expressions={}))) == [
        "Nothing is said of expressions: they were told in fewer than 3 measurements."
    ]


def test_when_it_changed() -> None:
    assert plain(describe_changes([ROSE], VIENNA)) == [
        "From 08:38 to 08:48 about 41~% looked happy, in the rest of the lesson about 16~%; the ranges do not overlap."
    ]
    assert plain(describe_changes([replace(ROSE, end=None)], VIENNA)) == [
        "From 08:38 about 41~% looked happy, before about 16~%; the ranges do not overlap."
    ]
    turned = replace(ROSE, what="front")
    assert plain(describe_changes([turned], VIENNA)) == [
        (
            "From 08:38 to 08:48 about 41~% were turned to the front, in the rest of the lesson about 16~%; the ranges "
            "do not overlap."
        )
    ]
    assert plain(describe_changes([replace(turned, end=None)], VIENNA)) == [
        "From 08:38 about 41~% were turned to the front, before about 16~%; the ranges do not overlap."
    ]
    assert plain(
        describe_changes([replace(ROSE, what="fear", before=ShareRange(0.004, 0, 0.09), end=None)], VIENNA)
    ) == ["From 08:38 about 41~% looked afraid, before about <~1~%; the ranges do not overlap."]


def test_the_two_surest_changes_in_order_of_time() -> None:
    late, unsure = replace(ROSE, start=START + timedelta(minutes=20), end=None, what="sad"), replace(ROSE, what="front")
    told = plain(describe_changes([late, ROSE, unsure], VIENNA))
    assert [sentence[:10] for sentence in told] == ["From 08:38", "From 08:58"]
    assert "front" not in " ".join(told)


def test_one_change_of_expressions_is_told_once() -> None:
    fewer = replace(ROSE, what="neutral", before=ROSE.during, during=ROSE.before, start=START + timedelta(minutes=1))
    assert len(describe_changes([ROSE, fewer], VIENNA)) == 1
    assert len(describe_changes([ROSE, replace(fewer, what="front")], VIENNA)) == 2
    assert len(describe_changes([replace(ROSE, end=None), replace(fewer, end=None)], VIENNA)) == 1
    assert len(describe_changes([ROSE, replace(fewer, start=START + timedelta(minutes=10), end=None)], VIENNA)) == 2


def test_no_change_and_nobody_who_looked() -> None:
    assert plain(describe_changes([], VIENNA)) == ["Nothing changed by more than chance explains."]
    assert describe_changes(None, VIENNA) == []


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (
            Comparison("same", 6, {}, {}, {}),
            ["In the number of faces there is no difference from the 6 earlier lessons beyond the uncertainty."],
        ),
        (
            Comparison("few", 2, {"place": 3}, {}, {}),
            [
                (
                    "There are 2 earlier lessons: too few to tell a difference from what changes from day to day; "
                    "3 are needed."
                ),
                "Earlier lessons that were measured under other conditions are left out: 3.",
            ],
        ),
        (
            Comparison("one", 1, {}, {"happy": True}, {}),
            ["All compared ranges overlap with those of the one earlier lesson: the two may have been the same."],
        ),
        (
            Comparison("one", 1, {}, {"happy": False, "sad": True}, {}),
            [APART],
        ),
        (Comparison("not_enough", 0, {}, {}, {}), ["There is nothing to compare it with."]),
        (
            Comparison("refused", 0, {"place": 4, "pose": 1}, {}, {}),
            ["It is not compared with earlier lessons: the camera was in another place then."],
        ),
        (
            Comparison(
                "different", 8, {}, {}, {"happy": Difference(0.47, 0.2, 0.11, 0.29, 0.001, differs=True, lessons=8)}
            ),
            [
                (
                    "About 47 % of the faces with a named expression looked happy, more than usual: by the 8 "
                    "earlier lessons, usual is 11 to 29 %."
                )
            ],
        ),
        (
            Comparison(
                "different", 8, {}, {}, {"front": Difference(0.4, 0.7, 0.6, 0.8, 0.001, differs=True, lessons=8)}
            ),
            [
                (
                    "About 40 % of the faces whose direction is known were turned to the front, less than usual: by "
                    "the 8 earlier lessons, usual is 60 to 80 %."
                )
            ],
        ),
        (
            Comparison(
                "different", 8, {}, {}, {"faces": Difference(11.2, 24, 21.5, 26.1, 0.001, differs=True, lessons=8)}
            ),
            ["11.2 faces are fewer than usual: by the 8 earlier lessons, usual is 21.5 to 26.1."],
        ),
    ],
)
def test_against_earlier_lessons(comparison: Comparison, words: list[str]) -> None:
    assert plain(describe_comparison(comparison)) == words


USUAL = Difference(24, 24, 22, 26, 0.9, differs=False, lessons=8)


@pytest.mark.parametrize(
    ("uncompared", "figures", "basis", "words"),
    [
        ((), {"front": 8, "happy": 8}, 0, ["There is no difference from the 8 earlier lessons"]),
        (
            (), {"front": 7, "happy": 7}, 0,
            ["There is no difference", "Of the 8 earlier lessons only 7 tell the direction of heads, and"],
        ),
        (("front",), {"happy": 8}, 0, ["In the number of faces and in expressions", "The direction of heads is not"]),
        (("happy",), {"front": 8}, 0, ["In the number of faces and the direction", "Not all expressions are"]),
        (
            ("happy", "front"), {}, 8,
            ["In the number of faces there", "The direction of heads is not compared, nor", "Expressions of some"],
        ),
    ],
)  # fmt: skip
def test_no_difference_is_said_of_what_was_compared(
    uncompared: tuple[str, ...], figures: dict[str, int], basis: int, words: list[str]
) -> None:
    compared = {"faces": USUAL, **{name: replace(USUAL, lessons=number) for name, number in figures.items()}}
    told = plain(describe_comparison(Comparison("same", 8, {}, {}, compared, uncompared, basis)))
    assert len(told) == len(words)
    assert all(sentence.startswith(start) for sentence, start in zip(told, words, strict=True))


@pytest.mark.parametrize(
    ("name", "value", "low", "high", "words"),
    [
        ("faces", 20.4, 20.6, 23.2, "20.4, less, 20.6 to 23.2"),
        ("faces", 23.24, 21.2, 23.05, "23.2, more, 21.2 to 23.1"),
        ("front", 0.753, 0.502, 0.738, "About 75 %, more, 50 to 74 %"),
        ("front", 0.7497, 0.502, 0.7455, "About 75.0 %, more, 50.2 to 74.6 %"),
        ("happy", 0.003, 0.08, 0.12, "About 0.3 %, less, 8.0 to 12.0 %"),
    ],
)  # fmt: skip
def test_a_value_that_is_unlike_is_told_outside_its_range(
    name: str, value: float, low: float, high: float, words: str
) -> None:
    each = Difference(value, (low + high) / 2, low, high, 0.001, differs=True, lessons=8)
    told = str(describe_comparison(Comparison("different", 8, {}, {}, {name: each}))[0])
    mine, side, usual = words.split(", ")
    assert told.startswith(f"{mine} ")
    assert ("fewer than usual" in told or "less than usual" in told, "more than usual" in told) == (
        side == "less", side == "more",
    )  # fmt: skip
    assert told.endswith(f"usual is {usual}.")


def test_every_condition_has_its_reason() -> None:
    assert {name: str(each).partition(": ")[2] for name, each in REFUSED.items()} == {
        "mode": "something else was measured then.",
        "faces": "another model found the faces then.",
        "emotions": "another model named the expressions then.",
        "pose": "another rule decided then which faces are turned to the front.",
        "masks": "another camera was used, other parts of the picture were hidden, or faces were named by other limits "
        "then.",
        "place": "the camera was in another place then.",
        "policy": "other figures were withheld then, or they were rounded otherwise.",
        "clock_set": "the clock of the device was not set in this one or in those, "
        "so they may have been at another time.",
        "one_device": "two devices sent under one name in this one or in those, or the clock was set back.",
        "steady": "how it was measured changed within this one or within those.",
    }


def test_no_sentence_says_what_anybody_was_or_felt() -> None:
    """What is not measured is said in `edge.reporting.scope`, which denies it."""
    files = [PACKAGE / "reporting" / name for name in ("lesson_sentences.py", "comparison_sentences.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "Sentence"]
    templates = [ast.literal_eval(call.args[0]) for call in calls]  # literals: a catalogue must find them
    assert len(templates) > 20
    words = " ".join(templates)
    assert not re.findall(r"attention|interest|felt|feel|bored|emotion|mood|significant", words)
    assert not re.findall(r"(?:were|was|is|are) \{expression", words)


def test_sentences_and_comparisons_need_no_numpy() -> None:
    """A dashboard loads them before anybody asks for a statistic."""
    code = (
        "import sys; import edge.reporting.lesson_sentences, edge.reporting.comparison_sentences; "
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
