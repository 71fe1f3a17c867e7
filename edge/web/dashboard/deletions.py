"""What is deleted from the recording on request is forgotten by the page, and not taken when it comes again."""

from __future__ import annotations

import asyncio
import contextlib

from edge.errors import EdgeError
from edge.recording.recorded import Recorded
from edge.web.dashboard.lesson import at
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

    async def follow(self) -> None:
        """Look for new requests again and again, until cancelled."""
        while self._past is not None:
            with contextlib.suppress(EdgeError):  # pages say what is wrong with the file
                await self.look(self._past)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self, past: Past) -> None:
        """Forget what is deleted by now. Raises EdgeError."""
        # First: what comes until all is forgotten is not taken.
        if await asyncio.to_thread(past.read, self._know):
            self._school.forget_deleted()

    def _know(self, file: Recorded) -> bool:
        """Read all requests where there are others than before; whether there are. Raises EdgeError."""
        deleted, now = self._school.deleted, at(self._school.now())
        newest = file.newest_request()
        if not deleted.outdated(newest, now):
            return False
        # One of a time to come, whose clock was ahead, ends now.
        deleted.replace(newest, file.requests(), now, now)
        return True
