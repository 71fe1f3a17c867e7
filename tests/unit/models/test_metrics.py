"""Figures of a classifier, by hand; pictures as a model takes them."""

from __future__ import annotations

import numpy as np
import pytest

from edge.model_files.cards import Input
from models import evaluate, runner
from models.metrics import Confusion, Reliability, softmax

COUNTS = np.array([[6, 2, 0], [1, 3, 0], [2, 0, 0]])  # the third class is never guessed


def test_figures_by_hand() -> None:
    confusion = Confusion(COUNTS)
    assert confusion.rows == 14
    assert confusion.accuracy == pytest.approx(9 / 14)
    assert confusion.recall == pytest.approx([6 / 8, 3 / 4, 0])
    assert confusion.precision == pytest.approx([6 / 9, 3 / 5, np.nan], nan_ok=True)
    assert confusion.f1 == pytest.approx([12 / 17, 6 / 9, 0])
    assert confusion.balanced_accuracy == pytest.approx(1.5 / 3)
    assert confusion.macro_f1 == pytest.approx((12 / 17 + 6 / 9) / 3)
    assert confusion.weighted_f1 == pytest.approx((8 * 12 / 17 + 4 * 6 / 9) / 14)


def test_weighted_f1_of_extremes() -> None:
    assert Confusion(np.diag([5, 1, 0])).weighted_f1 == pytest.approx(1)
    assert Confusion(np.array([[0, 4], [2, 0]])).weighted_f1 == 0
    assert np.isnan(Confusion(np.zeros((3, 3), np.int64)).weighted_f1)


def test_softmax_by_hand() -> None:
    logits = np.log(np.array([[1, 3], [9, 1]], np.float32))
    assert softmax(logits, 1) == pytest.approx(np.array([[0.25, 0.75], [0.9, 0.1]]), abs=1e-6)
    assert softmax(logits, 2)[1] == pytest.approx([0.75, 0.25], abs=1e-6)  # the square roots of 9 and 1
    assert softmax(np.array([[3e4, -3e4]], np.float32), 0.05)[0].tolist() == [1, 0]


def test_calibration_error_by_hand() -> None:
    # Ten pictures at 0.8 of which six are right, ten at 0.55 of which seven are; two without a truth.
    shares = np.array([[0.8, 0.2]] * 10 + [[0.45, 0.55]] * 10 + [[1.0, 0.0]] * 2)
    truth = np.array([0] * 6 + [1] * 4 + [1] * 7 + [0] * 3 + [-1] * 2)
    result = Reliability.of(shares, truth)
    assert result.counts.sum() == 20
    assert result.counts[[8, 12]].tolist() == [10, 10]
    assert result.confidence[[8, 12]] == pytest.approx([0.55, 0.8])
    assert result.accuracy[[8, 12]] == pytest.approx([0.7, 0.6])
    assert result.error == pytest.approx((0.15 + 0.2) / 2)


def test_calibration_error_of_certainty_and_of_nothing() -> None:
    sure = np.eye(7)[[0, 1, 2, 3]]
    assert Reliability.of(sure, np.arange(4)).error == 0
    assert Reliability.of(sure, np.array([1, 2, 3, 4])).error == 1
    assert np.isnan(Reliability.of(sure, np.full(4, -1)).error)


def test_darker_faces_are_grey_levels_times_the_gain() -> None:
    images = np.array([[[0, 2, 100, 255]]], np.uint8)
    assert evaluate.darken(images, 0.25).tolist() == [[[0, 0, 25, 64]]]
    assert evaluate.darken(images, 0.25).dtype == np.uint8


def test_faces_are_resized_to_what_a_model_takes() -> None:
    images = np.full((2, 48, 48), 7, np.uint8)
    other = Input(width=96, height=64, channels=3, colour="grey", range=(0, 1))
    for size, shape in (
        (other, (2, 64, 96, 1)),
        (other.model_copy(update={"width": 48, "height": 48}), (2, 48, 48, 1)),
    ):
        crops = runner.fitted(images, size.height, size.width)
        assert crops.shape == shape
        assert crops.dtype == np.uint8
        assert (crops == 7).all()
