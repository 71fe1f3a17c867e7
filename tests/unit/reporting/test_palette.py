"""One palette: what reports draw with and what the dashboard shows are the same colours."""

from __future__ import annotations

import re

import pytest

from edge.reporting.palette import DARK, LIGHT
from tests.support.paths import PACKAGE

STYLE = (PACKAGE / "web/dashboard/static/style.css").read_text()
NAMES = ["above", "below", "faces", "happy", "surprise", "neutral", "sad", "fear", "disgust", "angry", "unknown"]


@pytest.mark.parametrize(("start", "colours"), [(":root {", LIGHT), (':root[data-theme="dark"] {', DARK)])
def test_the_dashboard_has_the_colours_of_reports(start: str, colours: dict[str, str]) -> None:
    block = STYLE[STYLE.index(start) :].partition("}")[0]
    there = dict(re.findall(r"--([\w-]+): (#\w+)", block))
    assert {name: there.get(name) for name in NAMES} == {name: colours[name] for name in NAMES}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_figures_can_be_read_on_coloured_cells(colours: dict[str, str]) -> None:
    for name in ("above", "below", "card"):
        light, dark = sorted((luminance(colours[name]), luminance(colours["text"])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
