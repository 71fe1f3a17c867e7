"""What whoever asks the district's database in SQL may do, and what they cannot do to the server."""

from __future__ import annotations

import base64
import contextlib
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from edge.config.broker_url import BrokerUrl
from edge.errors import ConfigError
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.postgres.address import PostgresAddress
from edge.recording.recorder import Recorder
from edge.recording.session import Session
from edge.recording.window_store import WindowStore
from tests.support.brokers import wait_for
from tests.support.paths import ROOT
from tests.support.postgres import PostgresServer
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, windows

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")

BEFORE_9 = (
    "DROP AGGREGATE edge.lower_median(numeric); DROP FUNCTION edge.middle",
    "DROP INDEX edge.deletions_by_school; DROP FUNCTION edge.read_runs",
    "DELETE FROM edge_private.additions WHERE version >= 9",
)
"""As before that upgrade."""
ROLES = "SELECT pg_total_relation_size('pg_db_role_setting') + pg_total_relation_size('pg_authid')"


def test_the_recorder_writes_the_reader_reads_and_nobody_else_does(
    shared_postgres: PostgresServer, district: str
) -> None:
    shared_postgres.sql("CREATE ROLE guest LOGIN")
    recorder, reader, guest = (
        PostgresAddress(shared_postgres.url(district, user), "north")
        for user in ("edge_recorder", "edge_grafana", "guest")
    )
    with Place(recorder).opened() as store:
        assert store.store(as_messages(windows(1, 30)), MONDAY) == 30
        store.add_up_days(MONDAY + 200 * DAY)  # months that come later
        store.client_ids("")
    with Place(reader).read() as recording:
        assert len(list(recording.windows("room-1", MONDAY, MONDAY + DAY))) == 30
        assert recording.state_changes("room-1", MONDAY + DAY) == ([], [])
    with pytest.raises(ConfigError, match="permission denied"), Place(reader).opened():
        pass
    with pytest.raises(ConfigError, match="permission denied for database.*GRANT CONNECT"), Place(guest).read():
        pass
    with psycopg.connect(reader.url, autocommit=True) as connection:
        for table in ("windows", "windows_2027_06", "rollups", "emotions", "named_windows", "states", "deletions"):
            connection.execute(f"SELECT * FROM edge.{table}")  # noqa: S608
        for forbidden in (
            "SELECT * FROM edge_private.about", "DELETE FROM edge.windows", "CREATE TABLE edge.mine ()",
            "CREATE SCHEMA mine", "CREATE TEMPORARY TABLE mine ()", "SELECT lo_from_bytea(0, 'x')",
            "SELECT lo_create(0)", "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock(1, 1)",
            "SELECT pg_logical_emit_message(false, 'x', 'y')", "SELECT pg_logical_emit_message(false, 'x', 'y'::bytea)",
            "SELECT pg_notify('x', 'y')", "SELECT pg_export_snapshot()", "SELECT pg_current_xact_id()",
            "SELECT txid_current()", "DO $$ BEGIN RAISE LOG 'x'; END $$", "SET temp_file_limit = -1",
            "ALTER ROLE edge_grafana IN DATABASE edge RESET temp_file_limit", "SET log_min_messages = log",
            "SET log_min_error_statement = log", "SELECT edge_admin.shut_out('edge_reader')",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO edge_recorder",
            "ALTER DEFAULT PRIVILEGES FOR ROLE edge_grafana IN SCHEMA edge REVOKE SELECT ON TABLES FROM edge_reader",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)


def test_a_reader_fills_neither_the_disk_nor_the_log(shared_postgres: PostgresServer, district: str) -> None:
    url, log = shared_postgres.url(district, "edge_grafana"), shared_postgres.folder / "log"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER ROLE edge_grafana RESET ALL")
        connection.execute("ALTER ROLE edge_grafana IN DATABASE edge RESET ALL")
    with psycopg.connect(url, autocommit=True) as connection:
        before = log.stat().st_size
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
            connection.execute(
                "DECLARE held CURSOR WITH HOLD FOR SELECT repeat('x', 100000) FROM generate_series(1, 2500)"
            )
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute(f"SELECT '{'x' * 1_000_000}'::int")
        connection.execute("SET debug_print_parse = on")
        connection.execute("SELECT 1")
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute(f"SELECT pg_terminate_backend(pg_backend_pid()) /* {'x' * 1_000_000} */")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET idle_session_timeout = 1")
        wait_for(lambda: _is_closed(connection), 20, "the end of an idle connection")
    assert log.stat().st_size == before


def _is_closed(connection: Any) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def test_a_reader_gets_into_no_other_database(own: Place) -> None:
    assert own.server
    server, page = own.server, (ROOT / "docs/district.md").read_text()
    server.sql("DROP DATABASE edge")
    server.psql("-f", str(ROOT / "docs/district.sql"))
    (rules,) = re.findall(r"(?m)^local\s+edge.*?(?=^```)", page, re.DOTALL)
    file = server.folder / "data/pg_hba.conf"
    file.write_text(rules.replace("scram-sha-256", "trust") + file.read_text())
    server.sql("SELECT pg_reload_conf()")

    def enters(user: str, database: str) -> bool:
        try:
            psycopg.connect(server.url(database, user)).close()
        except psycopg.OperationalError as error:
            assert "pg_hba.conf rejects" in str(error)
            return False
        return True

    for user in ("edge_grafana", "edge_reader", "edge_recorder"):
        wait_for(lambda user=user: not enters(user, "postgres"), 20, "the rules")  # type: ignore[misc]
        assert not enters(user, "template1")
        assert enters(user, "edge")
    assert enters("owner", "postgres")


# What PostgreSQL lets every role set for itself, and for all who use it.
OWN = {
    "extra_float_digits": "-15", "DateStyle": "SQL, DMY", "IntervalStyle": "sql_standard", "bytea_output": "escape",
    "TimeZone": "Asia/Kolkata", "statement_timeout": "1ms", "lock_timeout": "1ms", "search_path": "edge",
    "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on",
    "standard_conforming_strings": "off", "quote_all_identifiers": "on", "client_encoding": "LATIN1",
    "synchronous_commit": "off",
}  # fmt: skip


def test_what_a_role_has_set_for_itself_changes_no_value(shared_postgres: PostgresServer, district: str) -> None:
    recorder, reader = (
        Place(PostgresAddress(shared_postgres.url(district, user), "north"))
        for user in ("edge_recorder", "edge_reader")
    )
    span = ("room-1", MONDAY - DAY, MONDAY + 9 * DAY)

    def read() -> list[object]:
        with reader.read() as recording:
            rows, buckets = list(recording.rows(*span)), list(recording.buckets(*span))
            return [rows, buckets, recording.state_changes("room-1", MONDAY + DAY), recording.newest_request(),
                    list(recording.requests())]  # fmt: skip

    with recorder.opened() as store:
        store.store(as_messages(windows(1, 30)), MONDAY)
        recorder.delete("room-1", MONDAY, MONDAY + timedelta(minutes=2), MONDAY + DAY)
    before = read()
    for user in ("edge_recorder", "edge_reader"):
        with psycopg.connect(shared_postgres.url(district, user), autocommit=True) as connection:
            for name, value in OWN.items():
                connection.execute(f"ALTER ROLE {user} SET {name} = {value if name == 'DateStyle' else repr(value)}")
    assert read() == before
    with recorder.opened() as store:
        assert store.store(as_messages(windows(2, 40)), MONDAY + DAY) > 0
        assert store.store(as_messages(windows(1, 30)), MONDAY + DAY) == 0, "what was deleted is left out"
    assert recorder.delete(None, None, None, MONDAY + DAY) > 0


def test_the_recipe_leaves_a_former_reader_as_it_was_and_may_be_run_again(
    shared_postgres: PostgresServer, district: str
) -> None:
    recorder = Place(PostgresAddress(shared_postgres.url(district, "edge_recorder"), "north"))
    # As it was: one login for whoever reads, without a group.
    shared_postgres.sql(
        "REVOKE edge_reader FROM edge_recorder", "REVOKE edge_read_all FROM edge_reader",
        "DROP OWNED BY edge_read_all, edge_grafana", "ALTER ROLE edge_reader CONNECTION LIMIT 7",
        "GRANT CONNECT ON DATABASE edge TO edge_reader", "GRANT USAGE ON SCHEMA edge TO edge_reader",
        "ALTER DEFAULT PRIVILEGES FOR ROLE edge_recorder IN SCHEMA edge GRANT SELECT ON TABLES TO edge_reader",
        database=district,
    )  # fmt: skip
    shared_postgres.sql("DROP OWNED BY edge_read_all, edge_grafana", "DROP ROLE edge_grafana, edge_read_all")
    with recorder.opened() as store:
        store.store(as_messages(windows(1, 30)), MONDAY)
    for _ in range(2):
        shared_postgres.psql("-f", str(ROOT / "docs/district.sql"))
    with recorder.opened() as store:
        store.add_up_days(MONDAY + 200 * DAY)
    for user in ("edge_reader", "edge_grafana"):
        place = Place(PostgresAddress(shared_postgres.url(district, user), "north"))
        with place.read() as recording:
            assert len(list(recording.windows("room-1", MONDAY, MONDAY + DAY))) == 30
        with psycopg.connect(shared_postgres.url(district, user), autocommit=True) as connection:
            connection.execute("SELECT * FROM edge.windows_2027_06")
            assert connection.execute("SHOW temp_file_limit").fetchone() == ("200MB",)
    assert shared_postgres.sql("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'edge_reader'").strip() == "7"


def test_no_login_that_reads_takes_all_places_of_the_server(shared_postgres: PostgresServer, district: str) -> None:
    shared_postgres.sql(
        "CREATE ROLE guest LOGIN", "GRANT CONNECT ON DATABASE edge TO guest",
        "ALTER ROLE edge_reader CONNECTION LIMIT -1",
    )  # fmt: skip
    shared_postgres.psql("-f", str(ROOT / "docs/district.sql"))
    url = shared_postgres.url(district, "guest")
    with contextlib.ExitStack() as held:
        for _ in range(5):
            held.enter_context(psycopg.connect(url))
        with pytest.raises(psycopg.OperationalError, match='too many connections for role "guest"'):
            held.enter_context(psycopg.connect(url))
        psycopg.connect(shared_postgres.url(district, "edge_recorder")).close()
    limits = shared_postgres.sql("SELECT rolname, rolconnlimit FROM pg_roles WHERE rolname ~ '^edge_re' ORDER BY 1")
    assert limits.split() == ["edge_read_all|-1", "edge_reader|30", "edge_recorder|-1"]


@pytest.fixture
def store(shared_postgres: PostgresServer, district: str) -> Iterator[WindowStore]:
    """Where the recorder of a district stores, with some windows."""
    with Place(PostgresAddress(shared_postgres.url(district, "edge_recorder"), "north")).opened() as opened:
        opened.store(as_messages(windows(1, 3)), MONDAY)
        yield opened


@pytest.mark.parametrize("database", ["edge", "postgres"])
def test_a_reader_that_keeps_a_transaction_open_is_sent_away(
    database: str, shared_postgres: PostgresServer, store: WindowStore,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    reader, owner = (shared_postgres.url(database, user) for user in ("edge_grafana", "owner"))
    with (
        psycopg.connect(reader) as long,
        psycopg.connect(reader, autocommit=True) as idle,
        psycopg.connect(owner) as backup,
    ):
        for each in (long, backup, idle):
            each.execute("SELECT count(*) FROM pg_class")
        store.end_long_readers()
        assert long.execute("SELECT 1").fetchone() == (1,), "not yet"
        assert caplog.messages == []
        monkeypatch.setattr("edge.recording.postgres.long_readers.SECONDS", 0)
        store.end_long_readers()
        with pytest.raises(psycopg.errors.AdminShutdown):
            long.execute("SELECT 1")
        for each in (idle, backup):
            assert each.execute("SELECT 1").fetchone() == (1,)
    (said,) = caplog.messages
    assert said.startswith("ended a connection of edge_grafana, whose transaction had lasted")


def test_a_reader_that_writes_has_less_time_than_one_that_reads(
    shared_postgres: PostgresServer, store: WindowStore,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    url = shared_postgres.url("edge", "edge_grafana")
    with psycopg.connect(url) as reads, psycopg.connect(url) as writes:
        reads.execute("SELECT 1")
        writes.execute("ALTER ROLE edge_grafana SET search_path = 'x'")
        store.end_long_readers()
        assert caplog.messages == []
        monkeypatch.setattr("edge.recording.postgres.long_readers.WRITING_SECONDS", 0)
        store.end_long_readers()
        with pytest.raises(psycopg.errors.AdminShutdown):
            writes.execute("SELECT 1")
        assert reads.execute("SELECT 1").fetchone() == (1,)
    (said,) = caplog.messages
    assert said.startswith("ended a connection of edge_grafana, whose transaction had written")


def test_an_upgrade_waits_for_no_reader_that_left_a_transaction_open(
    shared_postgres: PostgresServer, store: WindowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.recording.postgres.schema.READING_SECONDS", 0)
    with psycopg.connect(shared_postgres.url("edge", "edge_grafana")) as reader:
        reader.execute("SELECT 1 FROM edge.days LIMIT 1")
        store.stop()
        shared_postgres.sql(*BEFORE_9, database="edge")
        store.start()
        with pytest.raises(psycopg.errors.AdminShutdown):
            reader.execute("SELECT 1")


def _settings() -> str:
    return f"ALTER ROLE edge_grafana SET search_path = '{secrets.token_hex(200_000)}'"


def _password() -> str:
    salt, key = (base64.b64encode(secrets.token_bytes(size)).decode() for size in (150_000, 32))
    return f"ALTER ROLE edge_grafana PASSWORD 'SCRAM-SHA-256$4096:{salt}${key}:{key}'"


@pytest.mark.parametrize("statement", [_settings, _password])
def test_a_reader_that_fills_the_disk_with_its_settings_is_shut_out(
    statement: Callable[[], str], shared_postgres: PostgresServer, store: WindowStore,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    url, stopped = shared_postgres.url("edge", "edge_grafana"), threading.Event()

    def write() -> None:
        while not stopped.is_set():
            # Ended; not let in (nor is, by PostgreSQL 15, who has such a long password); or another was quicker.
            with contextlib.suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
                while not stopped.is_set():
                    connection.execute(statement())

    def is_shut_out() -> bool:
        store.end_long_readers()
        return shared_postgres.sql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'edge_grafana'").strip() == "f"

    with psycopg.connect(url) as once:  # as an honest one does it
        once.execute("ALTER ROLE edge_grafana SET work_mem = '8MB'")
        assert not is_shut_out()
        assert once.execute("SELECT 1").fetchone() == (1,)
    monkeypatch.setattr("edge.recording.postgres.long_readers.MOST_OF_ROLES", 1_000_000)
    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        wait_for(is_shut_out, 60, "the login to be shut out")
        ours = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'edge_grafana'"
        # One that was about to be let in when the others were ended is ended at the next look.
        gone = "the end of its connections"
        wait_for(lambda: is_shut_out() and shared_postgres.sql(ours).strip() == "0", 20, gone)
    finally:
        stopped.set()
        for writer in writers:
            writer.join()
    assert any("edge_grafana filled the disk" in each for each in caplog.messages)
    _let_in_again(shared_postgres)
    psycopg.connect(url).close()


@pytest.mark.usefixtures("district")
def test_what_a_reader_filled_is_given_back_though_most_of_it_was_cleared_before(
    shared_postgres: PostgresServer,
) -> None:
    here, reload = shared_postgres.url("postgres"), "SELECT pg_reload_conf()"
    shared_postgres.sql(
        "ALTER SYSTEM SET autovacuum = off", reload
    )  # it would clear away meanwhile, now or a moment later
    with psycopg.connect(here, autocommit=True) as writer, psycopg.connect(here) as looks:
        while int(shared_postgres.sql(ROLES)) <= 2_000_000:
            for _ in range(50):
                writer.execute(_password())
        looks.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        looks.execute("SELECT 1")
        writer.execute(_password())
        writer.execute("VACUUM pg_authid")  # as the server does it by itself; the last two have to stay
    assert int(shared_postgres.sql(ROLES)) > 2_000_000
    shared_postgres.sql("ALTER SYSTEM RESET autovacuum", reload)
    _let_in_again(shared_postgres)


def _let_in_again(server: PostgresServer) -> None:
    """By what the page says."""
    page = (ROOT / "docs/district.md").read_text()
    (remedy,) = re.findall(r"(?m)^ +(ALTER ROLE edge_grafana RESET ALL;\n.*?LOGIN;)\n", page, re.DOTALL)

    def is_small_again() -> bool:  # not at once where the server itself clears away just then
        for each in remedy.split(";")[:-1]:
            server.sql(each)
        return int(server.sql(ROLES)) < 1_000_000

    wait_for(is_small_again, 60, lambda: f"room that is given back: {server.sql(ROLES)} bytes are left")


@pytest.mark.parametrize("gone", ["FUNCTION edge_admin.shut_out", "SCHEMA edge_admin CASCADE"])
def test_without_the_function_of_district_sql_recording_goes_on_and_says_what_to_do(
    gone: str, shared_postgres: PostgresServer, store: WindowStore,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    shared_postgres.sql(f"DROP {gone}", database="edge")
    monkeypatch.setattr("edge.recording.postgres.long_readers.MOST_OF_ROLES", 0)
    with psycopg.connect(shared_postgres.url("edge", "edge_grafana")) as writes:
        writes.execute("ALTER ROLE edge_grafana SET search_path = 'x'")
        store.end_long_readers()
        with pytest.raises(psycopg.errors.AdminShutdown):
            writes.execute("SELECT 1")
    assert [each for each in caplog.messages if "run docs/district.sql again" in each]
    assert store.store(as_messages(windows(2, 3)), MONDAY + DAY) > 0


def test_only_readers_are_shut_out(shared_postgres: PostgresServer, store: WindowStore) -> None:
    shared_postgres.sql("CREATE ROLE guest LOGIN")
    with psycopg.connect(shared_postgres.url("edge", "edge_recorder"), autocommit=True) as recorder:
        for role in ("owner", "edge_recorder", "guest", "nobody", "edge_reader"):
            found = recorder.execute("SELECT edge_admin.shut_out(%s)", (role,)).fetchone()
            assert found == (role == "edge_reader",), role
    allowed = shared_postgres.sql("SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname ~ '^(owner|edge_|guest)'")
    assert sorted(allowed.split()) == ["edge_grafana", "edge_recorder", "guest", "owner"]


def test_a_recorder_looks_at_readers_again_and_again(
    broker: int, shared_postgres: PostgresServer, store: WindowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.recording.recorder.LOOK_EVERY", 0.1)
    monkeypatch.setattr("edge.recording.postgres.long_readers.SECONDS", 0)
    session = Session(BrokerSettings(BrokerUrl("127.0.0.1", broker, tls=False), "looking"), [])
    recorder = Recorder(session, store, "classroom", ["+"])
    recorder.start()
    session.start()

    def is_ended() -> bool:
        recorder.step(0.01)
        return _is_closed(reader)

    try:
        for _ in range(2):
            with psycopg.connect(shared_postgres.url("edge", "edge_grafana")) as reader:
                reader.execute("SELECT 1")
                wait_for(is_ended, 20, "the end of a reader's transaction")
    finally:
        session.stop()
