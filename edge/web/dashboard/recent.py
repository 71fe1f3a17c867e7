"""The last minutes of a room, from memory: put together beside the pages, whatever a room makes it cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.requests import Request

from edge.reporting.gaps import Gap
from edge.web.dashboard.lesson import Minutes, packed
from edge.web.dashboard.questions import Questions
from edge.web.dashboard.school import BEAT, School

KEPT = BEAT / 1000  # seconds; a version lasts no longer


class RecentMinutes:
    """Answers pages.

    Args:
        school: What it is asked of.
        questions: Where the answers are made.
    """

    def __init__(self, school: School, questions: Questions) -> None:
        self._school = school
        self._questions = questions

    async def ask(self, request: Request, room: str, minutes: int, deaf: Sequence[Gap]) -> Minutes | None:
        """A room over the last minutes, the same for all pages that ask; None when there is no such room.

        Args:
            request: Who asks.
            room: Its name.
            minutes: How many.
            deaf: When nothing was heard from the broker.

        Raises:
            EdgeError: As `Questions.ask`.
        """
        version = self._school.version(room, len(deaf))
        if version is None:
            return None

        def copied() -> Callable[[], Minutes | None]:
            if room not in self._school.rooms:
                return lambda: None
            # Copied here, where messages are taken, one at a time; added up and packed there.
            answer = self._school.lesson(room, minutes, deaf)
            return lambda: packed(answer())

        return await self._questions.ask(request, copied, (room, minutes), KEPT, version)
