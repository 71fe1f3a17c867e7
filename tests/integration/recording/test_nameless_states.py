"""Who paused a room is recorded by nobody, whichever version records."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest

from edge.contract.causes import without_names
from edge.contract.payloads import State
from edge.contract.timestamps import format_timestamp
from edge.contract.validation import DeviceMessage
from edge.recording import names_in_states
from edge.recording.database import Database
from edge.recording.postgres.store import PostgresStore
from tests.support.stores import Place
from tests.unit.recording.test_rollups import DAY, MONDAY


def test_who_paused_a_room_is_not_recorded_and_what_an_older_version_did_record_is_forgotten(place: Place) -> None:
    def paused(reason: str, minutes: int) -> DeviceMessage:
        since = format_timestamp(MONDAY + timedelta(minutes=minutes))
        return DeviceMessage("room-1", "state", State(mode="paused", reason=reason, since=since))

    with place.opened() as store:
        store.store(
            [paused("paused by the schedule until 13:00", 0), paused("paused by Mrs Doe, over MQTT", 1)], MONDAY
        )
        store.store(
            [paused(f"paused by {name}", 2) for name in ("Mr Roe", "Mr Roe; the camera is still closing")], MONDAY
        )
    schedule, mqtt = "paused by the schedule until 13:00", "paused by somebody over MQTT"
    person = "paused by a person at the device"
    assert kept_reasons(place) == [schedule, mqtt, person]
    as_version_0_2(place, {mqtt: "paused by Mrs Doe, over MQTT", person: "paused by Mr Roe"})
    assert "paused by Mr Roe" in kept_reasons(place)
    with place.opened():
        pass
    assert kept_reasons(place) == [schedule, mqtt, person]


WHO = [
    "Mrs Doe", "Mrs Doe, over MQTT", "Mrs Doe, over MQTT; and so on", "A paused by B, over MQTT", "",
    "somebody", "somebody (no name)", "somebody else", "somebody over MQTT", "a person at the device",
    "x\ny, over MQTT", "the schedule", "the schedule until 13:00", "the schedule until Mon 08:15; it rains",
    "the schedule until Monday", "the button in the room", "the button in the room, over MQTT",
    "the configuration before; y",
]  # fmt: skip
REASONS = [
    *(f"{word} by {who}" for word in ("paused", "resumed") for who in WHO),
    "", "stand by me", "it was paused by Mr Roe", "unpaused by Mr Roe", "paused  by Mr Roe", "Paused by Roe",
]  # fmt: skip
STORE = """
INSERT INTO edge.states AS known SELECT d.id, now(), 'paused', said.reason, now()
FROM edge.devices d, unnest(%s::text[]) AS said (reason)
ON CONFLICT (device, since, mode, reason) DO UPDATE SET received = excluded.received WHERE excluded.reason = ''
"""


def test_an_older_version_that_goes_on_beside_us_records_nobody_either(postgres: Place) -> None:
    """Its statement brings all of a batch at once; of two that are one without the name, one is kept."""
    with postgres.opened() as store:
        store.store([DeviceMessage("room-1", "availability", True)], MONDAY)
        assert isinstance(store, PostgresStore)
        with store._kept.used() as connection:
            connection.execute(STORE, (REASONS,))
            kept = connection.execute("SELECT reason FROM edge.states").fetchall()
    assert sorted(row[0] for row in kept) == sorted({without_names(reason) for reason in REASONS})


def test_a_start_reads_no_state_again_that_was_read_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which one room can make up as many as it likes."""
    looked = set[str]()

    def look(reason: str) -> str:
        looked.add(reason)
        return reason

    monkeypatch.setattr(names_in_states, "without_names", look)
    monkeypatch.setattr(names_in_states, "MANY", 100)
    place, numbers = Database(tmp_path / "r.sqlite", "classroom"), itertools.count()

    def start(states: int) -> int:
        """How many are looked at by a start, before so many come."""
        looked.clear()
        place.start()
        seen = len(looked)
        for _ in range(states):
            state = State(mode="paused", reason=f"stand by {next(numbers)}", since=format_timestamp(MONDAY))
            place.store([DeviceMessage("room-1", "state", state)], MONDAY)
        place.stop()
        return seen

    assert [start(states) for states in (250, 50, 60, 0, 0)] == [0, 250, 50, 110, 0]


def kept_reasons(place: Place) -> list[str]:
    with place.read() as recording:
        return [each.reason for each in recording.state_changes("room-1", MONDAY + DAY)[0]]


def as_version_0_2(place: Place, reasons: dict[str, str]) -> None:
    """Have states as that version recorded them: of one that it had with another reason too, there are two rows."""
    with place.opened() as store:
        for now, before in reasons.items():
            if isinstance(store, Database):
                change = "INSERT INTO states SELECT device, since, mode, ?, received FROM states WHERE reason = ?"
                store._db.execute(change, (before, now))
                store._db.execute("DELETE FROM states WHERE reason = ?", (now,))
            else:
                assert isinstance(store, PostgresStore)
                with store._kept.used() as connection:
                    connection.execute("UPDATE edge.states SET reason = %s WHERE reason = %s", (before, now))
                    connection.execute("DELETE FROM edge_private.additions WHERE name = '0011_nameless_states'")
