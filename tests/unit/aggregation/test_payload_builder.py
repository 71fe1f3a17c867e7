"""Windows with their estimate: rounding, suppression, and why there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.aggregation.prevalence import Tally
from edge.aggregation.windows import Observation, WindowAggregator
from edge.contract.labels import UNKNOWN
from edge.errors import ModelError
from edge.model_files import calibration as calibrations
from edge.model_files.calibration import Calibration, find_calibration
from edge.model_files.cards import SHIPPED, EmotionCard, read_card
from tests.support.prevalence import CALIBRATION, LABELS, payload, said, windows_of

seeds = st.integers(0, 2**32 - 1)


def test_a_window_carries_its_estimate() -> None:
    sent = payload(windows_of([said(n, 20) for n in range(10)])[0])
    assert sent.estimate is not None
    assert list(sent.estimate) == list(LABELS)
    assert sum(share.share for share in sent.estimate.values()) == pytest.approx(1)
    assert all(round(share.share, 2) == share.share for share in sent.estimate.values())
    assert sent.estimate_absent is None


@given(seeds, seeds, st.integers(0, 4))
def test_suppression_cannot_be_undone_with_the_windows_around(one: int, other: int, few: int) -> None:
    # Three windows of the same stream, the middle one suppressed. Whoever it shows, what is sent does not change.
    sent = []
    for seed in (one, other):
        hidden = [said(seed + n, few) for n in range(10)]
        frames = [*(said(n, 20) for n in range(10)), *hidden, *(said(n, 9) for n in range(10))]
        sent.append([payload(window).model_dump(exclude={"window"}) for window in windows_of(frames)])
    assert sent[0] == sent[1]
    few_people = {"what": "figures", "reason": "few_people"}
    assert [window["withheld"] for window in sent[0]] == [None, few_people, None]
    assert sent[0][1]["estimate"] is None
    assert sent[0][1]["estimate_absent"] is None


@pytest.mark.parametrize(("round_to", "step"), [(1, 0.01), (2, 0.01), (5, 0.05), (20, 0.1), (100, 0.5), (150, None)])
def test_shares_are_no_finer_than_rounded_counts(round_to: int, step: float | None) -> None:
    window = windows_of([said(n, 20) for n in range(10)])[0]
    sent = payload(window, round_to=round_to)
    if step is None:
        assert (sent.estimate, sent.estimate_absent) == (None, "rounding")
        return
    assert sent.estimate is not None
    figures = [figure for share in sent.estimate.values() for figure in share.model_dump().values()]
    assert all(figure / step == pytest.approx(round(figure / step), abs=1e-6) for figure in figures)


def test_counting_alone_estimates_nothing() -> None:
    cutter = WindowAggregator(LABELS, 10, start=0.0)
    cutter.add(Observation(1, dict.fromkeys((*LABELS, UNKNOWN), 9), 0))
    window = cutter.due(10)[0]
    assert window.tally is None
    assert (payload(window).estimate, payload(window).estimate_absent) == (None, "incomplete")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (FileNotFoundError(), "there is no emotions.calibration.json beside the model"),
        (ModelError("calibration /home/x/emotions.calibration.json is not JSON", "recreate it"), "is not JSON"),
        (Calibration(sha256="0" * 64, outputs={}, left_out={"ferplus": "no picture of fear"}), "no picture of fear"),
        (Calibration(sha256="0" * 64, outputs={"ferplus": CALIBRATION}), "temperature 1.0"),
    ],
)
def test_why_there_is_no_estimate(change: Any, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card = read_card(SHIPPED / "emotions.json", EmotionCard)

    def read(_path: Path, _card: EmotionCard) -> Calibration | None:
        if isinstance(change, ModelError):
            raise change
        return change if isinstance(change, Calibration) else None

    monkeypatch.setattr(calibrations, "read_calibration", read)
    found, sentence = find_calibration(Path("/home/x/emotions.json"), card, "ferplus")
    assert found is None
    assert sentence.startswith("none: ")
    assert expected in sentence
    assert "/home/x" not in sentence


def test_the_shipped_calibration_is_found() -> None:
    path = SHIPPED / "emotions.json"
    found, sentence = find_calibration(path, read_card(path, EmotionCard), "ferplus")
    assert found is not None
    assert sentence.startswith("from emotions.calibration.json, ferplus, ")
    assert len(found.bias) == 7


def test_faces_in_turn_count_as_people_and_all_of_them_have_to_be_heard() -> None:
    tally, said = Tally(7), np.full((4, 7), 1 / 7, np.float32)
    for frame in range(1, 8):
        tally.add(said, 20)  # twenty in the room, four of them classified in each frame
        assert tally.people == 20
        assert tally.complete == (frame >= 5)
