"""Whose is a file that we write or obey? Where others may write into its folder, somebody can have put it there."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def why_not_ours(path: Path, status: os.stat_result) -> str | None:
    """Who else writes a file, in words; None: it is ours, root's, or of who has root do this by sudo.

    Args:
        path: The file, for the words.
        status: What its descriptor says, or, where that cannot be, its path.
    """
    if str(status.st_uid) not in {"0", str(os.geteuid()), os.environ.get("SUDO_UID")}:
        return f"{path} belongs to another user (uid {status.st_uid})"
    if status.st_mode & stat.S_IWOTH and not stat.S_ISLNK(status.st_mode):  # links have no rights of their own
        return f"everybody may write {path}"
    return None


def why_not_believed(path: Path, status: os.stat_result) -> str | None:
    """The same of what lies beside an outbox, where everybody may write into its folder; None: it is obeyed.

    Into any other folder nobody writes but those whom its owner lets: other users of a household, of a container.

    Raises:
        OSError: The folder is not there, or nobody can say.
    """
    return why_not_ours(path, status) if path.parent.stat().st_mode & stat.S_IWOTH else None


def why_not_kept(folder: Path) -> str | None:
    """What others can do to what is kept in a folder, in words; None: nothing.

    Raises:
        OSError: The folder is not there, or nobody can say.
    """
    mode = folder.stat().st_mode
    if not mode & stat.S_IWOTH:
        return None
    able = "prepare files there" if mode & stat.S_ISVTX else "end a pause, and remove what is there"
    return f"everybody may write into {folder}: other users can {able}"


def is_shared_with_us(status: os.stat_result) -> bool:
    """Whether somebody else's file may be written by us because of our group, and not by everybody.

    So a container finds its files whose user has another number at each start. Root needs no group.
    """
    groups = {os.getegid(), *os.getgroups()}
    may = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return os.geteuid() != 0 and may == stat.S_IWGRP and status.st_gid in groups
