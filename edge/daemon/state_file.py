"""A small file beside the outbox that has to survive a restart and a power cut: JSON, replaced as a whole."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.errors import EdgeError
from edge.files.bounded_read import open_regular, read_opened
from edge.files.fresh_names import fresh_name, remove_abandoned
from edge.files.open_folder import sync_folder
from edge.files.ownership import why_not_believed

MAX_BYTES = 4096
AS_DAEMON = "run this as root, or as the user of the daemon"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a file that anybody may have written can raise."""


def foreign(path: Path) -> str:
    """Who else has put a file beside the outbox, and can take it away, in words; empty: nobody."""
    with contextlib.suppress(OSError):
        return why_not_believed(path, path.lstat()) or ""
    return ""


class StateFile:
    """One file.

    Args:
        path: Its name; its folder is made when missing.
        what: What stands in it, for messages.
        mode: Who may read it, whatever the umask.
    """

    of_anybody = False
    """Whether it counts whoever has written it."""

    def __init__(self, path: Path, what: str, mode: int) -> None:
        self.path = path
        self._what = what
        self._mode = mode

    def read(self) -> dict[str, Any]:
        """The content. Raises one of UNREADABLE, also where it is somebody else's whom nobody has let write here."""
        descriptor = open_regular(self.path)
        try:
            if not self.of_anybody:
                self._check(os.fstat(descriptor))
                self._check(self.path.lstat())  # a link
        except OSError:
            os.close(descriptor)
            raise
        content: dict[str, Any] = json.loads(read_opened(descriptor, MAX_BYTES))
        return content

    @property
    def foreign(self) -> str:
        """Who else has put it there, and can take it away, in words; empty: nobody."""
        return foreign(self.path)

    def _check(self, status: os.stat_result) -> None:
        if problem := why_not_believed(self.path, status):
            raise OSError(errno.EPERM, problem)

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the content; it is on the disk when this returns. Raises EdgeError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = fresh_name(self.path)  # two people may pause in the same moment
            try:
                with fresh.open("x", encoding="utf-8") as file:
                    os.fchmod(file.fileno(), self._mode)
                    json.dump(content, file)
                    file.flush()
                    os.fsync(file.fileno())
                fresh.replace(self.path)
            finally:
                with contextlib.suppress(OSError):
                    fresh.unlink(missing_ok=True)
            sync_folder(self.path.parent)
        except OSError as error:
            raise EdgeError(f"{self._what} cannot be stored in {self.path} ({error.strerror})") from None
        with contextlib.suppress(OSError):
            remove_abandoned(self.path)

    def is_there(self) -> bool:
        """Whether there is a file, readable or not. Raises EdgeError: nobody can say, which is not a no."""
        try:
            os.lstat(self.path)
        except FileNotFoundError:
            return False
        except OSError as error:
            problem = f"nobody can say whether there is a file {self.path} ({error.strerror})"
            raise EdgeError(problem, AS_DAEMON if isinstance(error, PermissionError) else "") from None
        return True

    def clear(self) -> None:
        """Remove the file. Raises EdgeError: it is still there, or nobody can say."""
        if not self.is_there():
            return  # also on a disk that takes nothing
        try:
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)
        except OSError as error:
            raise EdgeError(f"{self.path} cannot be removed ({error.strerror})") from None
