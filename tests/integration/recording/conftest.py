"""Devices that send to a recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.paths import ROOT
from tests.support.postgres import PostgresServer
from tests.support.recordings import Sender


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
def district(shared_postgres: PostgresServer) -> Iterator[str]:
    """The database as docs/district.md has it made; what `url` needs to get there."""
    shared_postgres.psql("-f", str(ROOT / "docs/district.sql"))
    yield "edge"
    shared_postgres.sql(
        "DROP DATABASE edge WITH (FORCE)",
        "DROP ROLE edge_recorder, edge_reader, edge_grafana, edge_read_all",
        "DROP ROLE IF EXISTS guest",
    )
