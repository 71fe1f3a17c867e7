"""A lock between commands that change one file; nobody but those who may change it can take it.

A lock needs no right to write: whoever can open a folder, or a file, for reading can hold it as long as they like. So
what is locked is a file that only its owner can open.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from edge.errors import BusyError, ConfigError
from edge.files.presence import is_folder
from edge.files.private_file import NotPrivateError, open_private

WAIT_SECONDS = 10.0
LOOK_AGAIN = 0.02


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have a file to oneself, by the empty file `.NAME.lock` beside it; that one stays.

    Args:
        path: The file, which need not be there; a symbolic link is followed.

    Raises:
        BusyError: Another command has it for too long.
        ConfigError: A person has to change something.
    """
    target = Path(os.path.realpath(path))
    if is_folder(target):
        raise ConfigError(f"{path} is a folder", "name a file")
    lock = target.with_name(f".{target.name}.lock")
    try:
        descriptor = open_private(lock)
    except NotPrivateError:
        raise ConfigError(f"{lock} belongs to somebody else, or others may open it", "remove that file") from None
    except OSError as error:
        reason = error.strerror or str(error)
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        remedy = "make its folder first" if missing else "start it as the user who may write there"
        raise ConfigError(f"{path} cannot be written ({reason})", remedy) from None
    try:
        try:
            alone = lock_within(descriptor, WAIT_SECONDS)
        except OSError as error:
            raise ConfigError(f"{path} cannot be locked ({error.strerror})", "keep it on a local disk") from None
        if not alone:
            raise BusyError(f"another command has been changing {path} for {WAIT_SECONDS:.0f} s", "end it")
        yield
    finally:
        os.close(descriptor)


def lock_within(descriptor: int, seconds: float) -> bool:
    """Lock an open file until it is closed; False: another process has it for longer.

    Raises OSError: the disk has no locks.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_AGAIN)
        else:
            return True
