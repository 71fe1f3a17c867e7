"""How much a device may add: a full outbox, then little an hour; strangers do not use up the share of others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge.recording import allowance
from edge.recording.allowance import (
    FULL_OUTBOX,
    FULLY_KNOWN,
    HOUR,
    MOST_DEVICES,
    NEW_DEVICES,
    NEW_PER_HOUR,
    OWN_PER_HOUR,
    PER_HOUR,
    Allowance,
)

WINDOW = 1070  # bytes: 60,000 of them are an outbox of 64 MB
COUNTED = 2 * 1020  # bytes of a window of the daemon, with its roll-up


class Reports(list[tuple[str | None, int]]):
    """What was reported: of whom, and how many messages."""

    def __call__(self, device: str | None, messages: int) -> None:
        self.append((device, messages))

    @property
    def devices(self) -> list[str | None]:
        """Of whom, in order."""
        return [device for device, _ in self]


@pytest.fixture
def reported() -> Reports:
    return Reports()


@pytest.fixture
def allowed(reported: Reports) -> Allowance:
    return Allowance(reported)


def _admitted(allowed: Allowance, device: str, length: int, now: float, most: int) -> int:
    return sum(allowed.admits(device, length, now) for _ in range(most))


def test_an_outbox_is_stored_whole_and_then_little_an_hour(allowed: Allowance, reported: Reports) -> None:
    assert _admitted(allowed, "room-1", WINDOW, 0.0, 60_000) == 60_000
    assert allowed.refused == 0
    admitted = _admitted(allowed, "room-1", WINDOW, 0.0, 100_000)
    assert 60_000 * WINDOW + admitted * WINDOW <= FULL_OUTBOX
    assert allowed.refused == 100_000 - admitted
    an_hour = sum(allowed.admits("room-1", WINDOW, HOUR * step / 20_000) for step in range(1, 20_001))
    assert 0.9 * PER_HOUR < an_hour * WINDOW <= PER_HOUR
    assert reported[0] == ("room-1", 1)
    _admitted(allowed, "room-1", WINDOW, HOUR + 1.0, 100)
    assert reported.devices == ["room-1", "room-1"]  # once an hour
    assert reported[1][1] == 100_000 - admitted + 20_000 - an_hour, "all since the last time"
    assert allowed.admits("room-2", WINDOW, 1.0)
    assert allowed.crowded_out == 0


def test_small_messages_cost_what_a_row_takes(allowed: Allowance) -> None:
    assert _admitted(allowed, "room-1", 6, 0.0, 200_000) * allowance.SMALLEST <= FULL_OUTBOX


def test_strangers_together_have_one_share_that_known_devices_do_not_need(
    allowed: Allowance, reported: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "NEW_DEVICES", 100_000)
    allowed.know({"room-1": FULLY_KNOWN, "room-2": 360})
    admitted = sum(allowed.admits(f"made-up-{n}", 1000, 0.0) for n in range(1000))
    assert 0 < admitted * 1000 <= 100_000
    assert reported == [(None, 1)]
    assert allowed.refused == allowed.crowded_out == 1000 - admitted
    assert _admitted(allowed, "room-1", WINDOW, 0.0, 60_000) == 60_000
    assert _admitted(allowed, "room-2", WINDOW, 0.0, 1000) == 1000, "what it brings after an hour's outage"


def _school_day(rooms: list[str], seconds: int, hours: int) -> Iterator[tuple[str, float]]:
    """Who sends a window when."""
    for moment in range(0, hours * 3600, seconds):
        for room in rooms:
            yield room, float(moment)


@pytest.mark.parametrize(
    ("rooms", "every", "windows"),
    [(2000, 120, 12), (5000, 300, 30), (200, 30, 30)],
    ids=["2,000 rooms, 10 s", "5,000 rooms, 10 s", "200 rooms, 1 s"],
)
def test_rooms_that_are_new_to_a_recording_are_stored_whole(
    allowed: Allowance, rooms: int, every: int, windows: int
) -> None:
    """A new district, whose recorder is not started again. What several windows cost is asked for at once."""
    names = [f"room-{n:04}" for n in range(rooms)]
    for room, moment in _school_day(names, every, 24):
        assert allowed.admits(room, windows * COUNTED, moment), f"{room} after {moment / HOUR:.1f} h"


def test_new_rooms_are_away_for_days_and_bring_all_of_it(allowed: Allowance) -> None:
    """Most were there for an hour before, some for ten minutes; then the network was not, while they went on."""
    names = [f"room-{n:04}" for n in range(500)]
    for minute in range(60):
        for each, room in enumerate(names):
            if each % 20 or minute < 10:
                assert allowed.admits(room, 6 * COUNTED, minute * 60.0)
    back = 40 * HOUR
    for _ in range(39 * 6):
        for room in names:
            assert allowed.admits(room, 60 * COUNTED, back), "all at once"


def test_made_up_rooms_never_come_to_send_what_as_many_honest_ones_may(allowed: Allowance) -> None:
    """Whoever may send in any name is a thousand rooms, patiently; those who are known do not notice."""
    names = [f"made-up-{n}" for n in range(1000)]
    allowed.know({"room-1": FULLY_KNOWN})
    size, per_hour = 500_000, []
    for hour in range(18):
        admitted = 0
        for half in (0, 1):
            now = (hour + half / 2) * HOUR
            for _ in range(20):  # each in turn: who draws most at once gets no more than any room
                admitted += size * sum(allowed.admits(room, size, now) for room in names)
            assert allowed.admits("room-1", 180 * COUNTED, now)
        per_hour.append(admitted)
    assert max(per_hour[1:]) <= OWN_PER_HOUR + NEW_PER_HOUR
    assert max(per_hour[1:]) > 0.9 * OWN_PER_HOUR, "they did what they could"
    assert len(names) * PER_HOUR >= 2 * OWN_PER_HOUR


def test_made_up_names_are_not_known_at_the_next_start(allowed: Allowance) -> None:
    names = [f"made-up-{n}" for n in range(2000)]
    allowed.know(dict.fromkeys(names, 1))
    admitted = sum(100_000 * _admitted(allowed, room, 100_000, 0.0, 100) for room in names)
    assert admitted < 1.1 * NEW_DEVICES
    windows_of_them = 2000 * FULL_OUTBOX / FULLY_KNOWN
    assert windows_of_them < 0.1 * NEW_DEVICES


def test_devices_are_not_without_number(allowed: Allowance, reported: Reports) -> None:
    allowed.know({"room-1": 1})
    assert sum(allowed.admits(f"made-up-{n}", 10, 0.0) for n in range(2 * MOST_DEVICES)) == MOST_DEVICES
    assert reported.devices == [None]
    assert allowed.admits("room-1", WINDOW, 0.0)
