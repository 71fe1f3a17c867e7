"""What the log says while nothing can be stored: each kind of reason at once, and again for as long as it lasts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.files.disk_errors import DiskError, FullError
from edge.recording.layout import ConversionError
from edge.text import counted

RETRY = 2.0  # seconds until what could not be written is tried again
RETRY_CONVERSION = 600.0  # and a conversion, which writes the whole file
AGAIN = 3600.0  # seconds until the same kind is said again

logger = logging.getLogger(__name__)


class FailingReport:
    """Says why it fails, rarely.

    Args:
        elapsed: Where the time comes from.
    """

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._due: dict[type[DiskError], float] = {}  # when a kind may be said again

    def say(self, error: DiskError) -> None:
        """It fails; a server that is started again may be away first, and then be one that a newer version has."""
        now = self._elapsed()
        if now >= self._due.get(type(error), now):
            self._due[type(error)] = now + AGAIN
            stay = "Messages stay at the broker"
            if isinstance(error, FullError):
                # It acknowledges them to the rooms all the same, and its snapshot needs room like any other file.
                stay += ", in its memory: if it is on the same disk, make room before it is stopped or restarted"
            logger.error("%s. %s; trying again every %g s", error, stay, pause(error))

    def over(self, waited: int = 0) -> None:
        """It works: said if it failed, and the next failure is told at once.

        Args:
            waited: Messages that waited and are stored now.
        """
        if self._due:
            stored = f": what waited is stored ({counted(waited, 'message')})" if waited else ""
            logger.info("the database can be written again%s", stored)
        self._due.clear()


def pause(error: DiskError) -> float:
    """How long it is not tried again, in seconds."""
    return RETRY_CONVERSION if isinstance(error, ConversionError) else RETRY
