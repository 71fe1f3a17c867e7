"""The figures of the benchmark are those of models/README.md, and what follows from them."""

from __future__ import annotations

import re

import pytest

from edge.model_files.benchmark import (
    AWAY_TAKEN,
    FACES,
    FOUND,
    FRONT_KEPT,
    RIGHT,
    WRONG_STRONG,
    Proportion,
    missed,
    size_class,
)
from tests.support.paths import ROOT

README = (ROOT / "models/README.md").read_text()


def percent(of: Proportion) -> str:
    return f"{100 * of.share:.1f}"


@pytest.mark.parametrize("width", [640, 1280, 1920])
def test_the_detectors_figures_are_those_of_the_readme(width: int) -> None:
    rows = re.findall(rf"^\| `faces-{width}x\d+\.tflite`.*$", README, re.MULTILINE)
    stated = re.findall(r"\d+\.\d", rows[-1])
    assert stated[:5] == [percent(FACES[width]), *map(percent, FOUND[width])]
    whole = [each.whole for each in FOUND[width]]
    assert "{:,} / {} / {} / {} faces".format(*whole) in README


@pytest.mark.parametrize(
    ("row", "column", "of"),
    [
        ("judged to be turned to the front", 1, FRONT_KEPT),
        ("judged to be turned to the front", 2, AWAY_TAKEN),
        ("right, of the 61 named ones", 1, RIGHT),
        ("wrongly called angry", 1, WRONG_STRONG),
    ],
)
def test_the_rooms_figures_are_those_of_the_readme(row: str, column: int, of: Proportion) -> None:
    line = re.search(rf"^\| {row}.*$", README, re.MULTILINE)
    assert line is not None
    cell = line[0].split("|")[column + 1]
    low, high = re.findall(r"(\d+(?:\.\d)?) to (\d+\.\d)", cell)[0]
    assert (100 * of.low, 100 * of.high) == pytest.approx((float(low), float(high)), abs=0.06)
    assert percent(of) in cell or f"{of.part} of {of.whole}" in cell


def test_sizes_are_those_of_a_small_picture() -> None:
    assert [size_class(height, (1280, 720)) for height in (5, 12, 24, 47, 48, 96, 500)] == [0, 0, 1, 1, 2, 3, 3]
    assert size_class(36, (1920, 1080)) == 1  # 24 px of 720
    assert size_class(35, (1920, 1080)) == 0
    assert size_class(20, (1024, 576)) == 1
    assert size_class(18, (320, 180)) == 0  # pixels that a face lacks do not come by enlarging it


def test_small_faces_are_missed_more_often() -> None:
    assert missed([0, 0, 0, 0], 1280) is None
    far, near = missed([10, 0, 0, 0], 1280), missed([0, 0, 10, 0], 1280)
    assert far is not None
    assert near is not None
    assert far.mean == pytest.approx(1 - 719 / 1345)
    assert near.mean == pytest.approx(1 - 605 / 648)
    for each in (far, near):
        assert each.low < each.mean < each.high
    wide = missed([10, 0, 0, 0], 640)
    assert wide is not None
    assert wide.mean > far.mean
