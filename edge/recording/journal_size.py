"""How large the `-wal` of a recording is: while somebody keeps a question open, SQLite cannot begin it anew."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from edge.files.left_journal import journal_of

logger = logging.getLogger(__name__)

KEPT = 8_000_000  # bytes that it has afterwards at most; 4 MB are usual
MOST = 64_000_000  # bytes that nobody's question lasts for
SAY_EVERY = 3600.0  # seconds


class JournalSize:
    """Keeps it small, and says when somebody prevents that: who reads a file cannot be sent away.

    Args:
        path: The file that it belongs to.
        now: Monotonic seconds.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._path = journal_of(path)
        self._now = now
        self._say_at = 0.0

    def look(self, database: sqlite3.Connection) -> None:
        """Empty it where it is too large; called now and then.

        Args:
            database: Outside of a transaction.

        Raises:
            sqlite3.Error: To be explained.
        """
        try:
            size = self._path.stat().st_size
        except OSError:  # explained by whoever writes next
            return
        if size <= MOST:
            return
        if emptied(database) or self._now() < self._say_at:
            return
        self._say_at = self._now() + SAY_EVERY
        logger.warning(
            "%s has %d MB and grows with every window, until the disk is full: another program keeps a question to the "
            "recording open. `fuser -v %s` lists who has it open; end that program, and let it read a copy",
            self._path,
            size // 1_000_000,
            self._path,
        )


def emptied(database: sqlite3.Connection) -> bool:
    """Bring all of the `-wal` into the file, if nobody reads it; whether that was done. Raises sqlite3.Error."""
    waits = database.execute("PRAGMA busy_timeout").fetchone()[0]
    database.execute("PRAGMA busy_timeout=0")  # what comes meanwhile waits for us
    ((busy, *_),) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.execute(f"PRAGMA busy_timeout={waits}")
    return not busy
