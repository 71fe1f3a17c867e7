"""What people at the device want, remembered on disk: it has to survive a restart. What is unclear means paused."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from edge.contract.causes import SOMEBODY
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.daemon.state_file import UNREADABLE, StateFile
from edge.errors import EdgeError
from edge.files.open_folder import sync_folder
from edge.text import printable
from edge.timing.schedule import AHEAD, Schedule

LONGEST = timedelta(days=AHEAD + 2)  # of a pause, as far as the schedule looks
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNKNOWN = "1970-01-01T00:00:00.000Z"
"""Since when, of a pause whose file cannot be read."""


@dataclass(frozen=True)
class Pause:
    """Who paused, in words, and since when (RFC 3339, UTC)."""

    by: str
    since: str


@dataclass(frozen=True)
class PresumedPause(Pause):
    """Of a daemon that cannot find out whether there is a pause. It is never written: nobody has paused."""


@dataclass(frozen=True)
class Override:
    """Who ended a scheduled pause early, in words; from when until when that holds (RFC 3339, UTC)."""

    by: str
    since: str
    until: str

    def holds(self, schedule: Schedule, now: datetime) -> bool:
        """Whether the pause of this moment is the one that was ended: also when it was ended, it was in force.

        So it holds neither for a pause that the schedule got since then, nor for one of another day, where the clock
        was wrong when somebody ended it.
        """
        earlier, later = sorted((parse_timestamp(self.since), now))
        if later - earlier > LONGEST or format_timestamp(now) >= self.until:
            return False
        end = schedule.until(earlier)
        return end is not None and later < end


def somebody(path: Path) -> str:
    """Who paused where this file cannot be read, in words."""
    return f"{SOMEBODY} ({path} cannot be read)"


def resumed_path(pause: Path) -> Path:
    """What the file of a pause is called once somebody has resumed."""
    return pause.with_suffix(".resumed")


class _File(StateFile):
    def __init__(self, path: Path) -> None:
        super().__init__(path, "the pause", mode=0o644)  # the daemon is another user than who pauses

    def _read(self) -> dict[str, str]:
        return {str(key): str(value)[:200] for key, value in self.read().items()}


class PauseStore(_File):
    """A file that says that a person keeps the daemon paused.

    Where it is there, or cannot be read, a daemon that starts is paused. Where it is not, a pause in force goes on: the
    disk may have been replaced or unmounted. A pause ends only by an act, such as `resume`.

    Args:
        path: Its name; its folder is made when missing.
    """

    def load(self) -> Pause | None:
        """The pause in force, None if there is none. A file that cannot be read is a pause by nobody we know.

        Raises:
            EdgeError: Nobody can say whether there is a file: its folder cannot be read.
        """
        try:
            content = self._read()
            if not re.fullmatch(STAMP, content["since"]):
                raise ValueError(content["since"])
            # Shown to everybody, on terminals too: anybody may have written the file.
            return Pause(printable(content["by"], 200), content["since"])
        except FileNotFoundError:
            return None
        except UNREADABLE:  # also since there are no file descriptors left, which is no pause
            return Pause(somebody(self.path), UNKNOWN) if self.is_there() else None

    def store(self, pause: Pause) -> None:
        """Remember a pause; it is on the disk when this returns.

        Raises:
            EdgeError: The disk would not take it.
        """
        self.write(asdict(pause))

    def resume(self) -> None:
        """Tell the daemon that a person ends this pause: the file gets another name, whatever stands in it.

        A name takes no room: a full disk lets it be changed.

        Raises:
            EdgeError: The disk would not take it: the pause goes on.
        """
        try:
            if self.path.is_dir() and not self.path.is_symlink():  # as container tools make them
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self.path.replace(resumed_path(self.path))
            sync_folder(self.path.parent)
        except OSError as error:
            raise EdgeError(f"{self.path} cannot be removed ({error.strerror})") from None


class OverrideStore(_File):
    """A file beside the one of the pause: a person at the device has ended the scheduled pause of today.

    Args:
        pause: The name of the pause's file.
    """

    def __init__(self, pause: Path) -> None:
        super().__init__(pause.with_suffix(".resume"))

    def load(self) -> Override | None:
        """What it says, None if it is not there or cannot be read."""
        try:
            content = self._read()
            parse_timestamp(content["since"])
            return Override(content["by"], content["since"], content["until"])
        except UNREADABLE:
            return None

    def store(self, override: Override) -> None:
        """Remember it. Raises EdgeError: the disk would not take it."""
        self.write(asdict(override))


class ClosedStore(_File):
    """A file beside the one of the pause: the daemon has obeyed it, and nothing holds the camera open any longer.

    Args:
        pause: The name of the pause's file.
    """

    def __init__(self, pause: Path) -> None:
        super().__init__(pause.with_suffix(".closed"))
        self._pause = pause

    def confirms(self, pause: Pause) -> bool:
        """Whether it says so of this very pause, or of another's that has taken its place in the same moment."""
        try:
            since = self._read()["since"]
            return since == pause.since or since == (PauseStore(self._pause).load() or pause).since
        except (*UNREADABLE, EdgeError):
            return False

    def store(self, pause: Pause) -> None:
        """Say so. Raises EdgeError: the disk would not take it."""
        self.write({"since": pause.since})
