"""Write a file of results that somebody named: it is whole or as it was, and nothing but a plain file is replaced."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from edge.files.open_folder import open_folder


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to be written; with the end of the context it takes the place of what is there.

    Others may write into its folder as well: a link of theirs would have us overwrite what it leads to, and at a pipe
    we would wait for ever.

    Args:
        path: Its name. Of a plain file that is there the mode stays.

    Raises:
        OSError: It cannot be written, or something else than a plain file is there; `strerror` says which.
    """
    with open_folder(path.parent) as folder, whole_file_in(folder, path.name or ".") as file:
        yield file


@contextlib.contextmanager
def whole_file_in(folder: int, name: str) -> Iterator[BinaryIO]:
    """The same for a name in a folder that is open, as its descriptor. Raises as `whole_file`."""
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = os.lstat(name, dir_fd=folder).st_mode
        _check_plain(mode)
    temporary = f".{name}.new"  # readers of a folder of Parquet leave out what begins with a dot
    _remove(temporary, folder)  # of a run that was ended; O_EXCL follows no link
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    ours = os.fstat(descriptor)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                with contextlib.suppress(OSError):  # somebody else's
                    os.fchmod(descriptor, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(descriptor)
            if not _is_same(temporary, folder, ours):  # what has this name now is another's, perhaps half of it
                raise OSError(errno.EBUSY, "another command has begun to write it")
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        if _is_same(temporary, folder, ours):
            _remove(temporary, folder)


@contextlib.contextmanager
def whole_csv(path: Path) -> Iterator[TextIO]:
    """The same for text in UTF-8 that ends its lines itself, as the csv module does. Raises as `whole_file`."""
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()  # which writes out what it holds, and closes nothing


def write_whole(path: Path, content: str | bytes) -> None:
    """Write all of a file at once, text in UTF-8. Raises as `whole_file`."""
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def _is_same(name: str, folder: int, file: os.stat_result) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.lstat(name, dir_fd=folder), file)
    return False


def _remove(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _check_plain(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, "a link is there: name the file itself")
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file")
