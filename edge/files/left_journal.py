"""A `-wal` that was left where its database was moved or deleted: SQLite would delete what is only in there."""

from __future__ import annotations

import glob
import os
import time
from pathlib import Path

LEFT = ".left-"  # and a number
HEADER = 32  # bytes of a `-wal`; without more, nothing is in it


def journal_of(path: Path) -> Path:
    """The name of the `-wal` of a database, as SQLite has it: beside the file that links lead to."""
    return Path(f"{os.path.realpath(path)}-wal")


def has_journal(path: Path) -> bool:
    """Whether something is in the `-wal` of a database."""
    return _size(journal_of(path)) > HEADER


def set_left_journal_aside(path: Path) -> Path | None:
    """Give a `-wal` whose database is missing or empty another name, before SQLite opens the database.

    Args:
        path: The database.

    Returns:
        Its new name; None: there is no such `-wal`, and nothing was done.

    Raises:
        OSError: It cannot be renamed.
    """
    if not has_journal(path) or _size(path) > 0:  # in this order: another program may begin the database just now
        return None
    journal, number = journal_of(path), int(time.time())
    while os.path.lexists(aside := journal.with_name(f"{journal.name}{LEFT}{number}")):
        number += 1
    return journal.rename(aside)


def left_journals(path: Path) -> list[Path]:
    """Those that were set aside beside a database, in order of their names."""
    journal = journal_of(path)
    return sorted(journal.parent.glob(f"{glob.escape(journal.name + LEFT)}*"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
