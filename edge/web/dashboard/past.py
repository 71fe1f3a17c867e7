"""What was recorded, for the pages: asked for in few threads, so that many visitors slow nobody down."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Hashable
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from edge.errors import ConfigError, EdgeError
from edge.recording.recorded import Recorded
from edge.recording.stores import Target, make_reader
from edge.recording.window_store import AwayError
from edge.text import Sentence
from edge.timing.old_zone_names import older
from edge.timing.timetable import Timetable
from edge.web.dashboard.questions import Questions
from edge.web.packed import Packed, PackedResponse, pack_json
from edge.web.shared import told
from edge.web.visitors import EVERYBODY, visitor_of

T = TypeVar("T")

THREADS = 2  # that read at once: the recorder of this process needs the processor as well
MOST_KEPT = 64  # answers
SILENT = 1.0  # seconds after which a database that cannot be reached has not refused us, but kept us waiting
AWAY = 5.0  # seconds for which such a one is not asked again
LOG_EVERY = 60.0  # seconds
NO_STORE = {"Cache-Control": "no-store"}
UNREADABLE = Sentence("What was recorded cannot be read now")
SEE_LOG = Sentence("the log of this page's server says why")

logger = logging.getLogger(__name__)


class Past:
    """A recording that is asked about.

    Args:
        target: The file of `edge record`, or a school in a database.
        timetable: When lessons are; None: nobody knows.
        zone: Whose clock times are told by.
    """

    def __init__(self, target: Target, timetable: Timetable | None, zone: tzinfo) -> None:
        self.timetable = timetable
        self.zone = zone
        self._target = target
        self._questions = Questions(THREADS, MOST_KEPT, "past")
        self._logged = -math.inf  # in monotonic seconds
        self._away: tuple[float, AwayError] | None = None  # when, in monotonic seconds

    @property
    def zone_names(self) -> list[str]:
        """The zone as browsers know it, also such as are older than its name; empty where only this machine does."""
        key = cast("str | None", getattr(self.zone, "key", None))
        if not key:
            return []
        name = key.removeprefix("posix/")  # a folder with the same zones once more
        return [name, *older(name)]

    @property
    def district(self) -> bool:
        """Whether it is in a database, and so not on this machine alone."""
        return not isinstance(self._target, Path)

    async def ask(
        self,
        request: Request,
        function: Callable[[Recorded], T],
        key: Hashable,
        seconds: float = 2.0,
        *,
        long: bool = False,
    ) -> T:
        """Run a function on the recording, in another thread.

        Args:
            request: Who asks.
            function: Gets the recording, started; it is stopped afterwards, so nothing lazy may be returned.
            key: Of the question: who asks the same within some seconds gets the same answer.
            seconds: How old an answer may be.
            long: As `Questions.ask` has it.

        Raises:
            EdgeError: It is missing, damaged or away, or the function raised it; or as `Questions.ask`.
        """
        return await self._questions.ask(request, lambda: partial(self.read, function), key, seconds, long=long)

    async def answer(
        self,
        request: Request,
        function: Callable[[Recorded], Any],
        key: Hashable,
        seconds: float = 2.0,
        *,
        long: bool = False,
    ) -> Response:
        """The same as JSON for a page, written and compressed in that thread; None says that there is no such room.

        An error becomes `{"problem": sentence, "remedy": sentence}`.
        """

        def packed(recording: Recorded) -> Packed | None:
            found = function(recording)
            return None if found is None else pack_json(found)

        try:
            answer = await self.ask(request, packed, key, seconds, long=long)
        except EdgeError as error:
            return refusal(request, error)
        return no_such_room() if answer is None else PackedResponse(request, answer, NO_STORE)

    def stop(self) -> None:
        """Begin nothing more."""
        self._questions.stop()

    def read(self, function: Callable[[Recorded], T]) -> T:
        """Run a function on the recording, here and now; see `ask`. Raises EdgeError."""
        away = self._away
        if away is not None and time.monotonic() - away[0] < AWAY:
            raise AwayError(*away[1].told)
        recording, began = make_reader(self._target, "edge dashboard"), time.monotonic()
        try:
            try:
                recording.start()
            except AwayError as error:
                if time.monotonic() - began > SILENT:
                    self._away = time.monotonic(), error
                raise
            return function(recording)
        except EdgeError as error:
            self._log(error)
            raise
        finally:
            recording.stop()

    def _log(self, error: EdgeError) -> None:
        """Say why nothing can be read, as not every visitor is told; now and then, as pages ask all the time."""
        now = time.monotonic()
        if not _for_pages(error) and now - self._logged > LOG_EVERY:
            self._logged = now
            logger.warning("what was recorded cannot be read: %s", error)


def refusal(request: Request, error: EdgeError) -> Response:
    """As `sentence_of`; where the database is, and what it says, only for who may see all."""
    if not _for_pages(error) and visitor_of(request).unnamed != EVERYBODY:
        error = EdgeError(UNREADABLE, SEE_LOG)
    return sentence_of(error)


def _for_pages(error: EdgeError) -> bool:
    """Whether it was written for whoever asks, in their language."""
    return isinstance(error.told[0], Sentence)


def sentence_of(error: EdgeError) -> Response:
    """An error as an answer: what is wrong, and what to do about it."""
    problem, remedy = map(told, error.told)
    status = 400 if isinstance(error, ConfigError) else 503
    return JSONResponse({"problem": problem, "remedy": remedy}, status, headers=NO_STORE)


def no_such_room() -> Response:
    """For a room that there is not, and in the same words for one that the visitor may not see."""
    return PlainTextResponse("There is no such room.\n", 404)
