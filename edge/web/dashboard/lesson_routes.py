"""What a page asks about lessons: the rooms that were recorded, the lessons of a day, and one lesson."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from edge.errors import EdgeError
from edge.recording.recorded import Recorded
from edge.recording.rollups import bucket_of
from edge.reporting.period import Period
from edge.timing.timetable import Lesson
from edge.web.dashboard.lesson import JSON
from edge.web.dashboard.lesson_days import day_json, day_named, lesson_of_day, neighbours, newest_lesson, period_named
from edge.web.dashboard.past import NO_STORE, Past, no_such_room, refusal
from edge.web.visitors import visitor_of

WHOLE = timedelta(hours=20)  # what is longer is a whole day
KEPT = 3.0  # seconds that an answer is kept for others who ask the same


def lesson_routes(past: Past | None, known: Callable[[], set[str]]) -> list[BaseRoute]:
    """The routes; none without a recording.

    Args:
        past: What was recorded.
        known: The rooms that are heard of now.
    """
    if past is None:
        return []
    lessons = _Lessons(past, known)
    return [
        Route("/api/rooms", lessons.rooms),
        Route("/api/day", lessons.day),
        Route("/api/lesson", lessons.lesson),
    ]


class _Lessons:
    def __init__(self, past: Past, known: Callable[[], set[str]]) -> None:
        self._past = past
        self._known = known

    async def rooms(self, request: Request) -> Response:
        """Names of the rooms of which something was recorded, as far as this visitor may see their figures."""
        visitor = visitor_of(request)
        try:
            names = await self._past.ask(request, lambda recording: recording.names(), "rooms", KEPT)
        except EdgeError as error:
            return refusal(request, error)
        return JSONResponse({"rooms": [name for name in names if visitor.may_see_figures(name)]}, headers=NO_STORE)

    async def day(self, request: Request) -> Response:
        """`?room=&day=`: its lessons."""
        room, day = (request.query_params.get(name, "") for name in ("room", "day"))
        past = self._past

        def read(recording: Recorded) -> JSON:
            return day_json(recording, room, day_named(day), past.timetable, past.zone, _now())

        return await self._answer(request, room, read, ("day", room, day))

    async def lesson(self, request: Request) -> Response:
        """`?room=`: its newest lesson; `&day=`: of that day; `&name=`: that one, or a time as `08:00-09:30`.

        `&known=`: the revision that is shown; while it is the same, that alone is said.
        """
        room, day, name, shown = (request.query_params.get(each, "") for each in ("room", "day", "name", "known"))
        past = self._past

        def read(recording: Recorded) -> JSON:
            now = _now()
            if name:
                asked = period_named(room, day_named(day), name, past.timetable, past.zone)
            elif day:
                asked = lesson_of_day(recording, room, day_named(day), past.timetable, past.zone, now)
            else:
                asked = newest_lesson(recording, room, past.timetable, past.zone, now)
            beside = neighbours(room, asked, past.timetable, now)
            revision = _revision(recording, room, asked, beside, now)
            if shown and shown == revision:
                return {"unchanged": True}
            return {**self._told(recording, room, asked, now), **beside, "revision": revision}

        return await self._answer(request, room, read, ("lesson", room, day, name, shown))

    def _told(self, recording: Recorded, room: str, asked: Period, now: datetime) -> JSON:
        # Only here: numpy takes a while to load, and a page that shows the present needs none.
        from edge.reporting.lesson_report import compare_with_earlier, report_lesson  # noqa: PLC0415
        from edge.reporting.report_data import read_stretch  # noqa: PLC0415
        from edge.web.dashboard.lesson_page import lesson_json  # noqa: PLC0415

        timetable, until = self._past.timetable, asked.end
        data = read_stretch(recording, room, asked, now)
        if not asked.name and data.parts and asked.end - asked.start > WHOLE:
            # Of a whole day, only the time in which there is something.
            first, last = data.parts[0].start, max(part.end for part in data.parts)
            asked = replace(asked, start=first.astimezone(asked.zone), end=last.astimezone(asked.zone))
            data = replace(
                data, period=asked, gaps=[gap for gap in data.gaps if first <= gap.start and gap.end <= last]
            )
        report = report_lesson(data)
        earlier = None
        if timetable and asked.name:
            earlier = compare_with_earlier(recording, data, timetable, Lesson(asked.name, asked.start, asked.end), now)
        return {
            "room": room, "day": asked.start.date().isoformat(), "name": asked.name,
            "clock": [f"{asked.start:%H:%M}", f"{asked.end:%H:%M}"],
            **lesson_json(report, earlier, now, until),
        }  # fmt: skip

    async def _answer(
        self, request: Request, room: str, read: Callable[[Recorded], JSON], key: tuple[str, ...]
    ) -> Response:
        """What was asked, of a room that there is and whose figures this visitor may see."""
        if not visitor_of(request).may_see_figures(room):
            return no_such_room()
        try:
            there = room in self._known() or await self._past.ask(
                request, lambda file: file.has(room), ("has", room), KEPT
            )
        except EdgeError as error:
            return refusal(request, error)
        return await self._past.answer(request, read, key, KEPT) if there else no_such_room()


def _revision(recording: Recorded, room: str, asked: Period, beside: JSON, now: datetime) -> str:
    """What tells a lesson from the same one after something of it came late, or was deleted; a cheap one.

    One that goes on has none: each moment makes it another. Windows of earlier lessons, and those beside it, are not
    looked at.
    """
    if now < asked.end:
        return ""
    sums = [*recording.buckets(room, bucket_of(asked.start), asked.end)]
    changes = recording.state_changes(room, asked.end), recording.places(room, now), recording.newest_request()
    known = repr((asked, beside, sums, changes))
    return hashlib.sha256(known.encode()).hexdigest()[:32]


def _now() -> datetime:
    return datetime.now(timezone.utc)
