"""Read a file that somebody named: a regular one, of bounded size; nothing that blocks or never ends."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

PIECE = 2**20  # bytes; Python takes memory for all that is asked for, and the daemon's C library fills what it takes
MAX_TLS_FILE = 4_000_000  # bytes; all authorities that an operating system trusts are 0.3 MB


def open_regular(path: Path | str, *, folder: int | None = None, follow: bool = True) -> int:
    """A descriptor of a file, to be read and closed.

    Args:
        path: Its name.
        folder: Descriptor of the folder that the name is in; None: it says so itself.
        follow: Whether the name may be that of a link.

    Raises:
        OSError: No such file, no permission, or not a regular file; `strerror` says which.
    """
    # Opening a FIFO would wait for a writer; without blocking it is seen for what it is.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags, dir_fd=folder)
    except ValueError:
        raise OSError(errno.EINVAL, "not a file name") from None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file")


def read_file(path: Path, limit: int) -> bytes:
    """The content of a file.

    Args:
        path: Its name.
        limit: Most bytes it may have.

    Raises:
        OSError: As `open_regular`, or too large; `strerror` says which.
    """
    return read_opened(open_regular(path), limit)


def read_json(path: Path, limit: int) -> Any:  # noqa: ANN401 - whatever stands in the file
    """What a JSON file says.

    Raises:
        OSError: As `read_file`.
        ValueError, RecursionError: It is none, or has text that no message may have: half of a character.
    """
    content = json.loads(read_file(path, limit))
    json.dumps(content, ensure_ascii=False).encode()
    return content


def read_opened(descriptor: int, limit: int) -> bytes:
    """The content of a file that is open, which is then closed. Raises OSError as `read_file`."""
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise OSError(errno.EFBIG, f"over {limit:,} bytes")
        content = bytearray()
        while piece := file.read(min(PIECE, limit - len(content))):
            content += piece
        return bytes(content)
