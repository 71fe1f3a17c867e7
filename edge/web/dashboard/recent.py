"""The last minutes of a room, from memory: put together beside the pages, whatever a room makes it cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request

from edge.reporting.gaps import Gap
from edge.web.dashboard.questions import Questions
from edge.web.dashboard.school import School

MOST_KEPT = 16  # answers, for the next page that asks


class RecentMinutes:
    """Answers pages.

    Args:
        school: What it is asked of.
    """

    def __init__(self, school: School) -> None:
        self._school = school
        self._questions = Questions(1, MOST_KEPT, "recent")

    async def ask(self, request: Request, room: str, minutes: int, deaf: Sequence[Gap]) -> dict[str, Any] | None:
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

        def copied() -> Callable[[], dict[str, Any] | None]:
            # Copied here, where messages are taken, one at a time; added up there.
            there = room in self._school.rooms
            return self._school.lesson(room, minutes, deaf) if there else lambda: None

        return await self._questions.ask(request, copied, (room, minutes), version, lambda asked: asked == version)

    def stop(self) -> None:
        """Begin nothing more."""
        self._questions.stop()
