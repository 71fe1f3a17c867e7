"""What is PostgreSQL's own: months, roles, passwords, several recorders at once, a server that is away."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from edge.cli import run_command_line
from edge.config.broker_url import BrokerUrl
from edge.contract.payloads import ModelNames
from edge.errors import ConfigError, EdgeError
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.postgres.address import PostgresAddress
from edge.recording.recorder import Recorder
from edge.recording.retention import Retention
from edge.recording.session import Session
from edge.recording.stores import make_store
from edge.recording.window_store import AwayError
from edge.reporting.totals import add_up
from tests.support.brokers import wait_for
from tests.support.paths import PACKAGE, ROOT
from tests.support.postgres import PostgresServer
from tests.support.stores import Place, as_messages, count_windows
from tests.unit.recording.test_rollups import DAY, MONDAY, window, windows

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")


def address(place: Place) -> PostgresAddress:
    assert isinstance(place.target, PostgresAddress)
    return place.target


def test_windows_of_any_time_are_read_in_order_however_long_nothing_was(postgres: Place) -> None:
    dice = random.Random(5)  # noqa: S311
    times = [datetime(year, 3, 1, 8, tzinfo=timezone.utc) for year in (1975, 2025, 2026, 2150)]
    times += [MONDAY, MONDAY + timedelta(hours=30), MONDAY + timedelta(days=2), MONDAY + timedelta(days=40)]
    ever = datetime(1971, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)
    sent = [window(seq, start, dice) for seq, start in enumerate(sorted(times), 1)]
    with postgres.opened() as store:
        store.store(as_messages(sent), MONDAY)
    with postgres.read() as recording:
        assert [each.start for each in recording.windows("room-1", *ever)] == sorted(times)
        assert [each.start for each in recording.buckets("room-1", *ever)] == sorted(times)
        assert list(recording.windows("room-9", *ever)) == []
        assert [each.start for each in recording.windows("room-1", times[1], MONDAY)] == times[1:3]


def test_two_recorders_at_once_store_and_add_up_every_window_once(postgres: Place) -> None:
    sent = windows(3, 300)
    new: list[int] = []

    def record(seed: int) -> None:
        dice, messages = random.Random(seed), as_messages(sent)  # noqa: S311
        dice.shuffle(messages)
        with postgres.opened() as store:
            new.extend(store.store(messages[at : at + 25], MONDAY) for at in range(0, len(messages), 25))

    threads = [threading.Thread(target=record, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(new) == 3 * 12, "none of them failed"
    assert sum(new) == len(sent)
    with postgres.read() as recording:
        span = ("room-1", MONDAY, MONDAY + DAY)
        found = list(recording.windows(*span))
        assert len(found) == len(sent)
        assert add_up(list(recording.buckets(*span))) == add_up(found)


def test_of_a_room_that_makes_up_names_of_models_the_rest_are_one(postgres: Place) -> None:
    sent = [
        each.model_copy(update={"model": ModelNames(faces=f"faces-{n}", emotions=None, pose=None)})
        for n, each in enumerate(windows(1, 300))
    ]
    other = [each.model_copy(update={"device": "room-2"}) for each in windows(1, 3)]
    with postgres.opened() as store:
        assert store.store(as_messages([*sent[:150], *other]), MONDAY) == 153
    with postgres.opened() as store:  # a start later
        assert store.store(as_messages(sent[150:]), MONDAY) == 150
    named = "SELECT count(*), count(DISTINCT model_faces), count(*) FILTER (WHERE model_faces = 'other') FROM "
    assert postgres.sql(named + "edge.named_windows WHERE device_name = 'room-1'") == ["300|21|280"]
    # Those of another room have their names still.
    assert postgres.sql(named + "edge.named_windows WHERE device_name = 'room-2'") == ["3|1|0"]
    assert int(postgres.sql("SELECT count(*) FROM edge.series")[0]) <= 20 + 3 + 3  # by mode
    with postgres.read() as recording:
        span = ("room-1", MONDAY, MONDAY + DAY)
        assert add_up(list(recording.buckets(*span))) == add_up(list(recording.windows(*span)))


MONTHS = """
SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'edge.windows'::regclass ORDER BY c.relname
"""


def test_months_are_made_ahead_and_years_for_what_clocks_got_wrong(postgres: Place) -> None:
    dice = random.Random(1)  # noqa: S311
    november = datetime(2026, 11, 20, tzinfo=timezone.utc)
    with postgres.opened() as store:
        store.add_up_days(november)
        names = [line.split()[0] for line in postgres.sql(MONTHS)]
        assert names == ["windows_2026_11", "windows_2026_12", "windows_2027_01", "windows_2027_02"]
        for year in (1990, 2024, 2099, 2150):
            store.store(as_messages([window(year, november.replace(year=year), dice)]), november)
        for month in (datetime(2026, 1, 9, tzinfo=timezone.utc), datetime(2027, 7, 9, tzinfo=timezone.utc)):
            store.store(as_messages([window(month.year, month, dice)]), november)
    found = postgres.sql(MONTHS)
    assert len(found) == 10
    assert "windows_2026_12 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2027-01-01 00:00:00+00')" in found
    assert "windows_2026_01 FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00')" in found
    assert "windows_2027_03_to_12 FOR VALUES FROM ('2027-03-01 00:00:00+00') TO ('2028-01-01 00:00:00+00')" in found
    assert not any("DEFAULT" in line for line in found)
    assert [line.split()[0] for line in found if "VALUE)" in line] == ["windows_early", "windows_late"]


def test_made_up_months_make_no_more_parts_than_years_and_go_when_they_are_empty(postgres: Place) -> None:
    november = datetime(2026, 11, 20, tzinfo=timezone.utc)
    months = [datetime(year, month, 5, tzinfo=timezone.utc) for year in range(2024, 2100) for month in range(1, 13)]
    dice = random.Random(1)  # noqa: S311
    sent = as_messages([window(n, month, dice) for n, month in enumerate(months, 1)])
    with postgres.opened() as store, postgres.opened() as late:
        assert store.store(sent, november) == 912
        late.add_up_days(november)
        assert len(postgres.sql(MONTHS)) < 100
        # A year later those months come, and are in the part that there is.
        honest = as_messages([window(5000, november + 200 * DAY, dice)])
        assert late.store(honest, november + 200 * DAY) == 1
        while late.prune(november + 401 * DAY, Retention(days=400))[1]:
            pass
        # Those of 2027 are not a year old, whenever they came; nothing else is left, nor the parts that it was in.
        kept = postgres.sql("SELECT DISTINCT extract(year FROM start) FROM edge.windows WHERE start > '2027-01-01'")
        assert kept == ["2027"]
        assert postgres.sql("SELECT count(*) FROM edge.windows WHERE seq = 5000") == ["1"]
        assert [line.split()[0] for line in postgres.sql(MONTHS)] == [
            "windows_2026_11", "windows_2026_12", "windows_2027_01", "windows_2027_02", "windows_2027_03_to_12",
            "windows_2028_01_to_12",
        ]  # fmt: skip


def test_a_reader_that_locks_what_everybody_may_stops_nobody(postgres: Place) -> None:
    with psycopg.connect(address(postgres).url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1162102597)")  # what recorders once locked to make tables
        with postgres.opened() as store:
            assert store.store(as_messages(windows(1, 30)), MONDAY) == 30


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_has_not_all_letters_is_refused_in_a_sentence(
    encoding: str, shared_postgres: PostgresServer
) -> None:
    name = f"edge_{encoding.lower()}"
    shared_postgres.sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    place = Place(PostgresAddress(shared_postgres.url(name), "north"))
    with pytest.raises(ConfigError, match=f"keeps text in {encoding}.*UTF8: docs/district.sql"), place.opened():
        pass


def test_the_recipe_makes_the_database_in_utf8_whatever_the_cluster_has() -> None:
    recipe = (ROOT / "docs/district.sql").read_text()
    assert "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0" in recipe


def test_a_month_that_cannot_be_made_ahead_stops_nothing(postgres: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recording.postgres.connection.LOCK_SECONDS", 0.2)
    with postgres.opened() as store, psycopg.connect(address(postgres).url) as connection:
        store.store(as_messages(windows(1, 3)), MONDAY)
        connection.execute("LOCK TABLE edge_private.migrations")
        store.add_up_days(MONDAY)
        assert store.is_open
        assert store.store(as_messages(windows(1, 5)), MONDAY) == 2
        connection.rollback()
        store.add_up_days(MONDAY)
        assert len(postgres.sql(MONTHS)) == 4


def test_a_damaged_row_ends_no_recorder_that_tidies(
    postgres: Place, broker: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("edge.recording.recorder.TIDY_EVERY", 0.0)
    assert postgres.server
    with postgres.opened() as store:
        store.store(as_messages(windows(1, 5)), MONDAY)
        postgres.server.sql(
            "CREATE FUNCTION edge.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / 0; END $$",
            "CREATE TRIGGER fail BEFORE INSERT ON edge.daily_rollups EXECUTE FUNCTION edge.fail()",
            database=postgres.database,
        )
        session = Session(BrokerSettings(BrokerUrl("127.0.0.1", broker, tls=False), "tidying"), [])
        recorder = Recorder(session, store, "classroom", ["+"], now=lambda: MONDAY + 3 * DAY)
        recorder.start()
        session.start()
        try:
            for _ in range(5):
                recorder.step(0.01)
            assert store.store(as_messages(windows(2, 9)), MONDAY) > 0
        finally:
            session.stop()
    (said,) = [each for each in caplog.messages if "damaged row" in each]
    assert "trying again every hour" in said
    assert not recorder.failing


def test_a_month_without_windows_goes_and_a_late_window_brings_it_back(postgres: Place) -> None:
    early = as_messages([window(1, MONDAY, random.Random(1))])  # noqa: S311
    with postgres.opened() as store, postgres.opened() as other:
        store.store(early, MONDAY)
        assert other.prune(MONDAY + 60 * DAY, Retention(days=20)) == (1, False)
        assert not any(line.startswith("windows_2026_11") for line in postgres.sql(MONTHS))
        with pytest.raises(AwayError, match="has lost a month"):
            store.store(early, MONDAY)
        assert not store.is_open
        store.start()  # as a recorder does, two seconds later
        assert store.store(early, MONDAY) == 1


def test_what_is_too_old_goes_some_at_a_time(postgres: Place) -> None:
    retention, now = Retention(days=400), MONDAY + 30 * DAY
    with postgres.opened() as store:
        store.store(as_messages(windows(1, 3)), MONDAY)
        postgres.sql(
            "INSERT INTO edge.states SELECT 1, timestamptz '1971-01-02' + i * interval '1 second', 'paused', 'x', "
            "'1971-03-01' FROM generate_series(1, 12000) i",
            "INSERT INTO edge.rollups SELECT 1, timestamptz '1971-01-02' + i * interval '5 minutes', 1, '1971-03-01', "
            "sums, runs FROM generate_series(1, 12000) i, (SELECT sums, runs FROM edge.rollups LIMIT 1) AS r",
        )
        left = (
            "SELECT (SELECT count(*) FROM edge.states), (SELECT count(*) FROM edge.rollups WHERE start < '1972-01-01')"
        )
        assert store.prune(now, retention) == (0, True)
        assert postgres.sql(left) == ["7000|7000"]
        assert store.prune(now, retention) == (0, True)
        assert store.prune(now, retention) == (0, False)
        assert postgres.sql(left) == ["1|0"], "the last state is known still"
        assert count_windows(store) == 3


def test_a_recorder_that_was_off_for_months_keeps_the_months_that_are_made_for_what_comes(postgres: Place) -> None:
    retention, now = Retention(days=400), MONDAY + 200 * DAY
    dice = random.Random(1)  # noqa: S311
    with postgres.opened() as store:
        store.store(as_messages(windows(1, 3)), MONDAY)
        store.add_up_days(now)
        made = postgres.sql(MONTHS)
        assert store.prune(now, retention, MONDAY) == (0, False)
        assert postgres.sql(MONTHS) == made
        assert store.store(as_messages([window(9, now, dice)]), now) == 1


def test_a_lesson_is_read_from_one_month_through_its_index(postgres: Place) -> None:
    with postgres.opened() as store:
        for months in range(4):
            start = MONDAY + months * 31 * DAY
            dice = random.Random(months)  # noqa: S311
            sent = [window(n, start + n * timedelta(seconds=10), dice) for n in range(1, 300)]
            store.store(as_messages(sent), start)
    lesson = "device = 1 AND start >= '2026-12-17 07:10Z' AND start < '2026-12-17 07:15Z'"
    # A few hundred rows are read as fast from the first to the last.
    plan = "".join(postgres.sql("SET enable_seqscan = off", f"EXPLAIN SELECT * FROM edge.windows WHERE {lesson}"))  # noqa: S608
    assert "windows_2026_12_pkey" in plan
    assert not {"windows_2026_11", "windows_2027_01", "Seq Scan"} & set(plan.replace("_pkey", "").split())


def test_recorders_that_start_together_make_the_tables_once(postgres: Place) -> None:
    errors: list[EdgeError] = []

    def start() -> None:
        try:
            with postgres.opened():
                pass
        except EdgeError as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    versions = postgres.sql("TABLE edge_private.migrations UNION ALL TABLE edge_private.additions ORDER BY version")
    assert [line.split("|")[1] for line in versions] == [
        path.stem for path in sorted((PACKAGE / "recording/postgres/migrations").glob("*.sql"))
    ]


def test_each_step_of_making_the_tables_is_progress(postgres: Place) -> None:
    told: list[None] = []
    store = make_store(postgres.target, "classroom", lambda: told.append(None))
    for _ in range(2):
        store.start()
        store.stop()
    assert len(told) == len(list((PACKAGE / "recording/postgres/migrations").glob("*.sql")))


def test_tables_of_a_newer_version_are_left_alone(postgres: Place) -> None:
    with postgres.opened():
        pass
    postgres.sql("INSERT INTO edge_private.migrations VALUES (9000, '9000_later')")
    with pytest.raises(ConfigError, match=r"a newer version of edge \(migration 9000"), postgres.opened():
        pass


def test_values_in_a_form_that_cannot_be_read_are_told_in_a_sentence(
    postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.opened() as store:
        store.store(as_messages(windows(1, 30)), MONDAY)
    # As a pooler may have it, which hands out connections that others have set up.
    monkeypatch.setattr("edge.recording.postgres.connection.MEANING", {"DateStyle": "SQL, DMY"})
    with postgres.read() as recording, pytest.raises(ConfigError, match="form that cannot be read .*SQL.*pooler"):
        list(recording.windows("room-1", MONDAY, MONDAY + DAY))


def test_a_password_comes_from_a_file_and_is_never_told(
    postgres: Place, shared_postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared_postgres.sql("DROP ROLE IF EXISTS guarded", "CREATE ROLE guarded SUPERUSER LOGIN PASSWORD 'right-a71'")
    url = shared_postgres.url(postgres.database, "guarded")
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text("right-a71\n")
    wrong.write_text("wrong-c93\n")
    for file in (right, wrong):
        file.chmod(0o600)

    def record(url: str, *arguments: str) -> tuple[int, str]:
        code = run_command_line(["record", "--database", url, "--school", "north", "--forget", *arguments])
        return code, "".join(capsys.readouterr())

    code, text = record(url, "--password-file", str(wrong))
    assert (code, "password authentication failed" in text) == (78, True)
    code, text = record(url)
    assert (code, "--password-file, or PGPASSFILE" in text) == (78, True)
    with pytest.raises(SystemExit, match="2"):
        record(url.replace("guarded@", "guarded:right-a71@"), "--password-file", str(right))
    text = capsys.readouterr().err
    assert ("write it into a file" in text, "a71" in text) == (True, False)
    store = make_store(PostgresAddress(url, "north", "right-a71"), "classroom")
    store.start()
    store.stop()
    assert "a71" not in repr(store) + repr(PostgresAddress(url, "north", "right-a71"))


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("postgresql://anna@/edge?host=/nowhere", AwayError, "cannot be reached"),
        ("postgresql://anna@127.0.0.1:1/edge", AwayError, "Connection refused"),
        ("postgresql://owner@/absent?host={folder}", ConfigError, 'database "absent" does not exist'),
        ("postgresql://absent@/postgres?host={folder}", ConfigError, 'role "absent" does not exist'),
        ("postgresql://owner@/postgres?host={folder}&sslmoed=x", ConfigError, "check the options of --database"),
    ],
)
def test_a_server_that_cannot_be_used_is_told_in_a_sentence(
    url: str, kind: type[EdgeError], words: str, shared_postgres: PostgresServer
) -> None:
    store = make_store(PostgresAddress(url.format(folder=shared_postgres.folder), "north"), "classroom")
    with pytest.raises(kind) as caught:
        store.start()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wait_has_an_end(postgres: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.recording.postgres.connection.LOCK_SECONDS", 0.2)
    with postgres.opened() as store, psycopg.connect(address(postgres).url) as connection:
        store.store(as_messages(windows(1, 3)), MONDAY)
        connection.execute("LOCK TABLE edge.devices")
        with pytest.raises(AwayError, match="did not answer in time"):
            store.store(as_messages(windows(1, 5)), MONDAY)
        connection.rollback()
        store.start()
        assert store.store(as_messages(windows(1, 5)), MONDAY) == 2


def test_a_standby_that_has_gone_is_noticed_and_nothing_is_lost_or_twice(
    own: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COMMIT waits for it without an end."""
    assert own.server
    reload = "SELECT pg_reload_conf()"
    with own.opened() as store:
        own.server.sql("ALTER SYSTEM SET synchronous_standby_names = 'gone'", reload)
        wait_for(lambda: own.server.sql("SHOW synchronous_standby_names") == "gone\n", 20)  # type: ignore[union-attr]
        with monkeypatch.context() as patch:
            patch.setattr("edge.recording.postgres.connection.BoundedConnection.answers_within", 0.3)
            with pytest.raises(AwayError, match="has not answered"):
                store.store(as_messages(windows(1, 5)), MONDAY)
        own.server.sql("ALTER SYSTEM RESET synchronous_standby_names", reload)
        store.start()
        store.store(as_messages(windows(1, 6)), MONDAY)
        assert count_windows(store) == 6


def test_schools_of_a_database_do_not_mix(postgres: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    south = Place(PostgresAddress(address(postgres).url, "south"))
    for place, count in ((postgres, 20), (south, 30)):
        with place.opened() as store:
            assert store.store(as_messages(windows(1, count)), MONDAY) == count
            assert count_windows(store) == count

    def report(*arguments: str) -> tuple[int, str]:
        output = ("--output", str(tmp_path / "day.csv"))
        code = run_command_line(["report", "--database", address(postgres).url, *output, *arguments])
        return code, capsys.readouterr().err

    code, text = report()
    assert (code, "name one with --school (edge report: --school-name): north, south" in text) == (78, True)
    assert "has no school 'west'" in report("--school-name", "west")[1]
    assert report("--school-name", "south", "--day", "2026-11-16", "--zone", "UTC")[0] == 0
    with (tmp_path / "day.csv").open(newline="") as file:
        assert [(row["device"], row["epoch"], int(row["seq"])) for row in csv.DictReader(file)] == [
            (each.device, each.epoch, each.seq) for each in windows(1, 30)
        ]


def test_without_psycopg_a_file_works_and_a_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    script = "import sys; sys.modules['psycopg'] = None; from edge.__main__ import main; sys.exit(main())"

    def record(target: str, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-c", script, "record", "--database", target, "--forget", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        return done.returncode, done.stderr

    assert record(str(tmp_path / "none.sqlite"))[1].startswith(f"edge: {tmp_path}/none.sqlite does not exist")
    code, text = record("postgresql://anna@/edge", "--school", "north")
    assert (code, "pip install 'edge-emotions[district]'" in text) == (78, True)
    code, text = record("postgresql://anna@/edge")
    assert (code, "name this one: --school NAME" in text) == (78, True)
