"""One palette: pages, reports and terminals."""

from __future__ import annotations

import re

import pytest

from edge.reporting.palette import DARK, LIGHT
from tests.support.paths import PACKAGE

STYLE = PACKAGE / "web/dashboard/static/style.css"


@pytest.mark.parametrize(("selector", "palette"), [(":root", LIGHT), (':root[data-theme="dark"]', DARK)])
def test_the_pages_have_the_colours_of_the_palette(selector: str, palette: dict[str, str]) -> None:
    block = re.search(rf"^{re.escape(selector)} \{{(.*?)^\}}", STYLE.read_text(), re.DOTALL | re.MULTILINE)
    assert block is not None
    variables = dict(re.findall(r"--([\w-]+): (#\w+);", block[1]))
    differing = {
        name: variables[name] for name in palette.keys() & variables.keys() if variables[name] != palette[name]
    }
    assert differing == {}
    assert palette.keys() - variables.keys() <= {"above", "below"}


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_a_page_finds_a_colour_by_its_value(palette: dict[str, str]) -> None:
    assert len(set(palette.values())) == len(palette)
