"""A short run of `python -m tests.load.district`, and that what it looks for would be found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.district.course import District
from tests.load.district.database import Database
from tests.load.district.report import Plan
from tests.load.district_rows import QUESTIONS, Questions, say
from tests.load.district_rows import District as Rows
from tests.load.fleet.school import find

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")


@pytest.fixture
def database() -> Iterator[Database]:
    """A server of this test alone."""
    found = Database()
    try:
        yield found
    finally:
        found.remove()


@pytest.mark.skipif(find("mosquitto") is None, reason="Mosquitto is not installed")
def test_kills_of_recorders_and_database_under_load(tmp_path: Path) -> None:
    plan = Plan(20, 0.1, 2, window=1.0, faults=("recorders", "database"), outage=1.0, settle=1.0)
    report = District(plan, tmp_path, say).run()
    assert report.problems == []
    assert [blow.lost for blow in report.blows] == [0, 0]
    assert report.peace.latency is not None
    assert 0 < report.peace.latency.p50 <= report.peace.latency.max
    assert report.windows > 200


def test_what_is_missing_twice_or_not_added_up_is_found(database: Database) -> None:
    database.server.start()
    rows = Rows(database.server, rooms=2, days=1)
    rows.generate()
    school = rows.school_names()[0]
    sent = dict.fromkeys(("room-1", "room-2"), 2160)
    assert database.problems({school: sent}) == []
    assert database.problems({school: {**sent, "room-3": 1}}) == [f"{school}/room-3: none is there"]
    database.sql("DELETE FROM edge.windows WHERE device = 1 AND seq = 7")
    database.sql("UPDATE edge.rollups SET sums = sums - 'windows' || '{\"windows\": 31}' WHERE device = 2 AND "
                 "start = (SELECT min(start) FROM edge.rollups)")  # fmt: skip
    found = "\n".join(database.problems({school: sent}))
    assert "room-1: 2160 windows were sent, 2159 are there in 2159 rows, 2160 by the count, missing: [7]" in found
    assert "room-2: 2160 windows are there, 2161 are added up" in found


def test_every_question_of_the_rows_is_answered(database: Database) -> None:
    database.server.start()
    rows = Rows(database.server, rooms=3, days=2, school=2)
    rows.generate()
    asked = Questions(rows)
    answers = {name: ask(asked, random.Random(1)) for name, (_, ask) in QUESTIONS.items()}  # noqa: S311
    day = 2160
    assert answers == {
        "lesson of a room": 270, "week of a room": 2 * day, "week map of a room": 2 * day,
        "day map of a school": 2 * day, "days map of a school": 4 * day, "term map of a school": 4 * day,
        "district, five minutes": 3 * day, "district, day by schools": 3 * day,
        "every school, room by room": 3 * day,
    }  # fmt: skip
    assert rows.windows == 5 * day
