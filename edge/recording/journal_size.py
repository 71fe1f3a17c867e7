"""How large the `-wal` of a recording is: while somebody keeps a question open, SQLite cannot begin it anew.

It does so by itself only where it finds a moment in which nobody reads. Questions of several readers that overlap may
leave none. So from a size on the recorder waits for those that have begun, and holds nobody up who reads: as soon as
all is in the file, who begins reads that, and not the `-wal`.
"""

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
WAIT = 0.25  # seconds for the questions that have begun; ours take some milliseconds, and windows wait meanwhile
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
        """Empty it where it is too large; called every ten seconds or so, as it may take `WAIT`.

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
        if emptied(database, WAIT) or self._now() < self._say_at:
            return
        self._say_at = self._now() + SAY_EVERY
        logger.warning(
            "%s has %d MB and grows with every window, until the disk is full: a program keeps a question to the "
            "recording open for more than %s s. `fuser -v %s` lists who has it open; end what is no part of edge, and "
            "let it read a copy",
            self._path,
            size // 1_000_000,
            WAIT,
            self._path,
        )


def emptied(database: sqlite3.Connection, seconds: float = 0.0) -> bool:
    """Bring all of the `-wal` into the file, if nobody reads it; whether that was done.

    Args:
        database: Outside of a transaction.
        seconds: How long it may wait for those who read; nobody can write meanwhile.

    Raises:
        sqlite3.Error: To be explained.
    """
    waits = database.execute("PRAGMA busy_timeout").fetchone()[0]
    database.execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")  # what comes meanwhile waits for us
    ((busy, *_),) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.execute(f"PRAGMA busy_timeout={waits}")
    return not busy
