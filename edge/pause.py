"""The pause, remembered on disk: it has to survive a restart, and whatever is unclear about it means paused."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.errors import EdgeError
from edge.files import read_file

MAX_BYTES = 4096


@dataclass(frozen=True)
class Pause:
    """Who paused, in words, and since when (RFC 3339, UTC)."""

    by: str
    since: str


class PauseFile:
    """A file that is there while the daemon is paused.

    Args:
        path: Its name; its folder is made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Pause | None:
        """The pause in force, None if there is none. A file that cannot be read is a pause by nobody we know."""
        try:
            content = json.loads(read_file(self._path, MAX_BYTES))
            return Pause(str(content["by"])[:200], str(content["since"])[:40])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return Pause(f"somebody ({self._path} cannot be read)", "1970-01-01T00:00:00.000Z")

    def store(self, pause: Pause) -> None:
        """Remember a pause; it is on the disk when this returns.

        Raises:
            EdgeError: The disk would not take it.
        """
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(asdict(pause), file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            self._sync_folder()
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise EdgeError(f"the pause cannot be stored in {self._path} ({error.strerror})") from None

    def clear(self) -> None:
        """Forget the pause.

        Raises:
            EdgeError: The file cannot be removed: the next start would be paused again.
        """
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
