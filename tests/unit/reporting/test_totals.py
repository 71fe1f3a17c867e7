"""One arithmetic: the shares of several windows, and of one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.contract.examples import EMOTIONS_WITHHELD, HEADCOUNT, SUPPRESSED, WINDOW
from edge.contract.payloads import Facing, WindowPayload
from edge.contract.shares import front_share, window_shares
from edge.contract.version1 import WindowV1, upgrade
from edge.recording.window_record import WindowRecord
from edge.reporting.totals import add_up
from edge.web.dashboard.history import History
from edge.web.dashboard.lesson import lesson

FIXTURE = Path(__file__).parents[2] / "fixtures" / "0.1.0" / "windows.json"
WINDOWS = [upgrade(WindowV1.model_validate(each)) for each in json.loads(FIXTURE.read_text())]
START = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)


def records(windows: list[WindowPayload]) -> list[WindowRecord]:
    history = History()
    for window in windows:
        history.check(window)
        assert history.add(window)
    return history.records()


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: str(window.seq))
def test_the_shares_of_one_window_are_those_of_the_contract(window: WindowPayload) -> None:
    shares, one = add_up(records([window])).shares, window_shares(window)
    assert (shares is None) == (one is None)
    if shares and one:
        assert shares.basis == one.basis
        assert {k: pytest.approx(v.share) for k, v in one.by_label.items()} == {
            k: v.share for k, v in shares.by_label.items()
        }


def two() -> list[WindowRecord]:
    """Ten faces at 90 % happy, and after a gap thirty at 10 %."""
    window = json.loads(FIXTURE.read_text())[1]
    first = WindowV1.model_validate(window)
    happy, span = {"happy": 3, "neutral": 27, "unknown": 0}, timedelta(minutes=10)
    start = START + span
    second = first.model_copy(
        update={
            "seq": 9,
            "counts": happy,
            "faces": first.faces.model_copy(update={"total": 30, "mean": 3.0}),
            "window": first.window.model_copy(
                update={
                    "start": f"{start:%Y-%m-%dT%H:%M:%S}.000Z",
                    "end": f"{start + timedelta(seconds=10):%Y-%m-%dT%H:%M:%S}.000Z",
                }
            ),
        }
    )
    return records([upgrade(first), upgrade(second)])


def test_pieces_apart_have_the_share_of_the_report() -> None:
    windows = two()
    report = add_up(windows).shares
    page = lesson(windows, [], [], [], START, START + timedelta(minutes=15))
    assert report is not None
    assert report.by_label["happy"].share == pytest.approx(0.3)
    assert len(page["pieces"]) == 2
    assert {each["label"]: each["share"] for each in page["shares"]}["happy"] == pytest.approx(0.3)


def test_withheld_windows_are_gaps_with_their_reason_and_in_no_share() -> None:
    page = lesson(records(WINDOWS), [], [], [], START, START + timedelta(seconds=95))
    kinds = [gap["kind"] for gap in page["gaps"]]
    assert {"few_people", "few_near"} <= set(kinds)
    (few_near,) = [piece for piece in page["pieces"] if piece["start"] == round((START.timestamp() + 50) * 1000)]
    assert few_near["mean"] == 8.0
    assert few_near["shares"] == []


def test_faces_turned_to_the_front_add_up_where_they_are_told() -> None:
    start = "2026-11-20T08:{}:00.000Z"
    told = [
        example.model_copy(
            update={
                "seq": seq,
                "window": example.window.model_copy(
                    update={"start": start.format(f"{seq:02}"), "end": start.format(f"{seq + 1:02}"), "seconds": 60.0}
                ),
            }
        )
        for seq, example in enumerate([WINDOW, EMOTIONS_WITHHELD, HEADCOUNT, SUPPRESSED])
    ]
    sums = add_up(records(told))
    assert WINDOW.facing is not None
    assert EMOTIONS_WITHHELD.facing is not None
    front, away = (getattr(WINDOW.facing, side) + getattr(EMOTIONS_WITHHELD.facing, side) for side in ("front", "away"))
    assert sums.facing is not None
    assert (sums.facing.front, sums.facing.away) == (front, away)
    assert front_share(sums.facing) == pytest.approx(front / (front + away))
    assert front_share(add_up(records(told[2:])).facing) is None, "not told is not zero"
    assert front_share(Facing(front=0, away=0, unknown=7)) is None
