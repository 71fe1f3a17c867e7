"""A copy of a recording leaves the session to the original, until somebody says that it is in its place."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.recording.postgres.address import PostgresAddress
from edge.recording.stores import make_shared_sessions
from tests.support.brokers import wait_for
from tests.support.postgres import PostgresServer
from tests.support.recordings import Sender, StartEdge, address, message, recording, rows
from tests.support.stores import Place

CLIENT_ID = "SELECT value FROM about WHERE key = 'client_id'"


def backup(path: Path, copy: Path) -> Path:
    """As `sqlite3 .backup` makes one while the recorder writes."""
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(20)


@pytest.mark.parametrize(
    "command",
    [("record",), ("record", "--client-id", "one"), ("record", "--forget"), ("dashboard", "--port", "0")],
    ids=" ".join,
)
def test_who_opens_a_backup_takes_no_window_from_the_recorder(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path, command: tuple[str, ...]
) -> None:
    path, device = tmp_path / "school.sqlite", sender(broker)
    recorder = recording(edge, path, broker)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    copy = backup(path, tmp_path / "backup.sqlite")
    end(recorder)
    device.send(message(2))  # it waits at the broker, for whoever comes as the recorder
    opened = edge(*command, "--database", str(copy), "--broker", address(broker))
    _, errors = opened.communicate(timeout=30)
    assert opened.returncode == 78
    assert f"edge: {copy} may be a copy of {path}, and would take its windows: to look at it" in errors
    assert rows(copy) == [1]
    recording(edge, path, broker)
    wait_for(lambda: rows(path) == [1, 2], 20)


def test_in_place_of_the_original_it_gets_what_waited_and_is_asked_once(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path, device = tmp_path / "school.sqlite", sender(broker)
    end(recording(edge, path, broker))
    copy = backup(path, tmp_path / "restored.sqlite")
    device.send(message(1))
    end(recording(edge, copy, broker, "--if-copy", "continue"))
    device.send(message(2))
    recording(edge, copy, broker)
    wait_for(lambda: rows(copy) == [1, 2], 20)
    assert rows(copy, CLIENT_ID) == rows(path, CLIENT_ID)


def test_with_a_new_session_both_get_everything(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path
) -> None:
    path, device = tmp_path / "school.sqlite", sender(broker)
    recorder = recording(edge, path, broker)
    copy = backup(path, tmp_path / "own.sqlite")
    end(recording(edge, copy, broker, "--if-copy", "new"))
    own = rows(copy, CLIENT_ID)
    device.send(message(1))
    wait_for(lambda: rows(path) == [1], 20)
    # It is no copy any more: what is left in a unit file changes nothing.
    recording(edge, copy, broker, "--if-copy", "new")
    wait_for(lambda: rows(copy) == [1], 20)
    assert rows(copy, CLIENT_ID) == own != rows(path, CLIENT_ID)
    assert recorder.poll() is None


@pytest.mark.parametrize("how", ["renamed", "another place", "a backup in its place", "of a former version"])
def test_a_file_that_was_moved_or_restored_goes_on_without_a_question(
    broker: int, edge: StartEdge, sender: Callable[[int], Sender], tmp_path: Path, how: str
) -> None:
    path, device = tmp_path / "one" / "school.sqlite", sender(broker)
    end(recording(edge, path, broker))
    kept = rows(path, CLIENT_ID)
    device.send(message(1))
    if how == "renamed":
        path = path.parent.rename(tmp_path / "two") / path.name
    elif how == "another place":  # as `mv` does it between two file systems
        moved = Path(shutil.copy2(path, tmp_path / "moved.sqlite"))
        path.unlink()
        path = moved
    elif how == "a backup in its place":
        backup(path, tmp_path / "backup.sqlite").replace(path)
    else:
        copy = backup(path, tmp_path / "former.sqlite")
        with contextlib.closing(sqlite3.connect(copy)) as file, file:
            assert file.execute("DELETE FROM about WHERE key = 'location'").rowcount == 1
        path = copy
    recording(edge, path, broker)
    wait_for(lambda: rows(path) == [1], 20)
    assert rows(path, CLIENT_ID) == kept


def restored(place: Place) -> Place:
    """The same in another database, as from a dump."""
    assert place.server
    assert isinstance(place.target, PostgresAddress)
    name = f"edge_{secrets.token_hex(4)}"
    place.server.sql(f"CREATE DATABASE {name} TEMPLATE {place.database}")
    return Place(replace(place.target, url=place.server.url(name)), place.server, name)


def ids(place: Place, *, new: bool = False) -> tuple[object, ...]:
    """How a database knows its sessions and its share at the broker."""
    assert isinstance(place.target, PostgresAddress)
    with place.opened() as store:
        store.claim("new" if new else None)
        ordinary = store.client_ids("")[0]
    sessions = make_shared_sessions(place.target, "main")
    mine = sessions.start()
    sessions.stop()
    return ordinary, mine, sessions.group


def test_a_restored_database_leaves_the_sessions_and_the_share_to_the_original(postgres: Place) -> None:
    known = ids(postgres)
    copy = restored(postgres)
    with copy.opened() as store, pytest.raises(ConfigError, match=f"{copy.database}.* may be a copy of .*postgres"):
        store.claim(None)
    own = ids(copy, new=True)
    assert set(own).isdisjoint(known)
    assert ids(copy, new=True) == own
    assert ids(postgres) == known


def test_a_database_goes_on_in_place_of_the_original_where_a_person_says_so(postgres: Place) -> None:
    known = ids(postgres)
    copy = restored(postgres)
    with copy.opened() as store:
        store.claim("continue")
    assert ids(copy) == known


def test_a_database_that_was_restored_to_its_place_goes_on_without_a_question(postgres: Place) -> None:
    known = ids(postgres)
    copy = restored(postgres)
    assert postgres.server
    rename = f"ALTER DATABASE {copy.database} RENAME TO {postgres.database}"
    postgres.server.sql(f"DROP DATABASE {postgres.database}", rename)
    assert ids(postgres) == known


def test_all_recorders_of_a_database_see_it_in_one_place(shared_postgres: PostgresServer, district: str) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    from edge.recording.postgres.location import find  # noqa: PLC0415 - it needs psycopg

    first = PostgresAddress(shared_postgres.url(district, "edge_recorder"), "north")
    with Place(first).opened() as store:
        store.claim(None)
    with psycopg.connect(first.url) as connection:
        one = find(connection, first)
        other = find(connection, PostgresAddress(shared_postgres.url(district, "edge_recorder_2"), "south"))
    assert one == other
    assert "edge_recorder" not in one.to_text()
