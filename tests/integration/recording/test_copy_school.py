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

from edge.cli import run_command_line
from edge.contract.examples import INFO
from edge.contract.payloads import State
from edge.contract.timestamps import parse_timestamp
from edge.contract.validation import DeviceMessage, NewerWindow
from edge.errors import ConfigError
from edge.recording.postgres.address import PostgresAddress
from edge.recording.recorder import examine
from edge.recording.retention import Retention
from edge.recording.session import Delivery
from edge.reporting.totals import add_up
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, window, windows

pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")

from edge.recording.postgres.copying import SchoolFile, copy_school
from edge.recording.postgres.taking_store import TakingStore

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
        place.delete("room-3", MONDAY, MONDAY + DAY, MONDAY + DAY)
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


def copied(school: Place, postgres: Place) -> tuple[int, int]:
    """Copy; how many windows there were, and how many were new."""
    assert isinstance(postgres.target, PostgresAddress)
    assert isinstance(school.target, Path)
    file, store = SchoolFile(school.target, "classroom"), TakingStore(postgres.target, "classroom")
    try:
        file.start()
        store.start()
        done = copy_school(file, store, MONDAY)
    finally:
        file.stop()
        store.stop()
    assert done.damaged == 0
    return done.windows, done.new


def test_a_file_moves_once_and_again(school: Place, postgres: Place, edge: StartEdge) -> None:
    before = everything(school)
    count = len(before["rows"])
    assert 80 < count < 200, "some windows are there as sums only"
    assert isinstance(postgres.target, PostgresAddress)
    process = edge("record", "--database", postgres.target.url, "--school", "north", "--copy-from", str(school.target))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, f"{count} windows, {count} of them new" in out) == (0, True), err
    assert everything(postgres) == before
    tables = ("windows", "rollups", "states", "availability", "newer_windows", "places", "deletions", "devices")
    counting = " || ',' || ".join(f"(SELECT count(*) FROM edge.{table})" for table in tables)  # noqa: S608
    assert postgres.server
    first = postgres.server.sql(f"SELECT {counting}", database=postgres.database)
    assert "0" not in first.strip().split(",")
    assert copied(school, postgres) == (count, 0)
    assert postgres.server.sql(f"SELECT {counting}", database=postgres.database) == first
    with school.opened() as old, postgres.opened() as new:
        assert new.client_ids("") == old.client_ids(""), "what still waits at the broker comes to the database"


def test_what_came_to_both_is_there_once(school: Place, postgres: Place) -> None:
    dice = random.Random(1)  # noqa: S311
    late = [window(n, MONDAY + n * timedelta(hours=7), dice) for n in range(560, 620)]
    with postgres.opened() as store:
        assert store.store(as_messages(late), MONDAY) == 60
    of_file, added = copied(school, postgres)
    assert 0 < added < of_file
    with school.read() as old, postgres.read() as new:
        starts = {each.start for each in old.windows("room-1", *EVER)}
        found = list(new.windows("room-1", *EVER))
        span = ("room-1", MONDAY + 20 * DAY, EVER[1])
        assert add_up(list(new.buckets(*span))) == add_up(list(new.windows(*span)))
    assert len({(each.epoch, each.seq, each.start) for each in found}) == len(found)
    assert starts < {each.start for each in found}


def test_a_file_is_no_place_to_copy_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["record", "--database", str(tmp_path / "new.sqlite"), "--copy-from", "old.sqlite"]
    assert run_command_line(command) == 78
    assert "copies into a database" in capsys.readouterr().err


def test_another_prefix_is_refused(school: Place, postgres: Place) -> None:
    assert isinstance(school.target, Path)
    file = SchoolFile(school.target, "elsewhere")
    with pytest.raises(ConfigError, match="below 'classroom', not below 'elsewhere'"):
        file.start()
    file.stop()
