"""Which states of a recording its `-wal` belongs to: SQLite takes any that lies there for the file's, and ruins both.

A backup that is put in place of a recording whose recorder was killed finds that one's `-wal` beside it. So the file
has a mark, which changes at every start, hour and end, and a small file beside it (`-mark`) says which marks the file
may have without its `-wal`. A copy has the mark of when it was made. One that `VACUUM INTO` made is in no WAL mode,
which tells it at once.

A copy of the folder has both, and they agree. But a recorder that is stopped leaves no `-wal`, and whoever writes into
such a file, or goes on when that is stopped, adds a mark before anything comes into a `-wal`. So a closed mark alone
beside a `-wal` is a copy's. That the file beside has another inode than when it was written would tell more, but vfat,
exFAT and network mounts number their files anew, as after a power cut.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from edge.errors import ConfigError, EdgeError
from edge.files.bounded_read import read_file
from edge.files.database import connect
from edge.files.left_journal import has_journal, journal_of
from edge.files.plain_tables import strange_part
from edge.files.replace_file import staged_file
from edge.recording.daily_rollups import TRIGGERS
from edge.recording.journal_size import emptied

KEY = "mark"  # in `about`
OPEN, CLOSED = "open", "closed"
PATTERN = f"[0-9a-f]{{32}}-({OPEN}|{CLOSED})"
NONE = "none"  # in place of the mark of a file that an older version has recorded into
EVERY = 3600.0  # seconds
MOST_BYTES = 100_000  # of the file beside it: a line for each mark
MAGIC = b"SQLite format 3\0"
MODE, WAL_MODE = 18, b"\2"  # byte of the header, of every file with a `-wal`: https://www.sqlite.org/fileformat2.html


class JournalMark:
    """Changes the mark of a recording that is open.

    Args:
        path: The recording.
        now: Monotonic seconds.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._now = now
        self._due: float | None = None

    def start(self) -> None:
        """The recording was opened; its mark is changed by the first look."""
        self._due = None

    def look(self, database: sqlite3.Connection) -> None:
        """Change it where it is time; called now and then.

        Args:
            database: Outside of a transaction.

        Raises:
            sqlite3.Error: To be explained.
        """
        if self._due is None or self._now() >= self._due:
            self._due = self._now() + EVERY
            self._change(database, OPEN)

    def stop(self, database: sqlite3.Connection) -> None:
        """The recording is to be closed, after nothing went wrong. Raises sqlite3.Error."""
        if self._due is not None:
            self._change(database, CLOSED)

    def _change(self, database: sqlite3.Connection, state: str) -> None:
        """Change it so that the file beside it names the one that is found, whenever a kill or a power cut comes."""
        mark = _new(state)
        with contextlib.suppress(EdgeError):  # the file beside it cannot be written: the former mark stays
            with transaction(database):
                # Of a version that knows no marks, there is no file beside it; what has them may have come without it.
                former = _allowed(self._path) or [_mark(database), _mark_alone(self._path) or NONE]
                _write(self._path, both := [*former, mark])
                database.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (KEY, mark))
            if not emptied(database):
                return  # somebody reads: the former ones may be found as well
            if state == CLOSED:
                _sync_journal(self._path)
            with transaction(database):
                # Else another recorder has changed it, or whoever deletes something goes on after we have ended.
                if _mark(database) == mark and _allowed(self._path) == both:
                    _write(self._path, [mark])


class WriterMark:
    """Says, beside a file that was closed, that something may be in its `-wal` again; each writer has its own.

    Args:
        path: The recording.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = _new(OPEN)

    def note(self) -> None:
        """Do so: within a `transaction`, as other programs change the marks as well, and before anything is written."""
        allowed = _allowed(self._path)
        if self._mark in allowed or not any(mark.endswith(CLOSED) for mark in allowed):
            return
        try:
            _write(self._path, [*allowed, self._mark])
        except EdgeError:  # as on a full disk: to know nothing is better than to refuse the file after a kill
            with contextlib.suppress(OSError):
                _beside(self._path).unlink(missing_ok=True)

    def take_back(self, database: sqlite3.Connection) -> None:
        """Nothing of this writer is in the `-wal` any more, if nobody reads it. Raises sqlite3.Error."""
        if self._mark in _allowed(self._path) and emptied(database):
            _sync_journal(self._path)
            with contextlib.suppress(EdgeError), transaction(database):
                if self._mark in (allowed := _allowed(self._path)):
                    _write(self._path, [mark for mark in allowed if mark != self._mark])


def check_journal(path: Path, header: bytes = b"", *, writes: bool) -> None:
    """See whether the `-wal` beside a recording is its own, before SQLite opens it.

    Args:
        path: The recording. One that is missing, empty or something else is left to whoever opens it.
        header: As `read_header`, of who may call it; empty: it is not looked at.
        writes: Whether it is opened to be changed: then marks of another file, as where a backup was put back without
            a `-wal`, are forgotten.

    Raises:
        ConfigError: It is another file's.
    """
    foreign = (writes or has_journal(path)) and _has_another_mark(path)
    in_wal_mode = header[MODE : MODE + 1] == WAL_MODE or not header.startswith(MAGIC)
    if (has_journal(path) and (foreign or not in_wal_mode)) or _was_closed_before_journal(path):
        journal, mark = journal_of(path), _beside(path)
        told, together = "", ""
        if in_wal_mode:
            told = f", as far as {mark} tells"
            together = (
                "if the two came here together, as from another machine, or an older version of edge or another "
                f"program was the last to write the file, remove {mark}; "
            )
        raise ConfigError(
            f"{journal} belongs to the file that was here before, not to this {path}{told}; nothing was changed",
            f"if {path} is a backup that was put back, move {journal} to another folder: it has the last windows of "
            f"the former file, and can be read only beside that one; {together}else put the former file back",
        )
    if foreign and writes:
        with contextlib.suppress(OSError):
            _beside(path).unlink(missing_ok=True)


def read_header(path: Path) -> bytes:
    """The first bytes of a file, none where it cannot be read: whoever opens it says why.

    To close a descriptor ends all locks of this process on the file: not where it may have connections to it.
    """
    try:
        with path.open("rb") as file:
            return file.read(MODE + 1)
    except OSError:
        return b""


def was_open(database: sqlite3.Connection) -> bool:
    """Whether a recording was not closed by its recorder, or was copied before that. Raises sqlite3.Error."""
    return _mark(database).endswith(OPEN)


def _has_another_mark(path: Path) -> bool:
    allowed = _allowed(path)
    while allowed:
        found = _mark_alone(path)
        if found is None or found in allowed:
            return False
        again = _allowed(path)
        if again == allowed:
            return True
        allowed = again  # a recorder is changing it
    return False


def _was_closed_before_journal(path: Path) -> bool:
    """Whether something is in the `-wal` of a file that was closed, and into which nobody has written since."""
    allowed = _allowed(path)
    if len(allowed) != 1 or not allowed[0].endswith(CLOSED):
        return False
    return has_journal(path) and _allowed(path) == allowed  # else a recorder has begun just now


def _mark(database: sqlite3.Connection) -> str:
    found = database.execute("SELECT substr(value, 1, 100) FROM about WHERE key = ?", (KEY,)).fetchone()
    return str(found[0]) if found else NONE


def _mark_alone(path: Path) -> str | None:
    """The mark of the file without its `-wal`; None: that cannot be read, as in the middle of a checkpoint."""
    address = f"file:{quote(os.path.realpath(path))}?mode=ro&immutable=1"
    try:
        with contextlib.closing(connect(address, uri=True, timeout=0)) as database:
            return None if strange_part(database, ("about",), TRIGGERS) else _mark(database)
    except sqlite3.Error:
        return None


def _new(state: str) -> str:
    return f"{secrets.token_hex(16)}-{state}"


def _beside(path: Path) -> Path:
    return Path(f"{os.path.realpath(path)}-mark")


def _allowed(path: Path) -> list[str]:
    """The marks that the file may have without its `-wal`; []: nobody knows."""
    try:
        lines = read_file(_beside(path), MOST_BYTES).decode("ascii").splitlines()
    except (OSError, ValueError):
        return []
    return lines if all(line == NONE or re.fullmatch(PATTERN, line) for line in lines) else []


def _write(path: Path, marks: Sequence[str]) -> None:
    """Raises EdgeError."""
    content = "".join(f"{mark}\n" for mark in marks).encode()
    with staged_file(_beside(path), content, 0o600, private=True) as staged:  # a recorder's also where root deletes
        staged.put()


def _sync_journal(path: Path) -> None:
    """A `-wal` is empty on the disk before a mark says so: else what was in it may be back after a power cut."""
    with contextlib.suppress(OSError):  # it is missing
        descriptor = os.open(journal_of(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """One that writes; undone where something is raised. Raises sqlite3.Error."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    finally:
        database.rollback()  # after COMMIT there is nothing to undo
