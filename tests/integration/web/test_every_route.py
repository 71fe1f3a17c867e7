"""Whose lessons: every route of the dashboard, asked by two teachers and a technician.

A route that is not listed here fails the first test: say how it is asked, so that no route forgets who asks.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from edge.config.broker_url import BrokerUrl
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.subscription import Subscription
from edge.web.access_list import add_grant
from edge.web.dashboard.past import Past
from edge.web.dashboard.school import School
from edge.web.dashboard.server import Dashboard
from edge.web.visitors import Role
from tests.support.brokers import wait_for
from tests.support.dashboard_page import Room
from tests.support.recordings import rows
from tests.unit.web.test_access import TODAY

SMITH, JONES, NOBODY = "smith-room", "jones-room", "no-such-room"
WINDOWS = 60
SECONDS = 5.0
StartEdge = Callable[..., "subprocess.Popen[str]"]


@dataclass(frozen=True)
class Asked:
    """How a route is asked.

    Attributes:
        query: Of its address; `{room}`, `{day}` and `{week}` stand for something of the recording.
        figures: Whether it tells something about people.
        machines: Whether it tells something about devices.
        same: Whether the answer has to be the one of a school that has only the visitor's rooms: true of all that does
            not depend on the moment.
    """

    query: str = ""
    figures: bool = False
    machines: bool = False
    same: bool = False


NOT_ABOUT_ROOMS = {"/", "/charts/", "/static", "/shared", "/api/texts"}
"""They say the same to everybody; below a folder, all of it."""

ROUTES = {
    "/lesson": Asked("room={room}&minutes=90", figures=True),
    "/events": Asked(),
    "/api/about": Asked(),
    "/api/machines": Asked(machines=True),
    "/api/rooms": Asked(figures=True, same=True),
    "/api/day": Asked("room={room}&day={day}", figures=True, same=True),
    "/api/lesson": Asked("room={room}", figures=True, same=True),
    "/api/maps/week": Asked("room={room}", figures=True, same=True),
    "/api/maps/day": Asked(figures=True, same=True),
    "/api/maps/term": Asked(figures=True, same=True),
}


def paths(routes: list[BaseRoute]) -> Iterator[str]:
    for route in routes:
        assert isinstance(route, Route | Mount)
        yield "/charts/" if route.path.startswith("/charts/") else route.path


def test_no_route_is_forgotten(tmp_path: Path) -> None:
    settings = BrokerSettings(BrokerUrl.parse("mqtt://127.0.0.1:1"), "edge-test")
    past = Past(tmp_path / "none.sqlite", None, timezone.utc)
    dashboard = Dashboard(Subscription(settings, "classroom", ["+"]), School("classroom", 4, time.time), past)
    found = set(paths(dashboard.routes()))
    past.stop()
    assert found == {*NOT_ABOUT_ROOMS, *ROUTES}, "list it in this file, and who may see what of it"


@pytest.fixture
def start(edge: StartEdge, broker: int) -> Callable[..., httpx.Client]:
    """Starts a dashboard that records; returns a client of it, without a token."""

    def run(*arguments: str) -> httpx.Client:
        process = edge("dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", "0", *arguments)
        assert process.stdout is not None
        process.stdout.readline()
        address = process.stdout.readline().split("?")[0].strip()
        return httpx.Client(base_url=address, timeout=30)

    return run


def test_each_teacher_sees_the_own_room_and_nothing_of_the_other_in_every_route(
    start: Callable[..., httpx.Client], broker: int, tmp_path: Path
) -> None:
    access, whole, own = tmp_path / "access.yaml", tmp_path / "whole.sqlite", tmp_path / "own.sqlite"
    people: list[tuple[str, Role, str]] = [
        ("smith", "reader", SMITH),
        ("jones", "all", JONES),
        ("technician", "technician", SMITH),
    ]
    tokens = {name: add_grant(access, name, role, [room], TODAY, None) for name, role, room in people}
    page = start("--database", str(whole), "--access-file", str(access))
    alone = start("--database", str(own), "--device", SMITH)  # a school that has only this room
    rooms = Room(broker, SMITH, seconds=SECONDS), Room(broker, JONES, seconds=SECONDS)

    def both_record() -> bool:
        rooms[0].window(1, SECONDS * (WINDOWS - 1))  # the same one again is stored once
        return bool(rows(whole) and rows(own))

    wait_for(both_record, 60, "both recorders")
    for room in rooms:
        for seq in range(1, WINDOWS + 1):
            room.window(seq, SECONDS * (WINDOWS - seq))
    wait_for(lambda: len(rows(whole)) == 2 * WINDOWS and len(rows(own)) == WINDOWS, 60, "all windows in both files")

    for path, asked in ROUTES.items():
        assert page.get(path).status_code == 403, f"{path}: without a token"
        told = {
            (who, room): answer(page, path, asked, room, token)
            for who, token in tokens.items()
            for room in (SMITH, JONES, NOBODY)
        }
        check_rooms(path, asked, told)
        if asked.same:
            assert told["smith", SMITH] == answer(alone, path, asked, SMITH, None), f"{path}: others are in a sum"
    assert "mean" in answer(page, "/events", ROUTES["/events"], SMITH, tokens["smith"])[1]
    assert '"shares":[]' in answer(page, "/events", ROUTES["/events"], SMITH, tokens["technician"])[1]


def check_rooms(path: str, asked: Asked, told: dict[tuple[str, str], tuple[int, str]]) -> None:
    """Whether everybody was told of the own room, what the role shows of it, and nothing of another.

    Args:
        path: Of the route.
        asked: How it was asked.
        told: Status and text by who asked and for which room.
    """
    for (who, _), (status, text) in told.items():
        other = SMITH if who == "jones" else JONES
        assert other not in text.replace(f"room={other}", ""), f"{path}: {who} reads of {other}"
        assert status < 500, (path, who, text)
    for who, other in (("smith", JONES), ("jones", SMITH), ("technician", JONES)):
        strange, none = told[who, other], told[who, NOBODY]
        if "{room}" in asked.query:
            assert strange == none == (404, "There is no such room.\n"), f"{path}: {who} asks for {other}"
    if "{room}" in asked.query:
        assert told["smith", SMITH][0] == (404 if asked.machines else 200), path
        assert told["technician", SMITH][0] == (404 if asked.figures else 200), path
        assert told["jones", JONES][0] == 200, path
    elif asked.figures:
        assert SMITH not in told["technician", SMITH][1], f"{path}: a technician reads figures"
    elif asked.machines:
        assert SMITH not in told["smith", SMITH][1], f"{path}: a reader reads of machines"


def answer(client: httpx.Client, path: str, asked: Asked, room: str, token: str | None) -> tuple[int, str]:
    """Status and text; of a stream its first event."""
    now = datetime.now(timezone.utc)
    values = {"room": room, "day": f"{now:%Y-%m-%d}", "week": f"{now:%G-W%V}"}
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with client.stream("GET", f"{path}?{asked.query.format(**values)}", headers=headers) as found:
        if "event-stream" not in found.headers["content-type"]:
            return found.status_code, found.read().decode()
        lines = found.iter_lines()
        return found.status_code, next(line for line in lines if line.startswith("data: "))
