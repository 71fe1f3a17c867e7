"""Several recorders share the windows of a school: recorders and broker are killed, and every window is there once."""

from __future__ import annotations

import itertools
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.reporting.totals import add_up
from tests.support.brokers import Broker, wait_for
from tests.support.recordings import NOW, Sender, StartEdge, address, lines_of, message
from tests.support.stores import Place
from tests.unit.recording.test_rollups import DAY

StartBroker = Callable[..., Broker]
KEEPING = ("max_queued_messages 10000", "persistence true")


@pytest.fixture
def school(postgres: Place) -> Place:
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
    return postgres


def recorder(edge: StartEdge, place: Place, port: int) -> subprocess.Popen[str]:
    assert not isinstance(place.target, Path)
    process = edge(
        "record", "--database", place.target.url, "--school", "north", "--share", "main", "--broker", address(port)
    )
    lines_of(process, "connected to broker")
    return process


def sql(place: Place, query: str) -> list[str]:
    assert place.server
    return place.server.sql(query, database=place.database).split()


def stored(place: Place) -> list[int]:
    """The numbers that are there, with every repetition."""
    return list(map(int, sql(place, "SELECT seq FROM edge.windows ORDER BY seq")))


def sessions(place: Place) -> int:
    return len(sql(place, "SELECT id FROM edge_private.shared_sessions"))


@pytest.fixture
def send(sender: Callable[[int], Sender]) -> Iterator[Callable[[int, int], None]]:
    numbers = itertools.count(1)
    devices: dict[int, Sender] = {}

    def send(port: int, count: int) -> None:
        for _ in range(count):
            devices.setdefault(port, sender(port)).send(message(next(numbers)))

    return send


def test_kills_of_either_recorder_and_of_both(
    school: Place, start_broker: StartBroker, edge: StartEdge, send: Callable[[int, int], None]
) -> None:
    port = start_broker(*KEEPING).port
    first, second = recorder(edge, school, port), recorder(edge, school, port)
    send(port, 60)
    for victims in ([second], [first], [first, second]):
        for process in victims:
            process.send_signal(signal.SIGKILL)  # some windows are stored and not acknowledged, some did not come
        send(port, 60)
        for process in victims:
            process.wait()
        if first in victims:
            first = recorder(edge, school, port)
        if second in victims:
            second = recorder(edge, school, port)
        send(port, 60)
    wait_for(lambda: len(stored(school)) >= 420, 40)
    for process in (first, second):
        process.terminate()
        assert process.wait(20) == 0
        log = process.stderr.read() if process.stderr else ""
        assert "Traceback" not in log
    assert stored(school) == list(range(1, 421))
    assert sessions(school) == 2, "a recorder that starts goes on with the session of one that died"
    with school.read() as recorded:
        span = ("room-1", NOW, NOW + DAY)
        assert add_up(list(recorded.buckets(*span))) == add_up(list(recorded.windows(*span)))
