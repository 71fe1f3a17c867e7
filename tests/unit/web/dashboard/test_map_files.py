"""The files of maps, of the dashboard and of `edge report`: every column, and every state, is in the documentation."""

from __future__ import annotations

import re
from typing import get_args

from edge.reporting.heat_map import State
from edge.reporting.school_csv import HEAD
from tests.support.paths import ROOT

PAGE = (ROOT / "docs/dashboard.md").read_text()
NAME = re.compile(r"`(\w+)`")


def documented() -> dict[str, str]:
    """What the page says of each column, in order."""
    _, _, table = PAGE.partition("| column | what it says |\n|---|---|\n")
    rows = [row.strip("| ").split(" | ", 1) for row in table.partition("\n\n")[0].splitlines()]
    return {name: text for names, text in rows for name in NAME.findall(names)}


def test_columns() -> None:
    script = (ROOT / "edge/web/dashboard/static/maps.js").read_text()
    found = re.search(r"^const COLUMNS = \[(.*)\];$", script, re.MULTILINE)
    assert found is not None
    columns = re.findall(r'"(\w+)"', found[1])
    assert list(documented()) == columns
    assert list(HEAD[: len(columns)]) == columns
    _, _, report = (ROOT / "docs/record.md").read_text().partition("[columns of the dashboard's]")
    assert NAME.findall(report)[2 : 2 + len(HEAD[len(columns) :])] == list(HEAD[len(columns) :])


def test_states() -> None:
    assert set(NAME.findall(documented()["state"])) == set(get_args(State))
