"""The file of a recording: opened and prepared for writing, or refused in words."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edge.errors import ConfigError
from edge.files.database import connect
from edge.files.disk_errors import DiskError, FullError, explain_os
from edge.files.left_journal import has_journal, journal_of, set_left_journal_aside
from edge.files.ownership import is_shared_with_us, why_not_ours
from edge.files.plain_tables import strange_part
from edge.files.presence import is_file, is_there
from edge.recording import about, journal_size
from edge.recording.daily_rollups import TRIGGERS
from edge.recording.journal_mark import WriterMark, check_journal, transaction
from edge.recording.layout import (
    LAYOUT,
    TABLES,
    WITHHELD_IS_NULL,
    ConversionError,
    UnconvertedError,
    add_indexes,
    changed,
    check_header,
    create,
    migrate,
    strange_shape,
)
from edge.recording.location import Location
from edge.recording.lost_journal import lost_journal
from edge.recording.names_in_states import forget_names
from edge.recording.reserve import FOR_DELETING, MB

BUSY_SECONDS = 2.0  # how long another program may hold the file before we say so
INSTRUCTIONS = 100_000  # of SQLite's machine, between two signs of progress: some milliseconds
WORDS_OF_DAMAGE = ("not a database", "malformed", "too big")
WORDS_OF_A_DISK = ("full", "readonly", "I/O")  # of SQLite, about a disk that may work again later

logger = logging.getLogger(__name__)


def open_recording(path: Path, prefix: str, progress: Callable[[], None] = lambda: None) -> sqlite3.Connection:
    """Open a file to write windows into; it is made, with its folder, when missing.

    Args:
        path: The file.
        prefix: The first level of the topics whose devices it holds.
        progress: Called while a file of an older version is converted, as long as that goes on.

    Raises:
        ConfigError: It is another program's or user's, of another prefix, damaged, or not ours to write.
        DiskError: It is locked, or the disk is full, read-only or failing; both may pass.
    """
    if is_there(path) and not is_file(path):
        raise ConfigError(f"{path} is not a file", "--database names a file, which is made when it is missing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _explain_os(error, f"the folder of {path} cannot be made") from None
    came_alone = not has_journal(path)
    try:
        database = _connect(path)
        try:
            # Whatever takes long here: a conversion, or an index that an older version has not made.
            database.set_progress_handler(progress, INSTRUCTIONS)
            _prepare(database, path, prefix, came_alone=came_alone)
            database.set_progress_handler(None, 0)
        except BaseException:
            database.close()
            raise
    except sqlite3.Error as error:
        told = explain(error, path)
        if isinstance(error, UnconvertedError) and isinstance(told, DiskError):
            told = ConversionError(told.problem, told.remedy)
        raise told from None
    return database


def _connect(path: Path) -> sqlite3.Connection:
    """SQLite's connection to a file that is ours, and that it has not locked yet. Raises ConfigError, DiskError."""
    # Made by us, for us: SQLite would let others read it, and gives its -wal and -shm the rights of the file.
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _explain_os(error, f"{path} cannot be opened") from None
    try:
        _check_owner(path, os.fstat(descriptor))
        for beside in (Path(f"{path.resolve()}{end}") for end in ("-wal", "-shm", "-journal")):
            if os.path.lexists(beside):
                _check_owner(beside, beside.lstat())  # by its name: to close a descriptor would end locks on it
        _keep_left_journal(path)
        check_journal(path, os.pread(descriptor, 100, 0), writes=True)
        database = connect(path.absolute(), timeout=BUSY_SECONDS, isolation_level=None)
        if not _is_open_again(descriptor):
            database.close()
            raise DiskError(f"{path} was moved while it was opened", "look who may write into its folder")
    finally:
        os.close(descriptor)
    return database


def _keep_left_journal(path: Path) -> None:
    """Windows may be in a `-wal` alone: after a kill somebody has moved the file without it. Raises as `_connect`."""
    try:
        aside = set_left_journal_aside(path)
    except OSError as error:
        raise _explain_os(error, f"{path}-wal cannot be renamed") from None
    if aside is not None:
        logger.error(
            "%s-wal has windows of a file that is no longer there; it is kept as %s. If the file was renamed or moved, "
            "name this one as it, with -wal at the end, before anything opens that file",
            path,
            aside,
        )


def _check_moved(database: sqlite3.Connection, path: Path) -> None:
    """See whether a recording was moved or copied without its `-wal`. Raises ConfigError while nothing is lost yet."""
    problem, found = lost_journal(database, path), about.known(database, about.LOCATION)
    if not problem or found is None:
        return
    former = Path(Location.of(found).address)
    if has_journal(former) and not former.exists():
        raise ConfigError(
            f"{former} was moved to {path} without its -wal, which has its last windows",
            f"move {former}-wal to {journal_of(path)}; if you do not want them, to another folder",
        )
    logger.warning("%s", problem)


def _check_owner(path: Path, status: os.stat_result) -> None:
    """Raises ConfigError: somebody else reads and changes what is recorded there."""
    reason = why_not_ours(path, status)
    if reason and is_shared_with_us(status):
        logger.warning("%s, so others can read and change what is recorded", reason)
    elif reason:
        raise ConfigError(
            f"{reason}, so others could read and change what is recorded",
            "if it is the right one, record as its owner, or change that (chown, chmod o=)",
        )


def _is_open_again(descriptor: int) -> bool:
    """Whether SQLite has opened the file of our descriptor: somebody may have put another into its place meanwhile."""
    ours = os.fstat(descriptor)
    for other in (int(link.name) for link in Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):  # of another thread, and closed by now
            if other != descriptor and os.path.samestat(os.fstat(other), ours):
                return True
    return False


def _prepare(database: sqlite3.Connection, path: Path, prefix: str, *, came_alone: bool) -> None:
    application = database.execute("PRAGMA application_id").fetchone()[0]
    layout = LAYOUT
    tables = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    if not tables and not application:
        database.execute("PRAGMA auto_vacuum=INCREMENTAL")
    else:
        layout = _check(database, path)
        if came_alone:
            _check_moved(database, path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(f"PRAGMA journal_size_limit={journal_size.KEPT}")  # else it keeps the size that it once had
    database.execute("PRAGMA secure_delete=ON")  # what is deleted is not to be read from the file any more
    with transaction(database):
        WriterMark(path).note()
    found = _make_current(database, path, prefix, layout)
    if found != prefix:
        raise ConfigError(
            f"{path} holds the devices below {found or ''!r}, not below {prefix!r}",
            "give --prefix, or another --database",
        )


def _make_current(database: sqlite3.Connection, path: Path, prefix: str, layout: int) -> str | None:
    """Make the tables, or those of an older version new; the prefix that it holds. Of another, it stays as it is."""
    # Immediate even where there is nothing to create: that a file cannot be written shall be known now.
    database.execute("BEGIN IMMEDIATE")
    try:
        # Looked at again: another recorder may have begun the same file meanwhile.
        if database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
            create(database, prefix)
        found = about.known(database, about.PREFIX)
        if layout < LAYOUT and found == prefix:
            migrate(database, path, layout)
        if found == prefix:
            add_indexes(database)
            forget_names(database)
            if about.known(database, about.IDENTITY) is None:
                about.keep(database, about.IDENTITY, secrets.token_hex(16))
        database.execute("COMMIT")
    except BaseException as error:
        if database.in_transaction:
            database.execute("ROLLBACK")
        if layout < WITHHELD_IS_NULL and isinstance(error, sqlite3.OperationalError):
            raise UnconvertedError(str(error)) from error
        raise
    return found


def _check(database: sqlite3.Connection, path: Path) -> int:
    """The layout of a file that is there. Raises ConfigError, sqlite3.Error: it is not as we make it."""
    layout = check_header(database, path)
    strange = strange_part(database, TABLES, TRIGGERS)
    strange = strange or (strange_shape(database) if layout == LAYOUT else None)
    if strange:
        raise changed(path, strange)
    about.check(database)
    return layout


def explain(error: sqlite3.Error, path: Path) -> ConfigError | DiskError:
    """A DiskError where waiting may help, else a ConfigError, to be raised; the database must be closed."""
    text = str(error)
    if isinstance(error, about.StrangeError):
        return changed(path, text)
    if "locked" in text:
        return DiskError(
            f"{path} is locked by another program", f"end that program: fuser -v {path} {path}-shm lists it"
        )
    if any(word in text for word in WORDS_OF_DAMAGE):
        return ConfigError(f"{path} is no SQLite database, or a damaged one ({text})", "name another file")
    try:
        # SQLite says `unable to open` and `readonly` for a missing right and for a failing disk alike.
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError as reason:
        return _explain_os(reason, f"{path} cannot be opened")
    if any(word in text for word in WORDS_OF_A_DISK):
        return _unwritten(text, path)
    return ConfigError(f"{path} cannot be used ({text})", "name another file")


def _unwritten(text: str, path: Path) -> DiskError:
    problem = f"{path} cannot be written ({text})"
    with contextlib.suppress(OSError):
        # Where there is no room for a -shm, SQLite says `I/O error`.
        if "full" in text or shutil.disk_usage(path.parent).free < FOR_DELETING:
            room = f"{FOR_DELETING // MB} MB of room"
            return FullError(problem, f"make {room} on its disk, which deleting from it takes as well")
    return DiskError(problem, "check the disk")


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors in words, as of `explain`. Raises ConfigError and DiskError."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from None


def rows_of(database: sqlite3.Connection, path: Path, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    """All that a query finds, which must not be much. Raises ConfigError and DiskError.

    As a list, so that nothing is read any more when this returns: while a statement is open, SQLite cannot begin the
    `-wal` anew, and whoever reads takes seconds to work on rows.
    """
    with explained(path):
        return database.execute(query, values).fetchall()


def inode(path: Path) -> tuple[int, int]:
    """Which file a path leads to: the number of its device and its own; (0, 0) where there is none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino


def _explain_os(error: OSError, what: str) -> ConfigError | DiskError:
    if isinstance(explain_os(error, what), DiskError):
        return DiskError(f"{what} ({error.strerror})", "check the disk")
    return ConfigError(f"{what} ({error.strerror})", "check --database and who may write there")
