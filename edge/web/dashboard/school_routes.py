"""What a page asks about weeks, days and terms: heat maps in words, with the figures behind them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edge.errors import ConfigError
from edge.languages.catalogue import choose
from edge.languages.words import Words
from edge.recording.recorded import Recorded
from edge.reporting.map_data import MapData
from edge.reporting.period import newest_of
from edge.reporting.school_data import MOST_WEEKS, WEEK, School
from edge.text import Sentence
from edge.timing.timetable import monday
from edge.web.dashboard.lesson_days import day_named
from edge.web.dashboard.map_answer import map_answer
from edge.web.dashboard.past import Past, no_such_room, sentence_of
from edge.web.shared import language_of
from edge.web.visitors import Visitor, visitor_of

USUAL_WEEKS = 13  # of a term that nobody has named
KEPT_SECONDS = 20.0  # that an answer may be old: a lesson that is under way grows
Question = Callable[[School, datetime, datetime], MapData]
"""Asks a school; the moments are those of the first and the last window."""


def school_routes(past: Past | None) -> list[BaseRoute]:
    """The routes; none without a recording."""
    if past is None:
        return []
    maps = _Maps(past)
    return [
        Route("/api/maps/week", maps.week),
        Route("/api/maps/day", maps.day),
        Route("/api/maps/term", maps.term),
    ]


class _Maps:
    """Answers of one recording."""

    def __init__(self, past: Past) -> None:
        self._past = past

    async def week(self, request: Request) -> Response:
        """A week of a room: `room`, and `at`, a day of it (left out: the newest)."""
        room = request.query_params.get("room", "")
        days = _days(request, "at")
        if isinstance(days, Response):
            return days
        (at,) = days
        if not visitor_of(request).may_see_figures(room):
            return no_such_room()

        def question(school: School, _oldest: datetime, newest: datetime) -> MapData:
            return school.week(room, monday(at or newest.date()))

        return await self._answer(request, ("week", room, at), question, room)

    async def day(self, request: Request) -> Response:
        """A day of all rooms: `at` (left out: the newest)."""
        days = _days(request, "at")
        if isinstance(days, Response):
            return days
        (at,) = days

        def question(school: School, _oldest: datetime, newest: datetime) -> MapData:
            return school.day(at or newest.date())

        return await self._answer(request, ("day", at), question)

    async def term(self, request: Request) -> Response:
        """The weeks of all rooms: `first` and `last`, days of the first and the last one."""
        days = _days(request, "first", "last")
        if isinstance(days, Response):
            return days
        first, last = days
        if first and last and not timedelta() <= last - first <= MOST_WEEKS * WEEK:
            named = Sentence("{first} to {last} is no term", {"first": f"{first}", "last": f"{last}"})
            return sentence_of(ConfigError(named, Sentence("at most {n} weeks, in order", {"n": MOST_WEEKS})))

        def question(school: School, oldest: datetime, newest: datetime) -> MapData:
            until = last or (first + (USUAL_WEEKS - 1) * WEEK if first else newest.date())
            begin = first or max(until - (USUAL_WEEKS - 1) * WEEK, min(until, oldest.date()))
            return school.term(begin, until)

        return await self._answer(request, ("term", first, last), question)

    async def _answer(
        self, request: Request, key: tuple[object, ...], question: Question, room: str | None = None
    ) -> Response:
        visitor, words = visitor_of(request), Words(choose(language_of(request)))
        past = self._past

        def read(recording: Recorded) -> dict[str, Any] | None:
            known = {name: ends for name, ends in recording.devices().items() if _may(visitor, name, room)}
            if not known:
                return None
            oldest = min(start for start, _ in known.values())
            now = datetime.now(timezone.utc)
            newest = newest_of((end for _, end in known.values()), now) - timedelta(seconds=1)
            school = School(recording, sorted(known), past.timetable, past.zone, now, known)
            data = question(school, oldest.astimezone(past.zone), newest.astimezone(past.zone))
            return map_answer(data, words, lessons=past.timetable is not None)

        # What a visitor may see is part of the question: an answer is kept for others who ask the same.
        whole = (*key, words.language, visitor.role, visitor.rooms)
        return await past.answer(request, read, whole, KEPT_SECONDS, long=True)


def _may(visitor: Visitor, name: str, room: str | None) -> bool:
    return visitor.may_see_figures(name) and room in (None, name)


def _days(request: Request, *names: str) -> list[date | None] | Response:
    """The days of the question, None for each that is left out; a refusal for what is none."""
    texts = [request.query_params.get(name) for name in names]
    try:
        return [day_named(text) if text else None for text in texts]
    except ConfigError as error:
        return sentence_of(error)
