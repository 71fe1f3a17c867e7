"""A file moves into a database, once and again: nothing is missing, nothing is there twice."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edge.contract.examples import INFO
from edge.contract.payloads import State
from edge.contract.timestamps import parse_timestamp
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.recording.postgres.address import PostgresAddress
from edge.recording.recorder import examine
from edge.recording.retention import Retention
from edge.recording.session import Delivery
from edge.reporting.totals import add_up
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, window, windows

EVER = (MONDAY - 40 * DAY, MONDAY + 900 * DAY)
StartEdge = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def school(tmp_path: Path) -> Place:
    """A file with everything in it: windows of two months, some of them only as sums, and a deletion."""
    place, dice = Place(tmp_path / "old.sqlite"), random.Random(1)  # noqa: S311
    sent = windows(1, 120) + [window(n, MONDAY + n * timedelta(hours=7), dice) for n in range(500, 580)]
    later = NewerWindow("edge.window/9", b'{"seq": 1}')
    info = json.loads(INFO.to_json()) | {"place": "aaaaaaaa", "masked": 0.5}
    said = examine("classroom", Delivery("classroom/room-1/info", json.dumps(info).encode(), 1, 1, 1))
    assert said is not None
    with place.opened() as store:
        store.client_ids("")
        store.store(as_messages(sent), MONDAY + 40 * DAY)
        store.store([DeviceMessage("room-1", "window", later, later.schema), said], MONDAY)
        state = State(mode="paused", reason="x", since="2026-11-16T08:00:00.000Z")
        others = [DeviceMessage("room-2", "availability", online) for online in (True, False)]
        store.store([DeviceMessage("room-1", "state", state), *others], MONDAY)
        place.ask_deletion("room-3", MONDAY, MONDAY + DAY, MONDAY + DAY)
        cut = next(each for each in sent if each.seq > 60)
        now = parse_timestamp(cut.window.end) + 50 * DAY  # in the middle of five minutes
        store.prune(now, Retention(days=300, window_days=50))
    return place


def everything(place: Place) -> dict[str, Any]:
    with place.read() as recording:
        return {
            "windows": list(recording.windows("room-1", *EVER)),
            "rows": [row[:15] for row in recording.rows("room-1", *EVER)],
            "sums": {(each.since, each.series): (each.sums, each.runs) for each in recording.buckets("room-1", *EVER)},
            "states": [recording.state_changes(name, EVER[1]) for name in ("room-1", "room-2")],
            "places": recording.places("room-1", EVER[1]),
            "names": recording.names(),
        }


def copy(edge: StartEdge, school: Place, postgres: Place) -> str:
    assert isinstance(postgres.target, PostgresAddress)
    process = edge("record", "--database", postgres.target.url, "--school", "north", "--copy-from", str(school.target))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_a_file_moves_once_and_again(school: Place, postgres: Place, edge: StartEdge) -> None:
    before = everything(school)
    count = len(before["rows"])
    assert 80 < count < 200, "some windows are there as sums only"
    assert f"{count} windows, {count} of them new" in copy(edge, school, postgres)
    assert everything(postgres) == before
    tables = ("windows", "rollups", "states", "availability", "newer_windows", "places", "deletions", "devices")
    counting = " || ',' || ".join(f"(SELECT count(*) FROM edge.{table})" for table in tables)  # noqa: S608
    assert postgres.server
    first = postgres.server.sql(f"SELECT {counting}", database=postgres.database)
    assert "0" not in first.strip().split(",")
    assert f"{count} windows, 0 of them new" in copy(edge, school, postgres)
    assert postgres.server.sql(f"SELECT {counting}", database=postgres.database) == first
    with school.opened() as old, postgres.opened() as new:
        assert new.client_ids("") == old.client_ids(""), "what still waits at the broker comes to the database"


def test_what_came_to_both_is_there_once(school: Place, postgres: Place, edge: StartEdge) -> None:
    dice = random.Random(1)  # noqa: S311
    late = [window(n, MONDAY + n * timedelta(hours=7), dice) for n in range(560, 620)]
    with postgres.opened() as store:
        assert store.store(as_messages(late), MONDAY) == 60
    copy(edge, school, postgres)
    with school.read() as old, postgres.read() as new:
        starts = {each.start for each in old.windows("room-1", *EVER)}
        found = list(new.windows("room-1", *EVER))
        span = ("room-1", MONDAY + 20 * DAY, EVER[1])
        assert add_up(list(new.buckets(*span))) == add_up(list(new.windows(*span)))
    assert len({(each.epoch, each.seq, each.start) for each in found}) == len(found)
    assert starts < {each.start for each in found}


def test_a_file_is_no_place_to_copy_to(school: Place, edge: StartEdge, tmp_path: Path) -> None:
    process = edge("record", "--database", str(tmp_path / "new.sqlite"), "--copy-from", str(school.target))
    assert "copies into a database" in process.communicate(timeout=30)[1]
    assert process.returncode == 78
