"""What is deleted from the recording on request is forgotten by the page, and not taken when it comes again."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from functools import partial

from edge.errors import EdgeError
from edge.recording.recorded import Deleted, Recorded
from edge.web.dashboard.lesson import at, milliseconds
from edge.web.dashboard.past import Past
from edge.web.dashboard.school import School

LOOK_EVERY = 5.0  # seconds


class Deletions:
    """Tells a school what is deleted.

    Args:
        past: The recording; None: there is none.
        school: What is in memory.
    """

    def __init__(self, past: Past | None, school: School) -> None:
        self._past = past
        self._school = school
        self._newest = 0  # number of the last that was forgotten

    async def follow(self) -> None:
        """Look for new requests again and again, until cancelled."""
        while self._past is not None:
            with contextlib.suppress(EdgeError):  # pages say what is wrong with the file
                while await self._forget_some(self._past):
                    pass
            await asyncio.sleep(LOOK_EVERY)

    async def _forget_some(self, past: Past) -> bool:
        """Forget some times; whether there may be more. Raises EdgeError."""
        now = at(self._school.now())
        found = await asyncio.to_thread(past.read, partial(_some, self._newest))
        newest = found[-1].number if found else self._newest
        try:
            # First: what comes until all is forgotten is not taken.
            if self._school.deleted.outdated(newest, now):
                await asyncio.to_thread(past.read, partial(self._know, newest, now))
        finally:
            for each in found:
                first = 0 if each.start is None else milliseconds(each.start)
                self._school.forget(each.device, first, milliseconds(each.end))
            self._newest = newest
        return bool(found)

    def _know(self, newest: int, now: datetime, file: Recorded) -> None:
        """Read all; one of a time to come, whose clock was ahead, ends now. Raises EdgeError."""
        self._school.deleted.replace(newest, file.requests(), now, now)


def _some(after: int, file: Recorded) -> list[Deleted]:
    return file.deleted(after)
