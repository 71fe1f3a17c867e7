"""What of the picture is hidden: stored where it changes, bounded, deleted with the rest, known of what comes later."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge.contract.examples import INFO
from edge.contract.validation import DeviceMessage
from edge.recording.database import Database
from edge.recording.deletion import Eraser
from edge.recording.places import MOST, Place
from edge.recording.reader import Recording
from edge.recording.recordable import examine
from edge.recording.retention import Retention
from edge.recording.session import Delivery
from edge.recording.window_row import DamagedError
from tests.unit.recording.test_rollups import DAY, MONDAY, store, windows

HOUR = timedelta(hours=1)
POLICY = {"min_faces": 5, "round_to": 1}


def info(place: str | None, masked: float = 0.25, policy: dict[str, int] | None = POLICY) -> DeviceMessage:
    content = json.loads(INFO.to_json()) | {"place": place, "masked": masked, "privacy": policy}
    message = examine("classroom", Delivery("classroom/room-1/info", json.dumps(content).encode(), 1, 1, 1))
    assert message is not None
    return message


def places(path: Path, end: datetime = MONDAY + 900 * DAY) -> list[Place]:
    recording = Recording(path)
    recording.start()
    try:
        return recording.places("room-1", end)
    finally:
        recording.stop()


def test_a_change_is_stored_and_a_repetition_is_not(database: Database, path: Path) -> None:
    for hours, place in ((0, None), (1, None), (2, "aaaaaaaa"), (3, "aaaaaaaa"), (4, None)):
        database.store([info(place)], MONDAY + hours * HOUR)
    found = places(path)
    assert [(each.digest, each.heard) for each in found] == [
        ("", MONDAY), ("aaaaaaaa", MONDAY + 2 * HOUR), ("", MONDAY + 4 * HOUR)
    ]  # fmt: skip
    assert found[1].masked == 0.25
    assert len(places(path, MONDAY + HOUR)) == 1


def test_the_rules_of_what_is_withheld_are_stored_with_it(database: Database, path: Path) -> None:
    """Where another number of people is withheld, other moments of a lesson are left."""
    policies = (
        None,
        {"min_faces": 5, "round_to": 1},
        {"min_faces": 10, "round_to": 1},
        {"min_faces": 10, "round_to": 5},
    )
    hours = 0
    for place in (None, "aaaaaaaa"):
        for policy in policies:
            for _ in range(2):
                database.store([info(place, policy=policy)], MONDAY + hours * HOUR)
                hours += 1
    assert [(each.digest, each.policy, each.heard) for each in places(path)] == [
        ("", None, MONDAY), ("", "5/1", MONDAY + 2 * HOUR),
        ("", "10/1", MONDAY + 4 * HOUR), ("", "10/5", MONDAY + 6 * HOUR),
        ("aaaaaaaa", None, MONDAY + 8 * HOUR), ("aaaaaaaa", "5/1", MONDAY + 10 * HOUR),
        ("aaaaaaaa", "10/1", MONDAY + 12 * HOUR), ("aaaaaaaa", "10/5", MONDAY + 14 * HOUR),
    ]  # fmt: skip


@pytest.mark.parametrize("written", ["aaaaaaaa 5", "5/1", " 5/1", "aaaaaaaa 0/1", "aaaaaaaa 5/123456", "AAAAAAAA"])
def test_what_another_program_wrote_is_refused(database: Database, path: Path, written: str) -> None:
    database.store([info(None)], MONDAY)
    with sqlite3.connect(path) as file:
        file.execute("UPDATE places SET place = ?", (written,))
    with pytest.raises(DamagedError, match="a place of room-1 is damaged"):
        places(path)


def test_it_changed_after_the_newest_window_that_was_there(database: Database, path: Path) -> None:
    database.store([info("aaaaaaaa")], MONDAY - DAY)
    sent = windows(1, 20)
    store(database, sent)
    database.store([info("bbbbbbbb")], MONDAY + DAY)
    first, second = places(path)
    assert first.after is None
    recording = Recording(path)
    recording.start()
    last = max(each.end for each in recording.windows("room-1", MONDAY - DAY, MONDAY + DAY))
    recording.stop()
    assert second.after == last


def test_a_room_that_makes_up_places_keeps_the_newest(database: Database, path: Path) -> None:
    for number in range(MOST + 7):
        database.store([info(f"{number:08x}")], MONDAY)
    found = places(path)
    assert len(found) == MOST
    assert found[-1].digest == f"{MOST + 6:08x}"


def test_info_without_meaning_is_refused() -> None:
    for name in ("info", "window"):  # what clears it
        assert examine("classroom", Delivery(f"classroom/room-1/{name}", b"", 1, 1, 1)) is None
    for wrong in (b"{}", b"no", b'{"place": 1}'):
        with pytest.raises(ValueError):  # noqa: PT011 - pydantic has its own words
            examine("classroom", Delivery("classroom/room-1/info", wrong, 1, 1, 1))


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        (None, None, []),
        (MONDAY + DAY, MONDAY + 2 * DAY, [("aaaaaaaa", 0), ("cccccccc", 48), ("dddddddd", 60)]),
    ],
)
def test_deletion_leaves_what_later_lessons_need_and_nothing_of_a_deleted_room(
    start: datetime | None, end: datetime | None, left: list[tuple[str, float]], database: Database, path: Path
) -> None:
    for hours, place in ((0, "aaaaaaaa"), (30, "bbbbbbbb"), (40, "cccccccc"), (60, "dddddddd")):
        database.store([info(place)], MONDAY + hours * HOUR)
    eraser = Eraser(path)
    eraser.start()
    try:
        eraser.delete("room-1", start, end, "anna", MONDAY + 9 * DAY)
    finally:
        eraser.stop()
    assert [(each.digest, (each.heard - MONDAY) / HOUR) for each in places(path)] == left


def test_retention_leaves_what_is_still_in_force(database: Database, path: Path) -> None:
    for days, place in ((0, "aaaaaaaa"), (10, "bbbbbbbb"), (90, "cccccccc")):
        database.store([info(place)], MONDAY + days * DAY)
    database.prune(MONDAY + 100 * DAY, Retention(30))
    assert [each.digest for each in places(path)] == ["bbbbbbbb", "cccccccc"]


def test_a_file_of_layout_3_gets_the_table(database: Database, path: Path) -> None:
    store(database, windows(1, 20))
    database.stop()
    with sqlite3.connect(path) as file:
        file.executescript("DROP TABLE places; PRAGMA user_version=3")
    file.close()
    assert places(path) == []
    database.start()
    database.store([info("aaaaaaaa")], MONDAY + DAY)
    assert [each.digest for each in places(path)] == ["aaaaaaaa"]
