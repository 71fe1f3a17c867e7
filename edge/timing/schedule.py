"""When the room's own rule keeps the camera closed: weekly times by the clock on the wall, and in its zone of now.

On the two nights a year when clocks change, a pause that begins or ends within the changed hour may be longer than
written, never shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal

from edge.timing.local_zone import refresh_local_zone

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOCK_PATTERN = r"^([01]\d|2[0-3]):[0-5]\d$"
AHEAD = 8  # days that are looked at: a pause without end is one that lasts longer than a week


@dataclass(frozen=True)
class WeeklyPause:
    """One line of the schedule.

    Attributes:
        days: On which it begins: 0 Monday to 6 Sunday.
        begin: When, by the clock on the wall.
        end: When it ends; not later than `begin` means on the next day.
    """

    days: frozenset[int]
    begin: time
    end: time


@dataclass(frozen=True)
class Schedule:
    """All lines, in one time zone.

    Attributes:
        pauses: May overlap.
        zone: Whose clock is on the wall; None: this machine's.
    """

    pauses: Sequence[WeeklyPause] = ()
    zone: tzinfo | None = None

    def until(self, now: datetime) -> datetime | None:
        """When the pause ends that is in force now; pauses that touch are one.

        Args:
            now: With a time zone.

        Returns:
            In the schedule's time zone; a pause without end seems to end more than a week from now. None: no pause.
        """
        if not self.pauses:
            return None
        if self.zone is None:
            refresh_local_zone()
        now = now.astimezone(timezone.utc)  # instants compare and add right in no other zone
        end = now
        for begins, ends in sorted(self._spans(now.astimezone(self.zone).date())):
            if begins <= end < ends:
                end = ends
        return None if end == now else end.astimezone(self.zone)

    def _spans(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        # From two days ago: a pause of a whole day that began then may end today, in the hour that comes twice.
        for offset in range(-2, AHEAD + 1):
            day = today + timedelta(days=offset)
            for pause in self.pauses:
                if day.weekday() in pause.days:
                    last = day if pause.begin < pause.end else day + timedelta(days=1)
                    yield min(self._instants(day, pause.begin)), max(self._instants(last, pause.end))

    def _instants(self, day: date, clock: time) -> Iterator[datetime]:
        """What that time may mean, in UTC: two instants where clocks are set back, or where it is skipped."""
        for fold in (0, 1):
            local = datetime.combine(day, clock).replace(fold=fold)
            # None is this machine's zone, for astimezone; replace(tzinfo=None) would say the same.
            yield local.replace(tzinfo=self.zone).astimezone(timezone.utc)


def in_words(until: datetime, now: datetime) -> str:
    """When a pause ends, for people who stand in the room: `13:00`, or `Mon 08:00` where that is not today.

    Args:
        until: As `Schedule.until` gives it.
        now: With any time zone.
    """
    today = now.astimezone(until.tzinfo).date()
    return f"{until:%H:%M}" if until.date() == today else f"{DAYS[until.weekday()].capitalize()} {until:%H:%M}"


def clock_time(value: object) -> object:
    """A time of day with two digits for the hour, which people leave out; whatever is none stays as it is."""
    return f"0{value}" if isinstance(value, str) and re.fullmatch(r"\d:\d\d", value) else value
