"""The last minutes of a room, from memory: put together beside the pages, whatever a room makes it cost."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edge.reporting.gaps import Gap
from edge.web.dashboard.school import School

MOST_KEPT = 16  # answers, for the next page that asks


class RecentMinutes:
    """Answers pages.

    Args:
        school: What it is asked of.
    """

    def __init__(self, school: School) -> None:
        self._school = school
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recent")
        self._kept: OrderedDict[tuple[str, int], tuple[object, asyncio.Future[dict[str, Any]]]] = OrderedDict()

    async def ask(self, room: str, minutes: int, deaf: Sequence[Gap]) -> dict[str, Any] | None:
        """A room over the last minutes, the same for all pages that ask; None when there is no such room.

        Args:
            room: Its name.
            minutes: How many.
            deaf: When nothing was heard from the broker.
        """
        version, key = self._school.version(room, len(deaf)), (room, minutes)
        if version is None:
            return None
        kept = self._kept.get(key)
        if kept is None or kept[0] != version:
            # Copied here, where messages are taken; added up there.
            work = self._school.lesson(room, minutes, deaf)
            kept = version, asyncio.ensure_future(asyncio.get_running_loop().run_in_executor(self._thread, work))
            self._kept[key] = kept
            self._kept.move_to_end(key)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        # One visitor who goes does not take the answer from the others.
        return await asyncio.shield(kept[1])

    def stop(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
