"""Distances, lenses and sizes of faces."""

from __future__ import annotations

import pytest

from edge.web.setup.distance import advice, lenses, metres
from edge.web.setup.preview_analyzer import by_size


def test_distances_are_those_of_the_table_in_the_readme() -> None:
    for degrees, metre, pixels in ((66, 3, 72), (66, 6, 36), (66, 9, 24), (102, 3, 38), (102, 6, 19), (102, 9, 13)):
        assert metres(pixels, 1280, degrees) == pytest.approx(metre, rel=0.04)
    plain = next(lens for lens in lenses([72, 24], 1280, 24) if lens.degrees == 66)
    assert plain.narrower is None
    assert [round(each or 0) for each in (plain.reach, plain.nearest, plain.farthest)] == [9, 3, 9]
    wide = next(lens for lens in lenses([38, 13], 1280, 24) if lens.degrees == 102)
    assert wide.narrower == 67  # which brings those at 9 m to 24 px, as the table says
    nobody = lenses([], 1280, 24)[0]
    assert (nobody.nearest, nobody.farthest, nobody.narrower) == (None, None, None)


def test_advice_and_sizes() -> None:
    said = advice([72.0, 12.0, 20.0], 24, emotions=True)
    assert str(said).startswith("Faces too small for an emotion: 2 of 3.")
    assert "2.0 times nearer" in str(said)
    assert "to be found reliably: 2 of 3" in str(advice([72.0, 12.0, 20.0], 24, emotions=False))
    for height in (23.9, 23.0):  # "1.0 times nearer" would be where it is
        assert "1.1 times nearer" in str(advice([height], 24, emotions=False))
    assert str(advice([30.0], 24, emotions=True)) == "All faces are large enough."
    assert "2.5 times over. A wider lens" in str(advice([60.0], 24, emotions=True))
    assert "farthest seat" in str(advice([], 24, emotions=True))
    rows = by_size([10.0, 23.9, 24.0, 47.0, 48.0, 300.0], 24)
    found = [(row["from"], row["to"], row["faces"]) for row in rows]
    assert found == [(0, 24, 2), (24, 48, 2), (48, 96, 1), (96, None, 1)]
    assert [row["from"] for row in by_size([], 60)] == [0, 60, 96]
