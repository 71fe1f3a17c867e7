"""An address where a file is meant is refused, and what may be a password in it is not repeated."""

from __future__ import annotations

import argparse

import pytest

from edge.cli.database_arguments import add_database_arguments


@pytest.mark.parametrize(
    "text",
    [
        "Postgresql://u:hush@h/edge",
        " postgresql://u:hush@h/edge",
        "postgresql+psycopg://u:hush@h/edge",
        "postgresql:/u:hush@h/edge",
        "mysql://u:hush@h/edge",
        "host=h password=hush",
        "host=h PASSWORD = hush",
    ],
)
def test_an_address_that_is_none_of_ours_becomes_no_file(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_database_arguments(parser, "--school", "the recording")
    with pytest.raises(SystemExit):
        parser.parse_args(["--database", text])
    said = capsys.readouterr().err
    assert "without a password" in said
    assert "hush" not in said
