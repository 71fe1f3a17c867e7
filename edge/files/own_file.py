"""Read a file that was found and that nobody named: it may be there for us to find, so only our own counts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge.errors import ConfigError
from edge.files.bounded_read import open_regular, read_opened
from edge.files.ownership import why_not_ours


def read_own_file(path: Path, limit: int, option: str = "--config") -> bytes:
    """The content of a file that is ours, root's, or that of who has root do it.

    Whose it is is asked of what was opened, and that is read: a moment later the name may mean another file. A link is
    followed if it is ours, too.

    Args:
        path: Its name.
        limit: Most bytes it may have.
        option: With which it can be named.

    Raises:
        ConfigError: It belongs to another user, or everybody may write it.
        OSError: As `read_file`.
    """
    place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(place)
        link = stat.S_ISLNK(status.st_mode)
        if link:
            _check(path, status, option)
        descriptor = open_regular(path.parent / os.readlink("", dir_fd=place) if link else path, follow=link)
    finally:
        os.close(place)
    try:
        _check(path, os.fstat(descriptor), option)
    except ConfigError:
        os.close(descriptor)
        raise
    return read_opened(descriptor, limit)


def _check(path: Path, status: os.stat_result, option: str) -> None:
    if problem := why_not_ours(path.absolute(), status):
        raise ConfigError(problem, f"if that is meant, name it: {option} {path}")
