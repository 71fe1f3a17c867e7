"""Open a folder, to work with the names in it: its own is looked up once, whatever others put into its place then."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def open_folder(path: Path | str, *, folder: int | None = None, follow: bool = True) -> Iterator[int]:
    """A descriptor of a folder, until the end of the context.

    Args:
        path: Its name.
        folder: Descriptor of the folder that the name is in; None: it says so itself.
        follow: Whether the name may be that of a link.

    Raises:
        OSError: No such folder, no permission, or something else is there (`NotADirectoryError`).
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Have the names that are in a folder now survive a power cut. Raises OSError."""
    with open_folder(path) as folder:
        os.fsync(folder)
