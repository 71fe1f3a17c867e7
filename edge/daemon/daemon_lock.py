"""What a daemon and the commands beside it tell each other by locks: also on a disk that takes nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLOCK = "hhqqi"  # struct flock of fcntl(2): type, whence, start, length, process


class Flag(IntEnum):
    """A byte of the file, and what it means that a process holds a lock on it."""

    RUNS = 0
    """A daemon uses these files."""
    UNSTORED = 1
    """A person has paused it, and the disk has not taken that, or not yet: no file is sure to say so."""
    RESUME = 2
    """A person at the device ends that pause."""


def is_held(pause: Path, flag: Flag) -> bool:
    """Whether a daemon holds a flag. Not for the daemon itself: see DaemonLock.

    Args:
        pause: The name of the pause's file.
        flag: Which.
    """
    lock = DaemonLock(pause)
    try:
        return lock.is_held(flag)
    finally:
        lock.close()


class DaemonLock:
    """An empty file beside the outbox. A process that ends, in whatever way, takes its locks with it.

    Who may read the file can hold a flag: the daemon's own user and root, who may also remove the pause's file. Have
    one object for a file at a time in a process: closing one ends the locks of all.

    Args:
        pause: The name of the pause's file.
    """

    def __init__(self, pause: Path) -> None:
        self._path = pause.with_suffix(".lock")
        self._file: int | None = None
        self._flags: set[Flag] = set()  # to be held, as soon as there is a file

    def make(self) -> None:
        """Make the file where there is none, and hold in it what was to be held without one.

        Where it cannot be made, commands do not see this daemon: to be called again, as the disk may take it later.
        """
        if self._file is None:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._opened(create=True)

    def set_flag(self, flag: Flag, *, held: bool) -> None:
        """Hold a flag, or let go of it."""
        if held:
            self._flags.add(flag)
        else:
            self._flags.discard(flag)
        if (file := self._opened()) is not None:
            _lock(file, flag, held=held)

    @contextlib.contextmanager
    def holding(self, flag: Flag) -> Iterator[None]:
        """Hold a flag for a while."""
        self.set_flag(flag, held=True)
        try:
            yield
        finally:
            self.set_flag(flag, held=False)

    def is_held(self, flag: Flag) -> bool:
        """Whether another process holds a flag; this only asks, and takes no lock that could be in its way."""
        if (file := self._opened()) is None:
            return False
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, flag, 1, 0)
        try:
            found: int = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))[0]
        except OSError:
            return False
        return found != fcntl.F_UNLCK

    def close(self) -> None:
        """Let go of all flags."""
        file, self._file = self._file, None
        self._flags.clear()
        if file is not None:
            os.close(file)

    def _opened(self, *, create: bool = False) -> int | None:
        if self._file is None:
            # For reading, which a read-only disk allows as well. A link or a FIFO is not ours.
            how = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            with contextlib.suppress(OSError):
                self._file = os.open(self._path, how | (os.O_CREAT if create else 0), 0o600)
                for flag in self._flags:
                    _lock(self._file, flag, held=True)
        return self._file


def _lock(file: int, flag: Flag, *, held: bool) -> None:
    with contextlib.suppress(OSError):  # of a file system without locks, where SQLite would not work either
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB if held else fcntl.LOCK_UN, 1, flag)
