"""Strong words need evidence of their own; `neutral` and `happy` may stand in; else nothing is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from edge.vision.naming import MILD, Namer

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
THRESHOLDS = {"angry": 0.7, "disgust": 0.5, "fear": 0.5, "sad": 0.85, "surprise": 0.8}
NAMES = (*LABELS, "unknown")


def name(min_confidence: float = 0.3, **probabilities: float) -> str:
    row = np.array([[probabilities.get(label, 0.0) for label in LABELS]], np.float32)
    return NAMES[Namer(LABELS, THRESHOLDS, min_confidence).name(row)[0]]


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ({"neutral": 0.9, "sad": 0.1}, "neutral"),
        ({"sad": 0.9, "neutral": 0.1}, "sad"),
        ({"sad": 0.6, "neutral": 0.4}, "neutral"),  # not enough for the strong word, enough for the mild one
        ({"sad": 0.8, "neutral": 0.2}, "unknown"),  # enough for neither
        ({"angry": 0.45, "happy": 0.35, "neutral": 0.2}, "happy"),
        ({"neutral": 0.29, "happy": 0.28, "sad": 0.2, "angry": 0.23}, "unknown"),
        ({"fear": 0.55, "surprise": 0.45}, "fear"),
    ],
)
def test_a_strong_word_needs_more_than_neutral_does(probabilities: dict[str, float], expected: str) -> None:
    assert name(**probabilities) == expected


def test_the_users_own_limit_holds_for_every_word() -> None:
    assert name(0.95, sad=0.9, neutral=0.1) == "unknown"
    assert name(0.95, neutral=0.94, sad=0.06) == "unknown"
    assert name(0.95, neutral=0.96, sad=0.04) == "neutral"


def test_without_thresholds_every_word_needs_the_same() -> None:
    row = np.array([[0.5, 0, 0, 0.1, 0, 0, 0.4]], np.float32)
    assert NAMES[Namer(LABELS, {}, 0.4).name(row)[0]] == "angry"


def test_nobody_is_named_nothing() -> None:
    assert Namer(LABELS, THRESHOLDS, 0.3).name(np.empty((0, 7), np.float32)).shape == (0,)


@given(arrays.arrays(np.float32, (5, 7), elements=st.floats(0.015625, 1, width=32)), st.floats(0, 1))
def test_whatever_is_said_has_the_evidence_it_needs(raw: NDArray[np.float32], least: float) -> None:
    rows = raw / raw.sum(axis=1, keepdims=True)
    for row, index in zip(rows, Namer(LABELS, THRESHOLDS, least).name(rows), strict=True):
        if index < len(LABELS):
            label = LABELS[index]
            assert row[index] >= np.float32(max(least, THRESHOLDS.get(label, 0.0)))
            assert label in MILD or row[index] == row.max()
        else:
            assert all(row[LABELS.index(label)] < np.float32(least) for label in MILD)
