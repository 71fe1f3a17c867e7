"""What people at the device have done about a pause since the last look at its files."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.daemon.pause_store import PauseStore, resumed_path
from edge.files.ownership import why_not_believed

if TYPE_CHECKING:
    from pathlib import Path

    from edge.daemon.pause_store import Pause


@dataclass(frozen=True)
class Seen:
    """Which folder was looked into, and which file told there that somebody has resumed; None: there was none."""

    name: str
    folder: tuple[int, int] | None
    resumed: tuple[int, int] | None


@dataclass(frozen=True)
class Found:
    """What a look has found.

    Attributes:
        pause: What the pause's file says; None: there is none.
        same_folder: The look before was into this folder, and not into that of another disk.
        resumed: Somebody has resumed since then. Of another disk nobody knows for how long it has said so.
    """

    pause: Pause | None
    same_folder: bool
    resumed: bool


class PauseLooks:
    """Looks at the file of a pause, and at what becomes of it when somebody resumes, whatever stands in that.

    Args:
        path: The name of the pause's file.
        seen: By the last look, also at another file.
    """

    def __init__(self, path: Path, seen: Seen | None) -> None:
        self.seen = seen
        """By the last look that was clear."""
        self._store = PauseStore(path)
        self._resumed = resumed_path(path)

    def look(self) -> Found:
        """What is there now. Raises EdgeError: nobody can say whether there is a pause."""
        before = self._see()  # first: whoever resumes from now on is found by the next look, if not by this one
        pause = self._store.load()
        last, self.seen = self.seen, before
        now = self._see()
        if last is None or now.folder is None or (now.name, now.folder) != (last.name, last.folder):
            return Found(pause, same_folder=False, resumed=False)
        return Found(pause, same_folder=True, resumed=now.resumed not in (None, last.resumed))

    def clear_resumed(self) -> None:
        """Nobody's name stays there; what is left, as the disk does not let it go, has been seen."""
        with contextlib.suppress(OSError):
            self._resumed.unlink()

    def _see(self) -> Seen:
        folder = resumed = None
        with contextlib.suppress(OSError):
            found = self._resumed.parent.stat()
            folder = (found.st_dev, found.st_ino)
            found = self._resumed.lstat()
            if not why_not_believed(self._resumed, found):
                resumed = (found.st_ino, found.st_ctime_ns)
        return Seen(self._resumed.name, folder, resumed)
