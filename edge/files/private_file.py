"""A small file that only its owner can open, in a folder that others may perhaps write to."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

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
