"""The time that deleting goes by: the recorder's clock, as far as it is to be believed.

What is deleted does not come back, and a clock may jump by years: a battery fails, a person sets it, somebody answers
for the time server. So this time is kept beside the windows, and follows the clock at a limited pace.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from edge.contract.timestamps import format_timestamp, parse_timestamp

KEY = "retention_time"  # in `about`
PACE = 3  # times that of time itself: a wrong clock costs few days before somebody sees it, a holiday is caught up with
STOPPED = timedelta(days=1)  # only the clock tells how long the recorder was stopped: no more than this is believed
NEAR = timedelta(days=1)  # a smaller difference is none
BELIEVED = timedelta(days=30)  # a clock that stays ahead for so long is right: what is too old must go


@dataclass(frozen=True)
class RetentionTime:
    """As it is kept.

    Attributes:
        time: What deleting goes by.
        clock: What the clock showed then.
        behind: How long it has been behind the clock.
    """

    time: datetime
    clock: datetime
    behind: timedelta = timedelta()

    @classmethod
    def of(cls, text: str | None) -> RetentionTime | None:
        """The one that `to_text` wrote; None: there is none, or it was damaged."""
        try:
            time, clock, behind = json.loads(text or "")
            time, clock = (parse_timestamp(each).astimezone(timezone.utc) for each in (time, clock))
            return cls(time, clock, min(timedelta(seconds=float(behind)), BELIEVED))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return None

    @classmethod
    def first(cls, newest: datetime | None, now: datetime) -> RetentionTime | None:
        """That of a recording which has none yet.

        Args:
            newest: When what is recorded came last; None: nothing is recorded.
            now: What the clock shows.

        Returns:
            None where there is nothing to delete, and so no reason to begin with a clock that may be wrong.
        """
        return None if newest is None else cls(min(newest, now), min(newest, now))

    def to_text(self) -> str:
        """As it is kept."""
        return json.dumps([format_timestamp(self.time), format_timestamp(self.clock), self.behind.total_seconds()])

    def moved(self, now: datetime, passed: timedelta) -> RetentionTime:
        """The next one.

        Args:
            now: What the clock shows.
            passed: The time since this one.
        """
        behind, most = self.behind + passed, PACE * passed
        time = self.time + min(max(now - self.time, -most), most)
        if behind >= BELIEVED:
            time = now
        return RetentionTime(time, now, behind if now - time > NEAR else timedelta())


class Follower:
    """Has it follow the clock while the recorder runs.

    Args:
        kept: Of the last run.
        elapsed: Seconds of a clock that nobody can set.
    """

    def __init__(self, kept: RetentionTime, elapsed: float) -> None:
        self._kept = kept
        self._elapsed = elapsed
        self._ended = kept.clock  # when the last run did
        self._stopped = timedelta()  # before this run, as far as it has been counted

    def move(self, now: datetime, elapsed: float) -> RetentionTime:
        """The next one, to be kept.

        Args:
            now: What the clock shows.
            elapsed: Seconds of a clock that nobody can set.
        """
        # Not only at the start: many boards know the time of day only some minutes later.
        stopped = max(self._stopped, min(now - self._ended, STOPPED))
        passed = timedelta(seconds=elapsed - self._elapsed) + stopped - self._stopped
        self._kept, self._elapsed, self._stopped = self._kept.moved(now, passed), elapsed, stopped
        return self._kept
