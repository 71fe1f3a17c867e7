"""What a recorder does beside recording: roll-ups that are still to be made, and deleting what is too old."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from edge.recording.retention import Retention
from edge.recording.retention_time import BELIEVED, NEAR, PACE, RetentionTime
from edge.recording.window_store import WindowStore
from edge.timing.elapsed import boot_id, uptime

logger = logging.getLogger(__name__)

WARN_EVERY = 86400.0  # seconds


class Tidying:
    """Tidies a store, some at a time.

    Args:
        database: Where windows are.
        retention: How long what is in it is kept.
        now: Where the time of day comes from.
        elapsed: Seconds since the machine was started, by a clock that nobody can set.
        boot: Which start of the machine this is.
    """

    def __init__(
        self,
        database: WindowStore,
        retention: Retention,
        now: Callable[[], datetime],
        elapsed: Callable[[], float] = uptime,
        boot: Callable[[], str] = boot_id,
    ) -> None:
        self._database = database
        self._retention = retention
        self._now = now
        self._elapsed = elapsed
        self._boot = boot
        self._kept: RetentionTime | None = None
        self._warned_at: float | None = None

    def step(self) -> tuple[int, bool]:
        """Make some roll-ups, delete some of what is too old.

        Returns:
            How many windows were deleted, and whether there is more to do.

        Raises:
            ConfigError, DiskError: As `WindowStore`.
        """
        now, deleted = self._now(), 0
        by = self._follow(now)
        more = self._database.add_up_former(now)
        if not more:  # windows are not deleted before they are added up; but no room's days keep them for ever
            more = self._database.add_up_days(now)
            if self._retention.deletes(by):
                deleted, older = self._database.prune(now, self._retention, by)
                more = more or older
        if deleted:
            logger.info("%d windows are older than %d days and were deleted", deleted, self._retention.shortest)
        return deleted, more

    def _follow(self, now: datetime) -> datetime:
        """What deleting goes by: not later than the clock, which may be wrong."""
        elapsed = self._elapsed()
        if self._kept is None:
            self._kept = self._database.retention_time(now)
            if self._kept is None:
                return now
        moved = self._kept = self._kept.moved(now, self._boot(), elapsed)
        self._database.keep_retention_time(moved)
        if now - moved.time > NEAR and self._retention.deletes(now):
            self._warn((now - moved.time).days, elapsed)
        return min(now, moved.time)

    def _warn(self, days: int, elapsed: float) -> None:
        if self._warned_at is not None and elapsed - self._warned_at < WARN_EVERY:
            return
        self._warned_at = elapsed
        logger.warning(
            "the clock is %d days ahead: the recorder was stopped for as long, or the clock is wrong. Deleting what is "
            "too old catches up by %d days a day, and after %d days altogether: set the clock if it is wrong",
            days, PACE, BELIEVED.days,
        )  # fmt: skip
