"""Polygons in fractions of the upright picture, for masks and the count area: what is one, and what is a mistake."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

MIN_POINTS, MAX_POINTS = 3, 64
MIN_AREA = 1e-6  # of the picture: a pixel of 1280 x 720

Coordinate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Point = Annotated[tuple[Coordinate, ...], Field(min_length=2, max_length=2)]


def checked(value: Any) -> Any:  # noqa: ANN401 - whatever stands in the configuration
    """The same value as tuples, if it is a polygon: [[x, y], ...] in fractions of the picture.

    Raises:
        ValueError: It is none; says what is wrong with which point, and what to do.
    """
    if not isinstance(value, list | tuple):
        found = "" if isinstance(value, str) else f"found {_shown(value)}; "  # a text is shown by the loader
        raise ValueError(f"{found}a polygon is a list of points, such as [[0, 0], [0.5, 0], [0.5, 0.5]]")  # noqa: TRY004
    if not MIN_POINTS <= len(value) <= MAX_POINTS:
        raise ValueError(
            f"found {len(value)} point{'' if len(value) == 1 else 's'}; a polygon has {MIN_POINTS} to {MAX_POINTS}: "
            "name its corners one after the other"
        )
    for number, point in enumerate(value):
        if not isinstance(point, list | tuple) or len(point) != 2:
            raise ValueError(f"point {number}: found {_shown(point)}; write [x, y]")
        for axis, coordinate in zip("xy", point, strict=True):
            # A bool is an int to Python; and not a number is neither below 0 nor above 1.
            is_number = isinstance(coordinate, int | float) and not isinstance(coordinate, bool)
            if not (is_number and 0 <= coordinate <= 1):
                side = "width" if axis == "x" else "height"
                raise ValueError(
                    f"point {number}: {axis}: found {_shown(coordinate)}; write a number from 0 to 1, the fraction of "
                    f"the picture's {side}"
                )
    points = [(float(x), float(y)) for x, y in value]
    for first, second in _crossings(points):
        raise ValueError(
            f"the edge after point {first} crosses the one after point {second}, so part of what was meant may stay "
            "outside; name the corners in their order around the polygon"
        )
    if area(points) < MIN_AREA:
        raise ValueError("it encloses nothing; name three corners or more that are not on one line")
    return tuple(tuple(point) for point in value)  # as the model has it, so that strict JSON is accepted, too


Polygon = Annotated[tuple[Point, ...], Field(min_length=MIN_POINTS, max_length=MAX_POINTS), BeforeValidator(checked)]
"""Three to 64 corners, (x, y) in fractions of the upright picture; (0, 0) is its top left."""


def area(points: list[tuple[float, float]]) -> float:
    """The share of the picture that a polygon encloses, 0..1."""
    following = [*points[1:], points[0]]
    return abs(math.fsum(x * v - u * y for (x, y), (u, v) in zip(points, following, strict=True))) / 2


def _crossings(points: list[tuple[float, float]]) -> Iterator[tuple[int, int]]:
    """Pairs of edges, by the number of their first point, that cross inside both; those that only touch are none."""
    edges = list(zip(points, [*points[1:], points[0]], strict=True))
    for i, (a, b) in enumerate(edges):
        for j in range(i + 2, len(edges)):
            c, d = edges[j]
            if _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0:
                yield i, j


def _side(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> int:
    """1 where c is on one side of the line from a to b, -1 on the other, 0 on it."""
    cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return 0 if abs(cross) < 1e-12 else 1 if cross > 0 else -1


def _shown(value: object) -> str:
    shorten = reprlib.Repr()
    shorten.maxstring, shorten.maxother, shorten.maxlong = 40, 40, 40
    try:
        return shorten.repr(value)
    except ValueError:  # Python refuses to write out integers of thousands of digits
        return "a number that is too long to show"
