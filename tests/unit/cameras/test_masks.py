"""Masks: every pixel that a polygon touches is black, at every size, and no other is changed."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.cameras.masks import Masks, covered

Polygon = list[tuple[float, float]]

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
corners = st.tuples(st.floats(0, 1), st.floats(0, 1))


@st.composite
def stars(draw: st.DrawFn) -> Polygon:
    """A polygon around a point, whose edges do not cross; cut to the picture."""
    x, y = draw(corners)
    angles = sorted(draw(st.lists(st.floats(0, 2 * math.pi), min_size=3, max_size=8, unique=True)))
    reach = draw(st.lists(st.floats(0.05, 1), min_size=len(angles), max_size=len(angles)))
    return [
        (min(1.0, max(0.0, x + far * math.cos(angle))), min(1.0, max(0.0, y + far * math.sin(angle))))
        for angle, far in zip(angles, reach, strict=True)
    ]


def winds_around(polygon: Polygon, x: float, y: float) -> bool:
    """Whether a point lies in a polygon, by the angles under which it sees the edges."""
    angles = [math.atan2(b - y, a - x) for a, b in [*polygon, polygon[0]]]
    turn = sum((after - before + math.pi) % (2 * math.pi) - math.pi for before, after in pairwise(angles))
    return abs(turn) > math.pi


@settings(deadline=None, max_examples=150)
@given(stars(), sizes, st.lists(corners, min_size=30, max_size=30))
def test_the_pixel_of_every_point_of_a_polygon_is_masked(
    polygon: Polygon, size: tuple[int, int], points: list[tuple[float, float]]
) -> None:
    masked = covered([polygon], size)
    width, height = size
    along = [
        (a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]))
        for a, b in zip(polygon, [*polygon[1:], polygon[0]], strict=True)
        for part in np.linspace(0, 1, 50).tolist()
    ]
    within = [point for point in points if winds_around(polygon, *point)]
    for x, y in along + within:
        assert masked[min(int(y * height), height - 1), min(int(x * width), width - 1)], (x, y)


@settings(deadline=None, max_examples=150)
@given(stars(), sizes)
def test_no_pixel_is_masked_that_no_polygon_touches(polygon: Polygon, size: tuple[int, int]) -> None:
    masked = covered([polygon], size)
    scaled = np.asarray(polygon) * size
    for row, column in zip(*np.nonzero(masked), strict=True):
        centre = np.array([column + 0.5, row + 0.5])
        if winds_around([(float(x), float(y)) for x, y in scaled], *centre.tolist()):
            continue
        step = np.roll(scaled, -1, axis=0) - scaled
        along = ((centre - scaled) * step).sum(axis=1) / np.maximum((step**2).sum(axis=1), 1e-12)
        away = np.hypot(*(scaled + along.clip(0, 1)[:, None] * step - centre).T).min()
        assert away <= math.sqrt(0.5) + 1e-4, (row, column)  # half a pixel's diagonal


@pytest.mark.parametrize("size", [(1280, 720), (641, 361), (160, 120), (7, 5), (1, 1)])
def test_masked_pixels_are_black_and_the_others_as_they_were(size: tuple[int, int]) -> None:
    polygons = [
        [(0.1, 0.1), (0.4, 0.15), (0.2, 0.6)],
        [(0.3, 0.2), (0.9, 0.2), (0.9, 0.9)],
        [(0, 0.9), (0.05, 1), (0, 1)],
    ]
    before = np.random.default_rng(3).integers(1, 256, (size[1], size[0], 3), np.uint8)
    image = before.copy()
    after = Masks(polygons).apply(image)
    masked = covered(polygons, size)
    assert after is image
    assert (after[masked] == 0).all()
    assert np.array_equal(after[~masked], before[~masked])


def test_each_size_has_its_own_pixels_and_nothing_of_the_one_before() -> None:
    masks = Masks([[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]])
    for width, height in ((64, 48), (48, 64), (64, 48), (128, 96)):
        image = masks.apply(np.full((height, width, 3), 200, np.uint8))
        assert (image[:, : width // 2] == 0).all()
        assert (image[:, width // 2 + 1 :] == 200).all()


def test_pictures_of_any_layout_in_memory() -> None:
    masks = Masks([[(0, 0), (0.6, 0), (0.6, 0.6)]])
    whole = np.random.default_rng(4).integers(1, 256, (40, 60, 3), np.uint8)
    wanted = masks.apply(whole.copy())
    frozen = whole.copy()
    frozen.flags.writeable = False
    layouts: list[NDArray[np.uint8]] = [
        frozen, whole[::-1].copy()[::-1], np.asfortranarray(whole), np.pad(whole, ((0, 0), (0, 9), (0, 0)))[:, :60],
    ]  # fmt: skip
    for image in layouts:
        assert np.array_equal(masks.apply(image), wanted)
    assert np.array_equal(frozen, whole)  # nobody else's picture is written to


def test_a_polygon_that_goes_round_twice_masks_what_it_encloses() -> None:
    square = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]
    assert np.array_equal(covered([square * 2], (50, 50)), covered([square], (50, 50)))
    assert np.array_equal(covered([square[::-1]], (50, 50)), covered([square], (50, 50)))


def test_the_share_is_rounded_up_and_counts_nothing_twice() -> None:
    half = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
    assert Masks().share == 0
    assert Masks([half]).share == Masks([half, half]).share == pytest.approx(0.51)
    assert Masks([[(0.5, 0.5), (0.501, 0.5), (0.501, 0.501)]]).share == 0.01
    assert Masks([[(0, 0), (1, 0), (1, 1), (0, 1)]]).share == 1


def test_without_masks_the_picture_is_the_very_same() -> None:
    image = np.full((4, 4, 3), 9, np.uint8)
    assert Masks().apply(image) is image
    assert (image == 9).all()
