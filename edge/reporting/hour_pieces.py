"""What a day or a week adds up to, and the pieces that its intervals come from. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from edge.recording.rollups import WIDTH
from edge.reporting.deleted_times import Times
from edge.reporting.lesson_statistics import LessonSummary, pieces_of, summarize_minutes
from edge.reporting.totals import Bins, Part

HOUR = timedelta(hours=1)
FEWEST = 6  # hours with figures that tell how much they scatter; of fewer, their five minutes do


class HourPieces:
    """Adds up by the hour, and by five minutes as long as there are too few hours for an interval.

    Args:
        start: Of the first hour; None: of the five minutes of the first part.
        deleted: As of `Bins`.
    """

    def __init__(self, start: datetime | None = None, deleted: Times = ()) -> None:
        self.hours = Bins(start, HOUR, deleted)
        self._parts: list[Part] = []  # with figures, as long as there are few: most have enough hours soon

    def add(self, part: Part) -> None:
        """Add a part; in order of time."""
        self.hours.add(part)
        if self.hours.filled >= FEWEST:
            self._parts = []
        elif part.has_figures:
            self._parts.append(part)

    def summary(self) -> LessonSummary:
        """Of all parts."""
        pieces = Bins.of(self._parts, None, WIDTH) if self._parts else self.hours
        return summarize_minutes(self.hours.totals, pieces_of(pieces))
