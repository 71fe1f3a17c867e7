"""Each five minutes are judged once, an hour later."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from edge.recording.rollups import WIDTH
from edge.recording.stored_numbers import Missing, StoredNumbers

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
