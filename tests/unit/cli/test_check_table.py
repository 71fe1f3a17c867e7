"""What `edge check` prints: a command in a remedy can be copied from a terminal of any width."""

from __future__ import annotations

import argparse

import pytest

from edge.cli import check
from edge.cli.check_rows import FAILED, OK
from edge.support.support_file import CheckRow

COMMAND = "edge check --set mqtt.username=room-204-check"
ROWS = [CheckRow("camera", OK, "sample"), CheckRow("broker", FAILED, "refuses us", f"try it: {COMMAND}")]


@pytest.mark.parametrize("columns", ["40", "80", "300"])
def test_a_remedy_is_never_broken(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(check, "run_checks", lambda _: ROWS)
    assert check.main(argparse.Namespace()) == 1
    out = capsys.readouterr().out
    assert COMMAND in out
    assert ("\nbroker: try it" in out) == (columns != "300"), "below the table only where it does not fit"
