"""What the page is told of weeks, days and terms, and who is told it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.reporting import scope
from edge.web.dashboard.past import Past
from edge.web.dashboard.school_routes import school_routes
from edge.web.visitors import EVERYBODY, VISITOR, Visitor
from tests.support.recorded_school import TIMETABLE, VIENNA, record_school, usual
from tests.support.recorded_weeks import record, windows

ROOMS = ["b1-9", "b2-1", "b2-2"]
MONDAY = "2026-11-16"


class Gate:
    """Lets one visitor in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.visitor = EVERYBODY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, VISITOR: self.visitor}, receive, send)


Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Asks about three rooms and a week."""
    path = record_school(tmp_path_factory.mktemp("web") / "s.sqlite", ROOMS, 5, {("b2-1", 3, 2): usual(50, happy=0.7)})
    with asking(path) as found:
        yield found


@contextmanager
def asking(path: Path) -> Iterator[Ask]:
    """Asks for an address as a visitor; returns what JSON says, or status and text."""
    past = Past(path, TIMETABLE, VIENNA)
    gate, loop = Gate(Starlette(routes=school_routes(past))), asyncio.new_event_loop()
    client = httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://page/api/maps/")

    def start(address: str, visitor: Visitor = EVERYBODY) -> Any:
        gate.visitor = visitor
        answer = loop.run_until_complete(client.get(address))
        assert answer.headers.get("Cache-Control") == "no-store" or answer.status_code == 404
        return answer.json() if answer.status_code == 200 else (answer.status_code, answer.text)

    yield start
    past.stop()
    loop.close()


def test_a_week_with_its_lessons(ask: Ask) -> None:
    week = ask(f"week?room=b2-1&at={MONDAY}")
    assert week == ask("week?room=b2-1&at=2026-11-20") == ask("week?room=b2-1")
    happy = next(each for each in week["measures"] if each["key"] == "happy")
    cell = happy["cells"][2][3]
    assert happy["marks"] == "▲"
    assert (cell["state"], cell["link"]) == ("above", ["lesson", "b2-1", "2026-11-19", "3rd"])
    assert cell["text"] == f"▲ {round(100 * cell['value'])}\N{NO-BREAK SPACE}%"
    assert cell["low"] < cell["value"] < cell["high"]
    assert week["previous"] == ["week", "b2-1", "2026-11-09"]
    assert week["columns"][0] == {"name": "Mon 16 Nov", "key": MONDAY, "link": ["day", MONDAY]}
    assert week["rooms"] is None


def test_a_day_and_a_term(ask: Ask) -> None:
    day = ask(f"day?at={MONDAY}")
    assert [row["room"] for row in day["rows"]] == ROOMS
    assert day["measures"][0]["cells"][0][0]["link"] == ["lesson", "b1-9", MONDAY, "1st"]
    assert len(day["rooms"]["rows"]) == 3
    term = ask(f"term?first={MONDAY}&last=2026-11-25")
    assert term["measures"][0]["cells"][0][0]["link"] == ["week", "b1-9", MONDAY]
    assert (term["first"], term["last"], term["next"]) == (MONDAY, "2026-11-29", ["weeks", "2026-11-30", "2026-12-13"])
    assert len(ask("term")["columns"]) == 1  # nothing is older


def test_a_clock_that_is_ahead_moves_no_other_room(tmp_path: Path) -> None:
    path = record_school(tmp_path / "s.sqlite", ["a1", "a2"], 5)
    for year in (2100, 2150):
        record(path, windows(datetime(year, 3, 5, 8, 0, tzinfo=VIENNA), 7, 10, room=f"ahead-{year}"))
    today = datetime.now(timezone.utc).astimezone(VIENNA).date().isoformat()
    with asking(path) as ask:
        assert ask("day")["first"] == "2026-11-20"
        assert (ask("term")["first"], ask("term")["last"]) == (MONDAY, "2026-11-22")
        alone = ask("week?room=ahead-2150")
        assert alone["first"] <= today <= alone["last"]


def test_every_map_says_what_it_compares_and_what_nobody_measured(ask: Ask) -> None:
    for address, compared in (
        (f"week?room=b2-1&at={MONDAY}", "all other cells of this room in this week"),
        (f"day?at={MONDAY}", "the other cells of its room on this day"),
        ("term", "the other weeks of its room"),
    ):
        legend = ask(address)["legend"]
        assert legend.count(str(scope.NOT_MEASURED[scope.Scope.EXPRESSIONS])) == 1
        assert sum(compared in each for each in legend) == 1
        needs = "compares it with the same lesson of earlier weeks instead, and needs 3 of them."
        assert any(needs in each for each in legend) == (address != "term")


def test_in_the_language_that_was_asked_for(ask: Ask) -> None:
    german = ask(f"day?at={MONDAY}&language=de-AT,en")
    assert german["title"] == "Montag, 16. November 2026"
    assert german["sentences"][0].startswith("Aufgezeichnete Räume: 3 von 3")
    assert ask(f"day?at={MONDAY}")["title"] == "Monday, 16 November 2026"


@pytest.mark.parametrize(
    "address",
    ["week?room=b2-1&at=x", "day?at=2026-13-01", "day?at=0001-01-01", "term?first=x", "term?last=9999-01-01",
     "term?first=2026-11-16&last=2026-11-09", "term?first=2000-01-01&last=2026-11-09", "day?at=2200-01-01"],
)  # fmt: skip
def test_what_is_no_time_is_refused(ask: Ask, address: str) -> None:
    status, text = ask(address)
    assert status == 400
    assert json.loads(text)["problem"]["text"] in ("{day} is no date", "{first} to {last} is no term")


def test_a_visitor_is_told_of_own_rooms_only(ask: Ask) -> None:
    reader, technician = Visitor("smith", "reader", ("b2-*",)), Visitor("mole", "technician", None)
    for address in (f"day?at={MONDAY}", f"term?first={MONDAY}&last={MONDAY}"):
        whole, part = ask(address), ask(address, reader)
        assert [row["room"] for row in part["rows"]] == ["b2-1", "b2-2"]
        assert part["sentences"][0].startswith("Rooms that were recorded: 2 of 2")
        assert "b1-9" not in str(part)
        assert ask(address) == whole
        assert ask(address, technician)[0] == 404
    there_is_none = ask(f"week?room=no-such-room&at={MONDAY}")
    assert there_is_none == (404, "There is no such room.\n")
    for address in ("week", "week?room=", f"week?room=&at={MONDAY}", "week?room=b2-*"):
        assert ask(address) == ask(address, reader) == there_is_none
    assert ask(f"week?room=b1-9&at={MONDAY}", reader) == there_is_none
    assert ask(f"week?room=b2-1&at={MONDAY}", technician) == there_is_none
    assert ask(f"week?room=b2-1&at={MONDAY}", reader)["kind"] == "week"
