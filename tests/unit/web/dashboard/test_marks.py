"""What is known of the states of a room, and what of it is left where a time was deleted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from edge.contract.timestamps import format_timestamp
from edge.recording.deletion_requests import Request
from edge.web.dashboard.marks import MOST, Mark, Marks
from edge.web.dashboard.school import School
from tests.support.simulated_school import Classroom

NOW = datetime(2026, 10, 4, 8, 15, 0, tzinfo=timezone.utc)


def marks(*known: Mark) -> Marks:
    found = Marks()
    for each in known:
        found.add(each)
    return found


def test_what_lasts_beyond_a_deleted_time_is_known_as_of_its_end() -> None:
    found = marks(
        Mark(10, "online", ""), Mark(15, "running", "started"), Mark(25, "paused", "by A"), Mark(20, "offline", ""),
        Mark(50, "running", "by B"),
    )  # fmt: skip
    for _ in range(2):  # others were asked for meanwhile
        found.forget(12, 40)
    states, availability = (
        [(round(each.since.timestamp() * 1000), each.mode, each.reason) for each in changes]
        for changes in found.changes(60)
    )
    assert states == [(40, "paused", ""), (50, "running", "by B")]
    assert availability == [(10, "online", ""), (40, "offline", "")]


def test_of_several_of_one_moment_the_last_counts() -> None:
    found = marks(Mark(40, "running", ""), Mark(40, "paused", ""), Mark(40, "running", ""))
    assert [each.mode for each in found.changes(60)[0]] == ["paused", "running"]
    assert not found.add(Mark(40, "running", ""))


def test_their_number_is_limited() -> None:
    found = marks(*(Mark(ms, "paused", "") for ms in range(2 * MOST)))
    assert [mark.ms for mark in found] == list(range(MOST, 2 * MOST))


@pytest.mark.parametrize("known", [True, False])  # before it was deleted, or by what is retained alone
def test_a_pause_that_began_in_a_deleted_time_and_lasts_is_shown_from_its_end_on(*, known: bool) -> None:
    now, began = NOW.timestamp(), NOW - timedelta(minutes=30)
    to = School("classroom", 4, lambda: now)
    paused = Classroom("room-1", 1).state("paused", "paused by Mrs Doe", began).to_json()
    if known:
        to.receive("classroom/room-1/state", paused)
    first, last = began - timedelta(minutes=30), NOW - timedelta(minutes=10)
    asked = Request(1, "room-1", *map(format_timestamp, (first, last, NOW)))
    to.deleted.outdated(asked, NOW)
    to.deleted.replace(asked, [asked], NOW, NOW)
    to.forget_deleted()
    to.receive("classroom/room-1/state", paused)
    now += 20 * 60
    answer = to.lesson("room-1", 60, [])()
    end = round(last.timestamp() * 1000)
    told: list[dict[str, Any]] = [gap for gap in answer["gaps"] if gap["end"] > end]
    assert [(gap["kind"], gap["start"], gap["reason"]) for gap in told] == [("paused", end, [])]
    assert {gap["kind"] for gap in answer["gaps"] if gap["start"] < end} <= {"deleted", "nothing"}
    assert "Doe" not in str(answer)


def test_a_pause_that_ended_in_a_deleted_time_is_not_shown_within_it() -> None:
    to = School("classroom", 4, NOW.timestamp)
    room, minutes = Classroom("room-1", 1), timedelta(minutes=1)
    for mode, reason, ago in (("paused", "by Mrs Doe", 40), ("running", "resumed", 25)):
        to.receive("classroom/room-1/state", room.state(mode, reason, NOW - ago * minutes).to_json())
    first, last = NOW - 30 * minutes, NOW - 10 * minutes
    asked = Request(1, "room-1", *map(format_timestamp, (first, last, NOW)))
    to.deleted.outdated(asked, NOW)
    to.deleted.replace(asked, [asked], NOW, NOW)
    to.forget_deleted()
    gaps = to.lesson("room-1", 60, [])()["gaps"]
    told = [(gap["kind"], round(NOW.timestamp() - gap["start"] / 1000) // 60) for gap in gaps]
    assert told == [("nothing", 60), ("paused", 40), ("deleted", 30), ("nothing", 10)]
