"""Windows that never came, by what a database has: each of several recorders sees only a part of the numbers."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from edge.errors import EdgeError
from edge.recording.missing_windows import MOST_REPORTS, PATIENCE
from edge.recording.rollups import WIDTH, bucket_of
from edge.recording.window_store import AwayError

Missing = tuple[str, int, int]  # device, first and last number
PAUSE = timedelta(hours=1)  # after a question that could not be answered

logger = logging.getLogger(__name__)


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
        self._unanswered: datetime | None = None  # when nothing could be told for the last time

    def look(self, now: datetime) -> None:
        """Report what is missing of the next five minutes that are due, from an hour before on.

        At most MOST_REPORTS of a device, which may skip numbers as often as it likes. That something cannot be told is
        said once, and ends nothing.

        Raises:
            AwayError: The database is away.
        """
        due = bucket_of(now - timedelta(seconds=PATIENCE))
        since = due - timedelta(hours=1) if self._judged is None else self._judged
        if since >= due or (self._unanswered is not None and timedelta() <= now - self._unanswered < PAUSE):
            return
        found = self._ask(since, now)
        self._judged = since + WIDTH
        reported: Counter[str] = Counter()
        for device, first, last in found:
            reported[device] += 1
            if reported[device] <= MOST_REPORTS:
                self._report(device, first, last)

    def _ask(self, since: datetime, now: datetime) -> Iterable[Missing]:
        try:
            return self._missing(since, since + WIDTH)
        except AwayError:
            raise
        except EdgeError as error:
            if self._unanswered is None:
                logger.warning("which windows never came cannot be told: %s. Trying again every hour", error)
            self._unanswered = now
            return ()
