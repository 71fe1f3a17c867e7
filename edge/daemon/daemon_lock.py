"""What a daemon and the commands beside it tell each other by locks: also on a disk that takes nothing."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import struct
import time
import zlib
from enum import IntEnum
from typing import TYPE_CHECKING

from edge.daemon.state_file import AS_DAEMON, foreign
from edge.errors import EdgeError
from edge.files.ownership import why_not_believed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FLOCK = "hhqqi"  # struct flock of fcntl(2): type, whence, start, length, process
# For reading, which a read-only disk allows as well. A FIFO would wait for a writer, but for O_NONBLOCK.
READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
LOOK_AGAIN = 0.05  # seconds
OPEN = stat.S_IRGRP | stat.S_IROTH  # of a folder: others could hold locks on it
CONFIGURATIONS = 1 << 40  # the first byte of those that stand for a configuration file; the flags lie before it


class Flag(IntEnum):
    """A byte of the file, and what it means that a process holds a lock on it."""

    RUNS = 0
    """A daemon uses these files."""
    UNSTORED = 1
    """A person has paused it, and the disk has not taken that, or not yet: no file is sure to say so."""
    RESUME = 2
    """A person at the device ends that pause."""
    PAUSE = 3
    """A person at the device pauses, and the disk does not take the file that says so."""
    CLOSED = 4
    """The daemon is paused by a person, and nothing holds the camera open any longer."""


def started_with(file: Path) -> int:
    """The byte that a daemon holds that was started with this configuration file, whatever is there by now."""
    folder = str(file.parent)
    with contextlib.suppress(OSError):  # the current folder has been removed
        folder = os.path.realpath(folder)
    return CONFIGURATIONS + zlib.crc32(os.fsencode(f"{folder}/{file.name}"))


def is_held(pause: Path, flag: int) -> bool:
    """Whether a daemon holds a flag. Not for the daemon itself: see DaemonLock.

    Args:
        pause: The name of the pause's file.
        flag: Which, or what `started_with` says.
    """
    lock = DaemonLock(pause)
    try:
        return lock.is_held(flag)
    finally:
        lock.close()


class DaemonLock:
    """An empty file beside the outbox. A process that ends, in whatever way, takes its locks with it.

    Who may read the file can hold a flag: the daemon's own user and root, who may also end a pause that has a file.
    Where a disk does not take the file, its folder bears the locks, if nobody else may read it. Every look finds out
    anew which it is: another disk may have been mounted there, and one that was full may take the file now. The locks
    belong to the open file (F_OFD_SETLK), not to the process, which would lose them whenever it closed the folder.

    Args:
        pause: The name of the pause's file.
    """

    def __init__(self, pause: Path) -> None:
        self._path = pause.with_suffix(".lock")
        self._file: int | None = None  # or the folder
        self._start = 0  # the byte of the first flag: daemons may share a folder
        self._flags: set[int] = set()  # to be held, as soon as there is a file

    def make(self) -> None:
        """Make the file where there is none, and hold in it what is held elsewhere, or was to be held without one.

        Where it cannot be made, and its folder is open to others, commands do not see this daemon: to be called again,
        as the disk may take it later, or be replaced.
        """
        if self._file is None:
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._opened(create=True)

    @property
    def foreign(self) -> str:
        """As of `StateFile`."""
        return foreign(self._path)

    def check(self) -> None:
        """Raises EdgeError: the file is there, but not for this user, who cannot say which flags are held."""
        if os.path.lexists(self._path) and not os.access(self._path, os.R_OK) and self._opened() is None:
            raise EdgeError(f"nobody can say whether the daemon is paused: {self._path} cannot be read", AS_DAEMON)

    def set_flag(self, flag: int, *, held: bool) -> None:
        """Hold a flag, or let go of it."""
        if held:
            self._flags.add(flag)
        else:
            self._flags.discard(flag)
        if (file := self._opened()) is not None:
            self._lock(file, flag, held=held)

    def ask(self, flag: Flag, answered: Callable[[], bool], seconds: float) -> bool:
        """Hold a flag until the daemon has answered; False: it has not done so within these seconds."""
        deadline = time.monotonic() + seconds
        with self.holding(flag):
            while not answered():
                if time.monotonic() > deadline:
                    return False
                time.sleep(LOOK_AGAIN)
        return True

    @contextlib.contextmanager
    def holding(self, flag: Flag) -> Iterator[None]:
        """Hold a flag for a while."""
        self.set_flag(flag, held=True)
        try:
            yield
        finally:
            self.set_flag(flag, held=False)

    def is_held(self, flag: int) -> bool:
        """Whether another process holds a flag; this only asks, and takes no lock that could be in its way."""
        if (file := self._opened()) is None:
            return False
        try:
            found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, self._range(flag, fcntl.F_WRLCK))
        except OSError:
            return False
        return bool(struct.unpack(FLOCK, found)[0] != fcntl.F_UNLCK)

    def close(self) -> None:
        """Let go of all flags."""
        file, self._file = self._file, None
        self._flags.clear()
        if file is not None:
            os.close(file)

    def _opened(self, *, create: bool = False) -> int | None:
        if (file := self._take(self._path, os.O_NOFOLLOW, 0, create=create)) is None:
            file = self._take(self._path.parent, os.O_DIRECTORY, zlib.crc32(self._path.name.encode()) << 3)
        return self._file if file is None else file

    def _take(self, path: Path, how: int, start: int, *, create: bool = False) -> int | None:
        """Open what is there now and move the locks to it; None: it cannot bear them."""
        if self._file is not None and _is_at(path, self._file):
            return self._file
        try:
            file = os.open(path, READ | how | (os.O_CREAT if create else 0), 0o600)
        except OSError:
            return None
        if not _bears_locks(path, os.fstat(file), folder=bool(start)):
            os.close(file)
            return None
        before, self._file, self._start = self._file, file, start
        for flag in self._flags:
            self._lock(file, flag, held=True)
        if before is not None:
            os.close(before)
        return file

    def _lock(self, file: int, flag: int, *, held: bool) -> None:
        with contextlib.suppress(OSError):  # of a file system without locks, where SQLite would not work either
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, self._range(flag, fcntl.F_RDLCK if held else fcntl.F_UNLCK))

    def _range(self, flag: int, kind: int) -> bytes:
        return struct.pack(FLOCK, kind, os.SEEK_SET, self._start + flag, 1, 0)


def _bears_locks(path: Path, status: os.stat_result, *, folder: bool) -> bool:
    """Whether nobody else can hold locks on it: others could keep a daemon from starting, or confirm a pause."""
    if folder:
        return stat.S_ISDIR(status.st_mode) and not status.st_mode & OPEN
    with contextlib.suppress(OSError):
        return stat.S_ISREG(status.st_mode) and not why_not_believed(path, status)
    return False


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except OSError:
        return False
