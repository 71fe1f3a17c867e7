"""Devices that send to a recorder, and the places where it may keep what they send."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.recording.postgres.address import PostgresAddress
from tests.support.postgres import PostgresServer
from tests.support.recordings import Sender
from tests.support.stores import Place


@pytest.fixture
def sender() -> Iterator[Callable[[int], Sender]]:
    started: list[Sender] = []

    def start(port: int) -> Sender:
        started.append(Sender(port))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def postgres(shared_postgres: PostgresServer) -> Place:
    """An empty database."""
    name = f"edge_{secrets.token_hex(4)}"
    shared_postgres.sql(f"CREATE DATABASE {name}")
    return Place(PostgresAddress(shared_postgres.url(name), "north"), shared_postgres, name)


@pytest.fixture
def own() -> Iterator[Place]:
    """A server of this test alone, which may be killed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    server = PostgresServer.made()
    try:
        server.start()
        server.sql("CREATE DATABASE edge")
        yield Place(PostgresAddress(server.url("edge"), "north"), server, "edge")
    finally:
        server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty file, and an empty database."""
    if request.param == "sqlite":
        return Place(tmp_path / "school.sqlite")
    found = request.getfixturevalue("postgres")
    assert isinstance(found, Place)
    return found
