"""What people at the device want, remembered on disk: it has to survive a restart. What is unclear means paused."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from edge.contract.timestamps import format_timestamp
from edge.errors import EdgeError
from edge.files.bounded_read import read_file
from edge.text import printable

MAX_BYTES = 4096
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Pause:
    """Who paused, in words, and since when (RFC 3339, UTC)."""

    by: str
    since: str


@dataclass(frozen=True)
class Override:
    """Who ended a scheduled pause early, in words; from when until when that holds (RFC 3339, UTC)."""

    by: str
    since: str
    until: str

    def holds(self, now: datetime) -> bool:
        """Whether the scheduled pause of this moment is the one that was ended."""
        return self.since <= format_timestamp(now) < self.until


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path

    def _read(self) -> dict[str, str]:
        content = json.loads(read_file(self._path, MAX_BYTES))
        return {str(key): str(value)[:200] for key, value in content.items()}

    def _write(self, content: dict[str, str]) -> None:
        """Replace the content; it is on the disk when this returns. Raises EdgeError."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with fresh.open("w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o644)  # the daemon is another user than who pauses, whatever their umask
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            self._sync_folder()
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise EdgeError(f"the pause cannot be stored in {self._path} ({error.strerror})") from None

    def clear(self) -> None:
        """Remove the file. Raises EdgeError: it is still there."""
        if not os.path.lexists(self._path):
            return  # also on a disk that takes nothing
        try:
            self._path.unlink(missing_ok=True)
            self._sync_folder()
        except OSError as error:
            raise EdgeError(f"{self._path} cannot be removed ({error.strerror})") from None

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class PauseStore(_File):
    """A file that is there while a person keeps the daemon paused.

    Args:
        path: Its name; its folder is made when missing.
    """

    def load(self) -> Pause | None:
        """The pause in force, None if there is none. A file that cannot be read is a pause by nobody we know."""
        try:
            content = self._read()
            if not re.fullmatch(STAMP, content["since"]):
                raise ValueError(content["since"])
            # Shown to everybody, on terminals too: anybody may have written the file.
            return Pause(printable(content["by"], 200), content["since"])
        except FileNotFoundError:
            return None
        except UNREADABLE:
            return Pause(f"somebody ({self._path} cannot be read)", "1970-01-01T00:00:00.000Z")

    def store(self, pause: Pause) -> None:
        """Remember a pause; it is on the disk when this returns.

        Raises:
            EdgeError: The disk would not take it.
        """
        self._write(asdict(pause))

    def is_gone(self) -> bool:
        """Whether somebody has removed the file; a folder that is gone as well says nothing about what they want."""
        return not os.path.lexists(self._path) and self._path.parent.is_dir()


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
            return Override(content["by"], content["since"], content["until"])
        except UNREADABLE:
            return None

    def store(self, override: Override) -> None:
        """Remember it. Raises EdgeError: the disk would not take it."""
        self._write(asdict(override))


class ClosedStore(_File):
    """A file beside the one of the pause: the daemon has obeyed it, and nothing holds the camera open any longer.

    Args:
        pause: The name of the pause's file.
    """

    def __init__(self, pause: Path) -> None:
        super().__init__(pause.with_suffix(".closed"))

    def confirms(self, pause: Pause) -> bool:
        """Whether it says so of this very pause."""
        try:
            return self._read()["since"] == pause.since
        except UNREADABLE:
            return False

    def store(self, pause: Pause) -> None:
        """Say so. Raises EdgeError: the disk would not take it."""
        self._write({"since": pause.since})
