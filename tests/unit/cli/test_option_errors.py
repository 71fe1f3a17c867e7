"""Whatever an option does not take, its error says what it takes, and names no function of ours."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cli import COMMANDS, parse
from edge.cli.numbers import real_number, whole_number

TEXTS = (
    "",
    "abc",
    "-1",
    "nan",
    "inf",
    "1.5",
    "9" * 30,
    "9" * 5000,
    "\ud800",
    "a/b",
    "2026-13-01",
    "mqtt://[",
    "x" * 300,
)


def _options() -> list[tuple[str, argparse.Action]]:
    found = []
    for name in COMMANDS:
        parser = argparse.ArgumentParser()
        importlib.import_module(f"edge.cli.{name}").add_arguments(parser)
        waiting = [parser]
        for each in waiting:
            for action in each._actions:
                if isinstance(action, argparse._SubParsersAction):
                    waiting += list(action.choices.values())
                elif action.type is not None:
                    found.append((f"{name} {action.dest}", action))
    return found


OPTIONS = _options()


def test_options_of_numbers_are_looked_at() -> None:
    names = [name for name, _ in OPTIONS]
    assert {"dashboard port", "bench size", "watch timeout", "record keep_free", "access expires"} <= set(names)


@pytest.mark.parametrize("action", [action for _, action in OPTIONS], ids=[name for name, _ in OPTIONS])
def test_an_error_says_what_is_taken(action: argparse.Action) -> None:
    assert callable(action.type)
    for text in TEXTS:
        try:
            action.type(text)
        except argparse.ArgumentTypeError as error:
            assert str(error)
        # any other error would be a traceback, or a name of ours


@given(
    st.tuples(st.integers(-10_000, 10_000), st.integers(-10_000, 10_000)).map(sorted),
    st.integers(-10_000, 10_000),
    st.sampled_from([whole_number, real_number]),
)
def test_numbers_of_a_range_are_taken_and_no_others(
    ends: list[int], value: int, kind: Callable[[int, int, str], Callable[[str], float]]
) -> None:
    least, most = ends
    if least <= value <= most:
        assert kind(least, most, "days")(str(value)) == float(value)
    else:
        with pytest.raises(argparse.ArgumentTypeError, match=rf"^{least} to {most} days, not '{value}'$"):
            kind(least, most, "days")(str(value))


def test_a_whole_number_without_an_end() -> None:
    assert whole_number(2)("7") == 7
    with pytest.raises(argparse.ArgumentTypeError, match="^2 or more, not '1'$"):
        whole_number(2)("1")


@pytest.mark.parametrize(
    "arguments", [["report", "--database=--"], ["access", "list", "--file=--"], ["run", "--config=--"]]
)
def test_two_dashes_are_no_value(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(arguments)
    assert end.value.code == 2
    assert f"argument {arguments[-1].removesuffix('=--')}: expected a value" in capsys.readouterr().err


def test_two_dashes_end_the_options() -> None:
    assert [str(file) for file in parse(["image", "--", "--x=--"]).files] == ["--x=--"]
    assert parse(["run", "--set", "device.name=--"]).set == ["device.name=--"]
