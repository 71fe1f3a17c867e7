"""Windows that never came, by what a database has: each of several recorders sees only a part of the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from edge.recording.missing_windows import MOST_REPORTS, PATIENCE
from edge.recording.rollups import WIDTH, bucket_of

Missing = tuple[str, int, int]  # device, first and last number


class StoredNumbers:
    """Judges each five minutes once, when what is on its way has had its time to come.

    Args:
        missing: Asks for the numbers that are missing before those of a period.
        report: Called with device, first and last number.
    """

    def __init__(
        self, missing: Callable[[datetime, datetime], Iterable[Missing]], report: Callable[[str, int, int], None]
    ) -> None:
        self._missing = missing
        self._report = report
        self._judged: datetime | None = None  # until then

    def look(self, now: datetime) -> None:
        """Report what is missing of the next five minutes that are due, from an hour before on.

        At most MOST_REPORTS of a device, which may skip numbers as often as it likes. Raises as `missing`.
        """
        due = bucket_of(now - timedelta(seconds=PATIENCE))
        since = due - timedelta(hours=1) if self._judged is None else self._judged
        if since < due:
            reported: Counter[str] = Counter()
            for device, first, last in self._missing(since, since + WIDTH):
                reported[device] += 1
                if reported[device] <= MOST_REPORTS:
                    self._report(device, first, last)
            self._judged = since + WIDTH
