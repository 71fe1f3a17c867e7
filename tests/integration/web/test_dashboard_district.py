"""`edge dashboard` on a PostgreSQL database: answers as from a file, recording, and a server that goes away."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.cli import run_command_line
from edge.recording.postgres.address import PostgresAddress
from tests.support.brokers import wait_for
from tests.support.dashboard_page import Room, wait_until_heard
from tests.support.recorded_weeks import LESSON, timetable, weeks
from tests.support.stores import Place

DAY = LESSON.date().isoformat()
QUESTIONS = [
    "api/rooms",
    f"api/day?room=room-1&day={DAY}",
    "api/lesson?room=room-1",
    f"api/lesson?room=room-1&day={DAY}&name=1st+period",
    f"api/lesson?room=room-1&day={DAY}&name=08:10-09:00",
    f"api/lesson?room=room-1&day={DAY}&name=00:00-24:00",
    f"api/maps/week?room=room-1&at={DAY}",
    f"api/maps/day?at={DAY}",
    "api/maps/term?first=2026-10-16&last=2026-11-22",
]


def address_of(place: Place) -> str:
    assert isinstance(place.target, PostgresAddress)
    return place.target.url


def moved(path: Path, place: Place) -> None:
    """What is in a file, in a database."""
    options = ("--database", address_of(place), "--school", "north", "--copy-from", str(path))
    assert run_command_line(["record", *options]) == 0


def test_it_answers_what_it_answers_from_a_file(
    broker: int, dashboard: Callable[..., str], tmp_path: Path, postgres: Place
) -> None:
    path, lessons = weeks(tmp_path / "school.sqlite", 6), str(timetable(tmp_path))
    moved(path, postgres)
    addresses = [
        dashboard(broker, 0, "--database", *given, "--show-only", "--timetable", lessons)
        for given in ((str(path),), (address_of(postgres),))
    ]
    with httpx.Client(timeout=30) as client:
        for question in QUESTIONS:
            of_file, of_school = (_without_time(client.get(address + question).json()) for address in addresses)
            assert of_school == of_file, question
        about = [client.get(f"{address}api/about").json() for address in addresses]
    assert [(each["database"], each["district"], each["records"]) for each in about] == [
        (True, False, False), (True, True, False)
    ]  # fmt: skip


def _without_time(answer: Any) -> Any:
    """Without when it was asked."""
    assert "problem" not in answer
    return {key: value for key, value in answer.items() if key not in ("now", "measured", "revision")}


def test_it_records_and_forgets_what_is_deleted(
    broker: int, dashboard: Callable[..., str], postgres: Place, tmp_path: Path
) -> None:
    assert postgres.server
    address = dashboard(broker, 0, "--database", address_of(postgres), "--school", "north")
    room = Room(broker)

    def stored(table: str = "windows") -> str:
        assert postgres.server
        return postgres.server.sql(f"SELECT count(*) FROM edge.{table}", database=postgres.database).strip()  # noqa: S608

    wait_for(lambda: stored("states") == "1", 20, "the recorder")  # what is sent before it is there, nobody keeps
    for seq in range(1, 4):
        room.window(seq, 60 - 10 * seq)
    wait_for(lambda: stored() == "3", 20)

    def measured() -> int:
        answer = httpx.get(f"{address}lesson", params={"room": "room-1", "minutes": 15}, timeout=30)
        return int(answer.json()["measured"]) if answer.status_code == 200 else -1

    wait_for(lambda: measured() > 0, 20, "the windows on the page")
    now = datetime.now(timezone.utc)
    assert postgres.delete("room-1", now - timedelta(hours=1), now - timedelta(seconds=5), now) == 3
    wait_for(lambda: measured() == 0, 20, "nothing on the page")
    room.window(4, 15)
    room.window(5)
    wait_for(lambda: measured() > 0, 20, "what was measured afterwards")
    assert measured() == 5000, "what still comes of that time is left out"


def test_a_database_that_goes_away_is_told_and_comes_back(
    broker: int, dashboard: Callable[..., str], tmp_path: Path, own: Place
) -> None:
    assert own.server
    moved(weeks(tmp_path / "school.sqlite", 2), own)
    options = ("--show-only", "--timetable", str(timetable(tmp_path)))
    address = dashboard(broker, 0, "--database", address_of(own), *options)

    def ask(name: str) -> httpx.Response:
        """Each time of another stretch: no answer is remembered."""
        return httpx.get(f"{address}api/lesson", params={"room": "room-1", "day": DAY, "name": name}, timeout=30)

    assert ask("08:00-08:30").status_code == 200
    own.server.stop()
    away = ask("08:01-08:30")
    assert away.status_code == 503
    assert "cannot be reached" in away.json()["problem"]
    own.server.start()
    assert ask("08:02-08:30").status_code == 200


def test_a_database_that_stands_still_holds_up_no_page_of_the_present(
    broker: int, dashboard: Callable[..., str], own: Place
) -> None:
    assert own.server
    with own.opened():
        pass
    address = dashboard(broker, 0, "--database", address_of(own), "--school", "north", "--show-only")
    wait_until_heard(address)
    for number in range(1, 6):
        Room(broker, f"room-{number}").window(1)

    def ask(number: int) -> httpx.Response:
        return httpx.get(f"{address}lesson", params={"room": f"room-{number}", "minutes": 15}, timeout=60)

    wait_for(lambda: ask(5).status_code == 200, 20, "the windows on the page")
    with own.server.frozen(), concurrent.futures.ThreadPoolExecutor(5) as visitors:
        for _ in range(2):
            began = time.monotonic()
            assert {answer.json()["measured"] for answer in visitors.map(ask, range(1, 6))} == {5000}
            assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--school", "north"), "--school needs --database"),
        (("--database", "postgresql://nobody@127.0.0.1:1/edge"), "may hold many schools: name this one: --school NAME"),
        (("--database", "postgresql://nobody@127.0.0.1:1/edge", "--show-only"), "cannot be reached"),
        (("--database", "x.sqlite", "--school", "north"), "has no password and no schools"),
    ],
)
def test_mistakes(options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["dashboard", "--port", "0", *options]) in (1, 78)
    assert words in capsys.readouterr().err
