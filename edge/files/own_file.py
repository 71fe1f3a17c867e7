"""Read a file that was found and that nobody named: it may be there for us to find, so only our own counts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edge.errors import ConfigError
from edge.files.bounded_read import open_regular, read_opened


def read_own_file(path: Path, limit: int) -> bytes:
    """The content of a file that is ours, root's, or that of who has root do it.

    Whose it is is asked of what was opened, and that is read: a moment later the name may mean another file. A link is
    followed if it is ours, too.

    Args:
        path: Its name.
        limit: Most bytes it may have.

    Raises:
        ConfigError: It belongs to another user, or everybody may write it.
        OSError: As `read_file`.
    """
    place = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(place)
        link = stat.S_ISLNK(status.st_mode)
        if link:
            _check_owner(path, status)
        descriptor = open_regular(path.parent / os.readlink("", dir_fd=place) if link else path, follow=link)
    finally:
        os.close(place)
    try:
        status = os.fstat(descriptor)
        _check_owner(path, status)
        if status.st_mode & stat.S_IWOTH:
            raise _refused(path, f"everybody may write {path.absolute()}")
    except ConfigError:
        os.close(descriptor)
        raise
    return read_opened(descriptor, limit)


def _check_owner(path: Path, status: os.stat_result) -> None:
    if str(status.st_uid) not in {"0", str(os.geteuid()), os.environ.get("SUDO_UID")}:
        raise _refused(path, f"{path.absolute()} belongs to another user (uid {status.st_uid})")


def _refused(path: Path, problem: str) -> ConfigError:
    return ConfigError(problem, f"if that is meant, name it: --config {path}")
