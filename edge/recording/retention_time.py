"""The time that deleting goes by: the recorder's clock, as far as it is to be believed.

What is deleted does not come back, and a clock may jump by years: a battery fails, a person sets it, somebody answers
for the time server. So this time is kept beside the windows, and follows the clock at a limited pace.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from edge.contract.timestamps import format_timestamp, parse_timestamp

KEY = "retention_time"  # in `about`
PACE = 3  # days that it may gain on time itself in a day: what was stopped for a holiday catches up
AT_ONCE = timedelta(days=3)  # that it may gain at once, if it has not lately: a weekend for which a machine was off
NEAR = timedelta(days=1)  # a smaller difference is none
BELIEVED = timedelta(days=30)  # a clock that stays ahead for so long is right: what is too old must go
BOOT_PATTERN = "[0-9a-f-]{0,36}"
NONE = timedelta()


@dataclass(frozen=True)
class RetentionTime:
    """As it is kept. A start of the recorder adds nothing: what it may gain is kept as well.

    Attributes:
        time: What deleting goes by.
        behind: How long the recorder, or its machine, has run while it was behind the clock.
        gain: What it may still gain at once.
        boot: Which start of the machine that was; "": none that is known.
        uptime: Seconds since then.
    """

    time: datetime
    behind: timedelta = NONE
    gain: timedelta = AT_ONCE
    boot: str = ""
    uptime: float = 0.0

    @classmethod
    def of(cls, text: str | None) -> RetentionTime | None:
        """The one that `to_text` wrote; None: there is none, or it was damaged."""
        try:
            time, behind, gain, boot, uptime = json.loads(text or "")
            time = parse_timestamp(time).astimezone(timezone.utc)
            behind, gain = (max(NONE, timedelta(seconds=float(each))) for each in (behind, gain))
            if not re.fullmatch(BOOT_PATTERN, boot) or not 0 <= float(uptime) < math.inf:
                return None
            return cls(time, min(behind, BELIEVED), min(gain, AT_ONCE), boot, float(uptime))
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
        return None if newest is None else cls(min(newest, now))

    def to_text(self) -> str:
        """As it is kept."""
        seconds = self.behind.total_seconds(), self.gain.total_seconds()
        return json.dumps([format_timestamp(self.time), *seconds, self.boot, self.uptime])

    def moved(self, now: datetime, boot: str, uptime: float) -> RetentionTime:
        """The next one.

        Args:
            now: What the clock shows.
            boot: Which start of the machine this is.
            uptime: Seconds since then, by a clock that nobody can set.
        """
        # How long a machine was off tells only the clock: that is not believed, and has to be gained.
        passed = timedelta(seconds=max(0.0, uptime - self.uptime) if boot == self.boot else 0.0)
        gain = min(self.gain + PACE * passed, AT_ONCE)
        gained = min(max(now - self.time - passed, -(PACE + 1) * passed), gain)
        time, behind = self.time + passed + gained, self.behind + passed
        if behind >= BELIEVED:
            time = now
        behind = behind if now - time > NEAR else NONE
        return RetentionTime(time, behind, gain - max(gained, NONE), boot, uptime)
