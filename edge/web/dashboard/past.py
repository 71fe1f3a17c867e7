"""What was recorded, for the pages: questions to the file, in few threads, so that many visitors slow nobody down."""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from datetime import tzinfo
from pathlib import Path
from typing import Any, TypeVar, cast

from starlette.responses import JSONResponse, PlainTextResponse, Response

from edge.errors import ConfigError, EdgeError
from edge.recording.reader import Recording
from edge.text import Sentence
from edge.timing.local_zone import LOCAL
from edge.timing.timetable import Timetable

T = TypeVar("T")

THREADS = 2  # that read at once: the recorder of this process needs the processor as well
MOST_KEPT = 64  # answers
NO_STORE = {"Cache-Control": "no-store"}


class Past:
    """A recording that is asked about.

    Args:
        path: The file of `edge record`.
        timetable: When lessons are; None: nobody knows.
        zone: Whose clock times are told by.
    """

    def __init__(self, path: Path, timetable: Timetable | None, zone: tzinfo) -> None:
        self.timetable = timetable
        self.zone = zone
        self._path = path
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="past")
        self._kept: OrderedDict[Hashable, tuple[float, asyncio.Future[Any]]] = OrderedDict()

    @property
    def zone_name(self) -> str | None:
        """The zone as a browser knows it; None where only this machine does."""
        key = getattr(self.zone, "key", None)
        if key == "local time":
            return os.path.realpath(LOCAL).partition("/zoneinfo/")[2] or None
        return cast("str | None", key)

    async def ask(self, function: Callable[[Recording], T], key: Hashable = None, seconds: float = 2.0) -> T:
        """Run a function on the recording, in another thread.

        Args:
            function: Gets the recording, started; it is stopped afterwards, so nothing lazy may be returned.
            key: Of the question: who asks the same within some seconds gets the same answer. None: it is asked anew.
            seconds: How old an answer may be.

        Raises:
            EdgeError: The file is missing or damaged, or the function raised it.
        """
        if key is None:
            return await self._run(function)
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is None or now - kept[0] > seconds or (kept[1].done() and _failed(kept[1])):
            kept = now, asyncio.ensure_future(self._run(function))
            self._kept[key] = kept
            self._kept.move_to_end(key)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        # One visitor who goes does not take the answer from the others.
        return cast("T", await asyncio.shield(kept[1]))

    async def answer(
        self, function: Callable[[Recording], Any], key: Hashable = None, seconds: float = 2.0
    ) -> Response:
        """The same as JSON for a page; an error becomes `{"problem": sentence, "remedy": sentence}`."""
        try:
            return JSONResponse(await self.ask(function, key, seconds), headers=NO_STORE)
        except EdgeError as error:
            return sentence_of(error)

    def stop(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[[Recording], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, function)

    def _read(self, function: Callable[[Recording], T]) -> T:
        recording = Recording(self._path)
        try:
            recording.start()
            return function(recording)
        finally:
            recording.stop()


def sentence_of(error: EdgeError) -> Response:
    """An error as an answer: what is wrong, and what to do about it."""
    problem, remedy = (each.as_json() if isinstance(each, Sentence) else str(each) for each in error.told)
    status = 400 if isinstance(error, ConfigError) else 503
    return JSONResponse({"problem": problem, "remedy": remedy}, status, headers=NO_STORE)


def no_such_room() -> Response:
    """For a room that there is not, and in the same words for one that the visitor may not see."""
    return PlainTextResponse("There is no such room.\n", 404)


def _failed(answer: asyncio.Future[Any]) -> bool:
    return answer.cancelled() or answer.exception() is not None
