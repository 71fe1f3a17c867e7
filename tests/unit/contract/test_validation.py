"""The door: what cannot be true is refused, and nothing that the daemon makes."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.aggregation.payload_builder import PayloadBuilder
from edge.aggregation.windows import Observation, WindowAggregator
from edge.contract.examples import EXAMPLES, SUPPRESSED, WINDOW
from edge.contract.identity import Identity, complete
from edge.contract.payloads import MeasuringMode, ModelNames, WindowPayload
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import read_message
from tests.support.paths import ROOT

NOW = datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=timezone.utc)
LABELS = ("happy", "sad")
FASTEST = 1 / 60  # seconds between frames, as fast as a configuration allows

faces = st.integers(0, 40)
frames = st.lists(
    st.tuples(st.sampled_from((FASTEST, FASTEST, 0.2, 1 / 3, 0.999, 7.0)), st.tuples(faces, faces, faces, faces)),
    max_size=80,
)


def taken(window: object, changes: dict[str, Any] | None = None) -> object:
    """A window as it is believed; None: it is refused."""
    assert isinstance(window, WindowPayload)
    content = {**json.loads(window.to_json()), **(changes or {})}
    try:
        return read_message("classroom", f"classroom/{window.device}/window", json.dumps(content).encode()).content
    except ValueError:
        return None


@given(
    frames, st.floats(0.001, 3), st.sampled_from((1.0, 10.0, 17.3)), st.sampled_from((1, 1, 2, 5, 20)),
    st.sampled_from((1, 5, 20)), st.sampled_from(("headcount", "facing", "emotions")),
)  # fmt: skip
def test_every_window_of_the_daemon_is_taken(
    steps: list[tuple[float, tuple[int, int, int, int]]], rest: float, seconds: float, step: int, min_faces: int,
    mode: MeasuringMode,
) -> None:  # fmt: skip
    cutter, time, windows = WindowAggregator(LABELS, seconds, 0.0), 0.0, []
    for wait, (happy, sad, small, away) in steps:
        time += wait
        windows += cutter.due(time)
        counts = {"happy": happy, "sad": sad, "unknown": small + away}
        cutter.add(Observation(time, counts, small, away=None if mode == "headcount" else away))
    models = ModelNames(faces="f@1", emotions="e@1" if mode == "emotions" else None, pose=None)
    builder = PayloadBuilder("room-1", mode, models, min_faces, step)
    for seq, window in enumerate([*windows, *cutter.finish(time + rest)], 1):
        sent = complete(builder.build(window, NOW, clock_synced=True), Identity("6f1c9a2e", seq))
        assert taken(sent) == sent


def test_windows_of_version_1_are_taken() -> None:
    for line in (ROOT / "tests/fixtures/0.1.0/outbox.sent.jsonl").read_text().splitlines():
        sent = json.loads(line)
        content = read_message("classroom", f"classroom/{sent['device']}/window", line.encode()).content
        assert isinstance(content, WindowPayload)
        assert content.faces.total == sent["faces"]["total"]


def test_the_examples_of_the_documentation_are_taken() -> None:
    for window in EXAMPLES[WindowPayload].values():
        assert taken(window) == window


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": 10**9},
        {"frames": 10**9, "faces": {"total": 767, "mean": 0.0, "min": 0, "max": 30}},
        {"frames": 3000},  # of ten seconds
        {"frames": 0},
        {"frames": 1},  # with 767 faces, and 30 at most
        {"faces": {"total": 767, "mean": 27.0, "min": 24, "max": 30}},
        {"faces": {"total": 767, "mean": 27.39, "min": 28, "max": 30}},
        {"faces": {"total": 767, "mean": 27.39, "min": 24, "max": 27}},
        {"window": {"start": format_timestamp(NOW), "end": format_timestamp(NOW), "seconds": 10.0}, "frames": 241},
        {"window": {**WINDOW.window.model_dump(), "seconds": 0.01}, "frames": 243},
        {"window": {**WINDOW.window.model_dump(), "start": "2026-10-34T08:15:00.000Z"}},
        {"window": {**WINDOW.window.model_dump(), "seconds": 86_401.0}},  # it would never be silent
        {"window": {**WINDOW.window.model_dump(), "seconds": math.inf}},
    ],
)
def test_what_no_room_can_have_measured_is_refused(changes: dict[str, Any]) -> None:
    assert taken(WINDOW, changes) is None


def test_a_withheld_window_has_no_more_frames_than_its_time_either() -> None:
    assert taken(SUPPRESSED, {"frames": 3000}) is None


@pytest.mark.parametrize(
    ("number", "length", "believed"), [(20, 16, True), (64, 15, True), (64, 16, False), (65, 4, False)]
)
def test_labels_are_few_and_short_together(number: int, length: int, believed: bool) -> None:  # noqa: FBT001
    """A window of 31 KB of labels would cost whoever reads a day of them hundreds of megabytes."""
    assert WINDOW.counts is not None
    assert WINDOW.faces.total is not None
    unknown = {"unknown": WINDOW.counts["unknown"]}
    counts = {f"{each:0{length}}": 1 for each in range(number - 1)} | unknown
    counts["0" * length] += WINDOW.faces.total - sum(counts.values())
    changes = {"counts": counts, "people": dict.fromkeys(counts, 0.0), "estimate": None}
    changes["estimate_absent"] = "uncalibrated"
    assert (taken(WINDOW, changes) is not None) == believed
