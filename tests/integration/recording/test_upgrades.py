"""One machine after the other gets a newer version: the recorders of all schools go on in one database."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.recording.postgres import schema
from edge.recording.postgres.address import PostgresAddress
from edge.recording.window_store import AwayError, OutdatedError
from tests.support.brokers import Broker, wait_for
from tests.support.recordings import Sender, StartEdge, address, lines_of, message
from tests.support.stores import Place, as_messages, count_windows
from tests.unit.recording.test_rollups import MONDAY, windows

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")

END_ALL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND starts_with(application_name, 'edge ')
"""
LATER = "INSERT INTO edge_private.{} (version, name) VALUES (9000, '9000_later')"
NO_LATER = "DELETE FROM edge_private.migrations WHERE version = 9000"
VERSIONS = "SELECT version FROM edge_private.{} ORDER BY version"
NUMBERS = sorted(int(path.name[:4]) for path in schema.FOLDER.glob("*.sql"))


def stored(place: Place) -> list[str]:
    return place.sql("SELECT seq FROM edge.windows ORDER BY seq")


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets what starts from then on be of a version that has another file of the tables."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.FOLDER, folder)

    def newer(text: str) -> None:
        (folder / "9000_later.sql").write_text(text)
        monkeypatch.setattr(schema, "FOLDER", folder)

    return newer


def test_a_recorder_goes_on_in_tables_to_which_a_newer_version_has_added(
    postgres: Place, newer: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, sent = schema.FOLDER, as_messages(windows(1, 40))
    with postgres.opened() as older:
        assert older.store(sent[:10], MONDAY) == 10
        newer("-- Additive: it is.\nALTER TABLE edge.devices ADD COLUMN later integer NOT NULL DEFAULT 1;")
        with postgres.opened():
            pass
        monkeypatch.setattr(schema, "FOLDER", ours)
        assert older.store(sent[10:20], MONDAY) == 10, "it is not sent away"
        postgres.sql(END_ALL)
        with pytest.raises(AwayError):
            older.store(sent[20:], MONDAY)
        older.start()
        assert older.store(sent[20:30], MONDAY) == 10
    with postgres.opened() as older:  # a start later
        assert older.store(sent[30:], MONDAY) == 10
    with postgres.erasing() as eraser:
        assert eraser.count(None, None, None)[0] == 40


def test_a_recorder_stores_nothing_in_tables_that_need_a_newer_version(
    postgres: Place, newer: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, sent = schema.FOLDER, as_messages(windows(1, 20))
    with postgres.opened() as older:
        assert older.store(sent[:10], MONDAY) == 10
        newer("ALTER TABLE edge.devices ADD COLUMN later integer")  # which alone would have it store as before
        with postgres.opened():
            pass
        monkeypatch.setattr(schema, "FOLDER", ours)
        with pytest.raises(AwayError):
            older.store(sent[10:], MONDAY)
        for _ in range(2):
            with pytest.raises(OutdatedError, match=r"migration 9000; .*: upgrade edge here"):
                older.start()
        assert len(stored(postgres)) == 10
        postgres.sql(NO_LATER)  # as where the newer version was gone back from
        older.start()
        assert older.store(sent[10:], MONDAY) == 10
    postgres.sql(LATER.format("migrations"))
    with pytest.raises(ConfigError, match="newer version"), postgres.opened():
        pass


def test_recorders_wait_for_their_upgrade_and_go_on(
    own: Place, start_broker: Callable[..., Broker], edge: StartEdge, sender: Callable[[int], Sender]
) -> None:
    assert isinstance(own.target, PostgresAddress)
    port = start_broker("max_queued_messages 10000").port
    database = ("--database", own.target.url, "--broker", address(port))
    single = edge("record", *database, "--school", "north")
    lines_of(single, "connected to broker")
    member = edge("record", *database, "--school", "south", "--prefix", "south", "--share", "main")
    lines_of(member, "connected to broker")
    lines_of(member, "connected to broker")  # the session of the share, and the ordinary one
    device, numbers = sender(port), itertools.count(1)

    def send(count: int) -> None:
        for seq in itertools.islice(numbers, count):
            for prefix in ("classroom", "south"):
                device.send(message(seq), f"{prefix}/room-1/window")

    send(20)
    wait_for(lambda: len(stored(own)) == 40, 20)
    own.sql(LATER.format("migrations"), END_ALL)
    for process in (single, member):
        log = lines_of(process, "newer version of edge (migration 9000")
        assert "upgrade edge here" in log
        assert " ERROR " in log.splitlines()[-1]
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    wait_for(lambda: own.sql(locks) == ["0"], 20)  # the sessions of the share are left to recorders that can store
    send(20)
    assert len(stored(own)) == 40
    own.sql(NO_LATER)
    wait_for(lambda: len(stored(own)) == 80, 30)
    for process in (single, member):
        process.terminate()
        log = process.communicate(timeout=20)[1]
        assert process.returncode == 0
        assert "may be missing" not in log
        assert "Traceback" not in log


def tables_of_0_2_0(tmp_path: Path, speed: str = "0006_speed") -> Path:
    """Its files of the tables, one of which had another number at first."""
    former = tmp_path / "migrations"
    former.mkdir()
    for path in sorted(schema.FOLDER.glob("*.sql"))[:6]:
        shutil.copy(path, former / f"{speed}.sql" if path.stem == "0006_speed" else former)
    return former


@pytest.mark.parametrize("speed", ["0006_speed", "0008_speed"])  # the first 0.2.0 had another number for it
def test_a_database_of_version_0_2_0_is_brought_up_to_date_and_is_one_for_its_recorders_still(
    speed: str, postgres: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = schema.FOLDER
    monkeypatch.setattr(schema, "FOLDER", tables_of_0_2_0(tmp_path, speed))
    with postgres.opened() as store:
        store.store(as_messages(windows(1, 10)), MONDAY)
    postgres.sql("DROP TABLE IF EXISTS edge_private.additions")
    known = postgres.sql(VERSIONS.format("migrations"))
    assert len(known) == 6
    monkeypatch.setattr(schema, "FOLDER", ours)
    with postgres.opened() as store:
        assert count_windows(store) == 10
    with postgres.read() as recording:
        assert recording.identity
    assert postgres.sql(VERSIONS.format("migrations")) == known, "it asks whether there are others"
    assert postgres.sql(VERSIONS.format("additions")) == [str(each) for each in NUMBERS if each > 6]


def test_a_view_of_somebody_s_own_that_an_upgrade_would_break_is_named(
    postgres: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "FOLDER", tables_of_0_2_0(tmp_path))
    with postgres.opened() as store:
        store.store(as_messages(windows(1, 10)), MONDAY)
    monkeypatch.undo()
    postgres.sql("CREATE VIEW faces_by_day AS SELECT day, sum(frames) AS frames FROM edge.days GROUP BY day")
    with pytest.raises(ConfigError, match="view .*faces_by_day depends on view edge.days.*drop what is not of edge"):
        postgres.opened().__enter__()
    assert postgres.sql(VERSIONS.format("migrations")) == ["1", "2", "3", "4", "5", "6"], "nothing was changed"
    postgres.sql("DROP VIEW faces_by_day")
    with postgres.opened() as store:
        assert count_windows(store) == 10


def test_which_files_end_the_recording_of_older_versions() -> None:
    needed = [
        path.stem for path in sorted(schema.FOLDER.glob("*.sql")) if not path.read_bytes().startswith(schema.ADDITIVE)
    ]
    assert needed == [
        "0001_windows", "0002_rollups", "0003_views", "0004_shared_sessions", "0005_levels", "0006_speed",
    ], "one more of them is for a release of which the changelog says so: docs/district.md"  # fmt: skip
