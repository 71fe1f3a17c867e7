"""Where windows are kept: which kind of store, reader and eraser an address means."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError
from edge.recording.database import Database
from edge.recording.deletion import Eraser
from edge.recording.postgres.address import PostgresAddress
from edge.recording.reader import Recording
from edge.recording.recorded import Recorded
from edge.recording.recorder_lock import RecorderLock
from edge.recording.reserve import NO_RESERVE, Reserve
from edge.recording.window_eraser import WindowEraser
from edge.recording.window_store import WindowStore

if TYPE_CHECKING:
    from edge.recording.postgres.shared_sessions import SharedSessions

Target = Path | PostgresAddress


def make_store(
    target: Target, prefix: str, progress: Callable[[], None] = lambda: None, reserve: Reserve = NO_RESERVE
) -> WindowStore:
    """The store of a file or a database, not yet opened.

    Args:
        target: Which.
        prefix: The first level of the topics.
        progress: Called while what an older version made is converted, as long as that goes on.
        reserve: What is kept free on the disk of a file.

    Raises:
        ConfigError: psycopg is not installed.
    """
    if isinstance(target, Path):
        return Database(target, prefix, progress, reserve)
    with psycopg_wanted():
        from edge.recording.postgres.store import PostgresStore  # noqa: PLC0415 - as below
    return PostgresStore(target, prefix, progress)


def make_shared_sessions(target: Target, share: str, ids: Sequence[str] = ()) -> SharedSessions:
    """Who knows which recorder of a school has which session of a share.

    Args:
        target: Where that is kept.
        share: The name of the share.
        ids: As of `SharedSessions`.

    Raises:
        ConfigError: It is a file, or psycopg is not installed.
    """
    if isinstance(target, Path):
        raise ConfigError(
            f"{target} is a file, which one recorder writes", "--share needs --database postgresql://user@host/name"
        )
    with psycopg_wanted():
        from edge.recording.postgres.shared_sessions import SharedSessions  # noqa: PLC0415 - as below
    return SharedSessions(target, share, ids)


@contextlib.contextmanager
def nobody_records(target: Target, prefix: str, owner: str) -> Iterator[None]:
    """While something is done that a recorder would suffer from.

    Args:
        target: The file or the database.
        prefix: As of `make_store`.
        owner: What is done, in words: a command.

    Raises:
        BusyError: Somebody records there.
        ConfigError: There is no such recording, or nobody can say whether somebody records there.
        DiskError: As `WindowStore.start`, of a database.
    """
    refuse_missing(target, owner)
    if isinstance(target, Path):
        lock = RecorderLock(target, owner)
        try:
            if lock.was_taken:  # else there is nothing to be put beside the file
                lock.take_surely()
            yield
        finally:
            lock.release()
        return
    with psycopg_wanted():
        from edge.recording.postgres.store import PostgresStore  # noqa: PLC0415 - as below
    store = PostgresStore(target, prefix)
    try:
        store.start()
        store.be_alone()
        yield
    finally:
        store.stop()


def refuse_missing(target: Target, purpose: str) -> None:
    """Make nothing of a name that was mistyped.

    Args:
        target: The file or the database.
        purpose: As of `make_reader`.

    Raises:
        ConfigError: There is no such recording, or not for this user.
        DiskError: As `Recorded.start`, of a database.
    """
    if not isinstance(target, Path):
        reader = make_reader(target, purpose)
        try:
            reader.start()
        finally:
            reader.stop()
    elif not os.path.exists(target):  # noqa: PTH110 - as in `RecorderLock`
        raise ConfigError(
            f"{target} does not exist, or not for this user",
            "name the recording; if it is gone for good, put an empty file in its place, and give its --client-id",
        )


def make_reader(target: Target, purpose: str = "edge report") -> Recorded:
    """Who reads a file or a database, not yet opened.

    Args:
        target: Which.
        purpose: What a database calls the connection.

    Raises:
        ConfigError: psycopg is not installed.
    """
    if isinstance(target, Path):
        return Recording(target)
    with psycopg_wanted():
        from edge.recording.postgres.reader import PostgresRecording  # noqa: PLC0415 - as below
    return PostgresRecording(target, purpose)


def make_eraser(target: Target) -> WindowEraser:
    """Who deletes from a file or a database, not yet opened. Raises as `make_store`."""
    if isinstance(target, Path):
        return Eraser(target)
    with psycopg_wanted():
        from edge.recording.postgres.deletion import PostgresEraser  # noqa: PLC0415 - as below
    return PostgresEraser(target)


@contextlib.contextmanager
def psycopg_wanted() -> Iterator[None]:
    """For an import of what needs psycopg, which is not there where files are recorded. Raises ConfigError."""
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"postgresql:// needs psycopg, which cannot be used here ({error})",
            "pip install 'edge-emotions[district]', into the environment of edge",
        ) from None
