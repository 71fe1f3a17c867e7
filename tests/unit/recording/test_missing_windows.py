"""Windows that never came are reported once, and a backlog that comes late is none of them."""

from __future__ import annotations

import tracemalloc

from edge.recording.missing_windows import (
    MOST_DEVICES,
    MOST_REPORTED,
    MOST_REPORTS,
    MOST_SPANS,
    PATIENCE,
    MissingWindows,
)

Lost = list[tuple[str, int, int]]


def watched() -> tuple[MissingWindows, Lost]:
    lost: Lost = []
    return (
        MissingWindows(
            lambda device, first, last: lost.append((device, first, last)), lambda more: lost.append(("", more, 0))
        ),
        lost,
    )


def test_a_gap_is_reported_once_after_a_while() -> None:
    missing, lost = watched()
    for seq in (5, 6, 9, 10):
        missing.record("room-1", "e", seq, 0.0)
    missing.look(PATIENCE)
    assert lost == []
    for _ in range(3):
        missing.look(2 * PATIENCE)
    assert lost == [("room-1", 7, 8)]


def test_a_backlog_fills_the_gap_in_any_order() -> None:
    missing, lost = watched()
    for seq in (1, 10, 4, 3, 2, 9, 7, 8, 6, 5):
        missing.record("room-1", "e", seq, 0.0)
    missing.look(9 * PATIENCE)
    assert lost == []


def test_a_part_that_stays_away_is_named() -> None:
    missing, lost = watched()
    for seq in (1, 10, 4, 3, 2, 9, 7):
        missing.record("room-1", "e", seq, 0.0)
    missing.record("room-1", "other epoch", 500, 0.0)
    missing.look(9 * PATIENCE)
    assert sorted(lost) == [("room-1", 5, 6), ("room-1", 8, 8)]


def test_numbers_that_are_used_twice_are_watched_anew() -> None:
    missing, lost = watched()
    for seq, start in ((8, "08:00"), (12, "08:04"), (10, "08:02"), (9, "08:01"), (11, "08:03")):
        missing.record("room-1", "e", seq, 0.0, start)
    for seq in (3, 4, 6, 7):  # a card that was restored from an image
        missing.record("room-1", "e", seq, 0.0, f"09:0{seq}")
    missing.record("room-2", "e", 5, 0.0, "09:00")
    missing.record("room-2", "e", 4, 0.0, "")  # a clock that was not set says nothing
    missing.record("room-2", "e", 6, 0.0, "09:01")
    missing.look(9 * PATIENCE)
    assert lost == [("room-1", 5, 5)]


def test_strangers_cannot_fill_our_memory() -> None:
    missing, lost = watched()
    missing.record("honest", "e", 1, 0.0)
    for number in range(2 * MOST_DEVICES):
        missing.record(f"made up {number}", "e", number, 0.0)
        if number % 1000 == 0:
            missing.record("honest", "e", 2, 0.0)
    for number in range(0, 100_000, 2):
        missing.record("hostile", "e", number, 0.0)
    missing.record("honest", "e", 4, 0.0)
    missing.look(9 * PATIENCE)
    assert ("honest", 3, 3) in lost
    assert len(lost) <= MOST_SPANS + 1


def test_made_up_epochs_push_out_no_other_room_and_reports_are_few_at_a_time() -> None:
    missing, lost = watched()
    for seq in (1, 100):
        missing.record("honest", "e", seq, 0.0)
    for number in range(20_000):
        for seq in (1, 3):
            missing.record("hostile", f"{number:08x}", seq, 0.0)
    missing.look(9 * PATIENCE)
    assert ("honest", 2, 99) in lost
    assert len(lost) <= 6


def test_rooms_that_nobody_has_fill_neither_memory_nor_log() -> None:
    missing, lost = watched()
    tracemalloc.start()
    for seq in (1, 3):
        missing.record("honest", "e", seq, 0.0)
    for number in range(MOST_DEVICES - 1):
        for epoch in "abc":
            for seq in range(0, 40, 2):
                missing.record(f"made up {number}", epoch, seq, 0.0)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 60_000_000  # 600,000 spans took more than twice that
    missing.look(9 * PATIENCE)
    assert ("honest", 2, 2) in lost
    assert ("", MOST_DEVICES - MOST_REPORTED, 0) in lost
    assert len(lost) <= MOST_REPORTED * MOST_REPORTS + 1
