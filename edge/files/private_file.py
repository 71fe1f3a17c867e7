"""Files that only their owner can open, in folders that others may perhaps enter or write to."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

BESIDE_DATABASE = ("", "-wal", "-shm", "-journal")  # SQLite gives those that it makes the rights of the database
FLAGS = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotPrivateError(OSError):
    """It belongs to somebody else, or others may open it."""


def open_private(path: Path, *, make: bool = True) -> int:
    """A descriptor of the file, to read and to append to; of one that root makes it is the folder's owner who gets it.

    Args:
        path: Its name, which may not be that of a link.
        make: Whether one that is missing is made.

    Raises:
        NotPrivateError: It is not the own one, or that of the folder's owner, alone.
        OSError: It cannot be opened.
    """
    descriptor = _open(path, make=make)
    found = os.fstat(descriptor)
    private = stat.S_ISREG(found.st_mode) and not found.st_mode & 0o077
    if private and found.st_uid in (os.geteuid(), path.parent.stat().st_uid):
        return descriptor
    os.close(descriptor)
    raise NotPrivateError(errno.EPERM, "it belongs to somebody else, or others may open it")


def _open(path: Path, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            if os.geteuid() == 0:
                folder = path.parent.stat()
                os.fchown(descriptor, folder.st_uid, folder.st_gid)
            return descriptor
    return os.open(path, FLAGS)


def make_private_database(path: Path) -> None:
    """Make the file of a database that is missing, before SQLite does, which would let others read it.

    A lock needs no right to write, so whoever may read a database can also keep its owner from opening it.

    Args:
        path: Its name; a link is followed. What is there already is left as it is.
    """
    with contextlib.suppress(OSError):  # it is there; or SQLite, which comes next, says why it cannot be made
        os.close(os.open(os.path.realpath(path), FLAGS | os.O_CREAT | os.O_EXCL, 0o600))


def close_to_others(path: Path) -> None:
    """Take the rights of others away from a database, and from what SQLite has beside it, where they are our own.

    By their names: to close a descriptor of one would end the locks that this process has on it.

    Args:
        path: The database; a link is followed.
    """
    for end in BESIDE_DATABASE:
        file = Path(f"{os.path.realpath(path)}{end}")
        with contextlib.suppress(OSError):  # it is not there, somebody else's, or on a disk that takes nothing
            mode = file.lstat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                file.chmod(stat.S_IMODE(mode) & ~0o077)
