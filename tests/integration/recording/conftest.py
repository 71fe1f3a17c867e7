"""Devices that send to a recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
