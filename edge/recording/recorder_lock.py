"""One file has one recorder: two would take each other's place at the broker for ever, as both have its client id."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from edge.errors import BusyError, ConfigError
from edge.files.lock_file import lock_within
from edge.files.private_file import open_private
from edge.text import printable

WAIT_SECONDS = 2.0  # for a recorder that is just ending, as where a service is started anew
LONGEST = 100  # bytes of who has it

logger = logging.getLogger(__name__)


class RecorderLock:
    """A lock on the file NAME-lock beside a recording, which says who holds it.

    The kernel takes it from a process that ends, in whatever way; the file stays. A disk that takes no such file, or
    no locks, is no reason to record nothing.

    Args:
        recording: The file; a symbolic link is followed.
        owner: Who records, in words: a command.
        seconds: How long another process is waited for.
    """

    def __init__(self, recording: Path, owner: str, seconds: float = WAIT_SECONDS) -> None:
        self._recording = recording
        self._owner = owner
        self._seconds = seconds
        self._file: int | None = None

    @property
    def was_taken(self) -> bool:
        """Whether anybody has ever had it."""
        return os.path.exists(self._path)  # noqa: PTH110 - where its folder cannot be read, too

    @property
    def _path(self) -> Path:
        return Path(f"{os.path.realpath(self._recording)}-lock")

    def take(self) -> None:
        """Have it from now on; a second time does nothing.

        Raises:
            BusyError: Another process records into the file.
        """
        if self._file is not None:
            return
        try:
            self._take()
        except OSError as error:
            logger.warning(
                "%s-lock cannot be used (%s): a second recorder of this file would not be noticed",
                self._recording, error.strerror or error,
            )  # fmt: skip

    def take_surely(self) -> None:
        """As `take`. Raises BusyError, and ConfigError where nobody can say whether another process has it."""
        try:
            self._take()
        except OSError as error:
            raise ConfigError(
                f"nobody can say whether {self._recording} is recorded into: {self._path} cannot be used "
                f"({error.strerror or error})",
                "run this as root, or as the user who records; or end the recorder, and remove that file",
            ) from None

    def _take(self) -> None:
        """Have it. Raises BusyError, and OSError: it cannot be told."""
        file = open_private(self._path)
        try:
            alone = lock_within(file, self._seconds)
            other = b"" if alone else os.pread(file, LONGEST, 0)
        except OSError:
            os.close(file)
            raise
        if not alone:
            os.close(file)
            raise self._busy(other)
        self._file = file
        with contextlib.suppress(OSError):  # of a full disk: then nobody learns who it is
            os.ftruncate(file, 0)
            os.write(file, f"{self._owner} (process {os.getpid()})\n".encode())

    def release(self) -> None:
        """Let others have it."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _busy(self, said: bytes) -> BusyError:
        owner = printable(said.decode(errors="replace").strip(), LONGEST) or "another process"
        return BusyError(
            f"{owner} records into {self._recording} already, and a file has one recorder",
            "end that, name another --database, or look at what it records: edge dashboard --show-only --database "
            f"{self._recording}",
        )
