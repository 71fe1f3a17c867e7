"""What an open page of a lesson asks again, and what it is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from starlette.applications import Starlette

from edge.contract.validation import DeviceMessage
from edge.web.dashboard.lesson_routes import lesson_routes
from edge.web.dashboard.past import Past
from tests.support.recorded_weeks import LESSON, MINUTE, info, record, windows
from tests.support.simulated_school import Classroom

DAY = MINUTE * 24 * 60


def ask(path: Path, **asked: str) -> Any:
    """What a page that was just opened is told of the lesson, or one that shows a revision of it."""
    past = Past(path, None, ZoneInfo("Europe/Vienna"))

    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=lesson_routes(past, lambda: {"room-1"})))
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as visitor:
            parameters = {"room": "room-1", "day": LESSON.date().isoformat(), "name": "08:00-08:45", **asked}
            return await visitor.get("/api/lesson", params=parameters)

    try:
        return asyncio.run(answer()).json()
    finally:
        past.stop()


def test_what_comes_late_of_a_lesson_is_told_and_nothing_else_is(tmp_path: Path) -> None:
    sent = windows(LESSON, 1)
    path = record(tmp_path / "school.sqlite", sent[:60])
    shown = [ask(path)["revision"]]
    paused = DeviceMessage(
        "room-1", "state", Classroom("room-1", 1).state("paused", "the button", LESSON + 20 * MINUTE)
    )
    # Its figures, what was hidden meanwhile, and why there were none.
    for late in ([info("aaaaaaaa")], sent[60:], [info("bbbbbbbb")], [paused]):
        assert ask(path, known=shown[-1]) == {"unchanged": True}
        record(path, late, LESSON + DAY)
        shown.append(ask(path, known=shown[-1])["revision"])
    record(path, windows(LESSON + DAY, 2), LESSON + DAY)
    assert ask(path, known=shown[-1]) == {"unchanged": True}
    assert len(set(shown)) == 5
    assert {"figures", "lines"} <= ask(path, known=shown[0]).keys()
