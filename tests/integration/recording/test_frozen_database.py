"""A database server that stands still: what is sent to it is taken, and nothing comes back."""

from __future__ import annotations

import socket
import time
from datetime import timezone

import pytest

from edge.recording.postgres.address import PostgresAddress
from edge.recording.window_store import AwayError
from edge.web.dashboard import past
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, windows

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")

from edge.recording.postgres import connection  # noqa: E402 - it needs psycopg


def test_nobody_waits_for_its_answer_for_ever(own: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own.server
    monkeypatch.setattr(connection.BoundedConnection, "answers_within", 0.5)
    sent = as_messages(windows(1, 20))
    with own.opened() as store, own.read() as recording:
        assert store.store(sent[:10], MONDAY + DAY) == 10
        with own.server.frozen():
            for ask in (lambda: store.store(sent, MONDAY + DAY), recording.newest_request):
                began = time.monotonic()
                with pytest.raises(AwayError, match="has not answered"):
                    ask()
                assert time.monotonic() - began < 5
            assert not store.is_open
        store.start()
        assert store.store(sent, MONDAY + DAY) == 10


def test_what_takes_long_by_itself_is_waited_for(postgres: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(postgres.target, PostgresAddress)
    monkeypatch.setattr(connection.BoundedConnection, "answers_within", 0.2)
    with connection.connect(postgres.target, "edge record") as opened:
        with connection.unhurried(opened):
            opened.execute("SELECT pg_sleep(0.5)")
        with pytest.raises(psycopg.OperationalError, match="has not answered"):
            opened.execute("SELECT pg_sleep(0.5)")


def test_even_what_takes_long_is_not_waited_for_on_one_that_answers_nobody(
    own: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(own.target, PostgresAddress)
    server = own.server
    assert server
    monkeypatch.setattr(connection.BoundedConnection, "answers_within", 0.2)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 2)  # the least that there is

    def make_tables() -> None:
        with connection.unhurried(opened), server.frozen():
            opened.execute("SELECT 1")

    with connection.connect(own.target, "edge record") as opened:
        began = time.monotonic()
        with pytest.raises(psycopg.OperationalError, match="has not answered"):
            make_tables()
        assert time.monotonic() - began < 10


def test_one_that_kept_a_page_waiting_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 2)  # the least that there is
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        recording = past.Past(PostgresAddress(f"postgresql://owner@127.0.0.1:{port}/edge", "north"), None, timezone.utc)
        took = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(AwayError, match="cannot be reached"):
                recording.read(lambda found: found.names())
            took.append(time.monotonic() - began)
    assert took[0] > 1
    assert max(took[1:]) < 0.5
