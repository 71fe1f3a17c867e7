"""Which of the unit tests mean something where every program is ten times slower; a plug-in of pytest, for check.sh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import brokers
from tests.support.paths import ROOT

PACE = "are about pace: frames per second, a broker killed at the right moment"
TRAINING = "are about training and measuring models, which no Raspberry Pi does"
COSTLY = "look at a hundred frames or ten thousand examples, which takes half an hour"

# By file, folder or test; a test that uses the fixture `edge` needs no entry. Whatever is not named is run.
LEFT_OUT = {
    "tests/unit/cameras/test_capture_thread.py": PACE,
    "tests/unit/vision/test_frame_analyzer.py::test_looking_three_times_a_second_is_enough_in_the_sample_room": COSTLY,
    "tests/unit/models": TRAINING,
    "tests/unit/aggregation/test_prevalence.py::test_a_window_costs_little": PACE,
    "tests/unit/mqtt/test_command_queue.py::test_ten_thousand_commands_change_nothing_unless_they_are_valid": COSTLY,
    "tests/unit/vision/test_vision.py::test_the_sample_scene_is_seen_as_it_is": COSTLY,
}

PATIENCE = 10

left_out: Counter[str] = Counter()

# What a wrong architecture breaks, it breaks in the first examples.
settings.register_profile("emulated", max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("emulated")

impatient = brokers.wait_for


def wait_for(condition: Callable[[], bool], seconds: float, what: str | Callable[[], str] = "it") -> None:
    """Wait longer for what is to happen; the tests import this in place of theirs, as this plug-in comes first."""
    impatient(condition, seconds * PATIENCE, what)


brokers.wait_for = wait_for


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Files that are left out are not even imported: not all that they need exists for 32 bits."""
    name = collection_path.resolve().relative_to(ROOT).as_posix() if collection_path.is_relative_to(ROOT) else ""
    if name not in LEFT_OUT:
        return None
    left_out[f"files that {LEFT_OUT[name]}"] += 1
    return True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what means nothing here."""
    kept, taken = [], []
    for item in items:
        reason = why_not(item)
        if reason:
            left_out[f"tests that {reason}"] += 1
            taken.append(item)
        else:
            kept.append(item)
    config.hook.pytest_deselected(items=taken)
    items[:] = kept


def why_not(item: pytest.Item) -> str | None:
    """Why a test is left out, if it is."""
    test = item.nodeid.split("[")[0]
    file = test.split("::")[0]
    return next((LEFT_OUT[name] for name in (test, file, str(Path(file).parent)) if name in LEFT_OUT), None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it."""
    for reason, count in left_out.most_common():
        terminalreporter.line(f"left out: {count} {reason}")
