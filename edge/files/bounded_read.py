"""Read a file that somebody named: a regular one, of bounded size; nothing that blocks or never ends."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_file(path: Path, limit: int) -> bytes:
    """The content of a file.

    Args:
        path: Its name.
        limit: Most bytes it may have.

    Raises:
        OSError: No such file, no permission, not a regular file, or too large; `strerror` says which.
    """
    try:
        # Opening a FIFO would wait for a writer; without blocking it is seen for what it is.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise OSError(errno.EINVAL, "not a file name") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if status.st_size > limit:
            raise OSError(errno.EFBIG, f"over {limit:,} bytes")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)
