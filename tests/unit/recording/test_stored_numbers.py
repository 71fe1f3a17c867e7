"""Each five minutes are judged once, an hour later."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from edge.recording.rollups import WIDTH
from edge.recording.stored_numbers import Missing, StoredNumbers
from edge.recording.window_row import DamagedError
from edge.recording.window_store import AwayError

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=timezone.utc)


def test_periods_follow_on_one_another_an_hour_behind() -> None:
    asked: list[tuple[datetime, datetime]] = []
    reported: list[Missing] = []

    def missing(since: datetime, until: datetime) -> list[Missing]:
        asked.append((since, until))
        return [("room-1", 3, 4)] if len(asked) == 2 else []

    numbers = StoredNumbers(missing, lambda *found: reported.append(found))
    for minutes in (2, *[3] * 11):
        numbers.look(NOON + timedelta(minutes=minutes))
    eleven = NOON - timedelta(hours=1)
    assert asked == [(eleven - n * WIDTH, eleven - (n - 1) * WIDTH) for n in range(12, 0, -1)]
    numbers.look(NOON + timedelta(minutes=4))
    assert len(asked) == 12, "nothing is due"
    numbers.look(NOON + timedelta(minutes=5))
    assert asked[12:] == [(eleven, eleven + WIDTH)]
    assert reported == [("room-1", 3, 4)]


def test_a_device_that_skips_ever_more_numbers_is_reported_a_few_times() -> None:
    reported: list[str] = []
    gaps = [("room-9", n, n) for n in range(0, 4000, 2)] + [("room-1", 3, 4)]
    numbers = StoredNumbers(
        lambda since, _until: gaps if since == NOON - 2 * WIDTH * 12 else [], lambda device, *_: reported.append(device)
    )
    numbers.look(NOON)
    assert reported.count("room-9") <= 5
    assert "room-1" in reported


def test_what_cannot_be_told_ends_nothing_and_is_asked_again_an_hour_later(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[datetime] = []
    reported: list[Missing] = []

    def missing(since: datetime, _until: datetime) -> list[Missing]:
        asked.append(since)
        if len(asked) <= 2:
            raise DamagedError("a row is damaged")
        return [("room-1", 3, 4)]

    numbers = StoredNumbers(missing, lambda *found: reported.append(found))
    for minutes in (0, 1, 59, 60, 61, 119, 120):
        numbers.look(NOON + timedelta(minutes=minutes))
    first = NOON - timedelta(hours=2)
    assert asked == [first, first + WIDTH, first + 2 * WIDTH], "once an hour, and each five minutes once"
    assert reported == [("room-1", 3, 4)]
    assert [each for each in caplog.messages if "a row is damaged" in each] == caplog.messages[:1] == caplog.messages
    numbers.look(NOON + timedelta(minutes=121))
    assert len(asked) == 4, "as quickly as ever once there is an answer"


def test_that_the_database_is_away_is_for_whoever_records() -> None:
    def missing(_since: datetime, _until: datetime) -> list[Missing]:
        raise AwayError("it is away")

    with pytest.raises(AwayError):
        StoredNumbers(missing, lambda *_found: None).look(NOON)
