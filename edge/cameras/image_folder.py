"""A folder or a glob of picture files, one after the other; none is skipped."""

from __future__ import annotations

import glob
import logging
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cameras.normalize import read_picture
from edge.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm"}


def picture_files(pattern: str) -> list[Path]:
    """The picture files of a folder or a glob, by name. Raises OSError: nobody may look there."""
    folder = Path(pattern)
    try:
        listed = stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        listed = False
    names = folder.iterdir() if listed else map(Path, glob.glob(pattern))  # noqa: PTH207 - absolute too
    return sorted(name for name in names if name.suffix.lower() in SUFFIXES)


class ImageFolderCamera:
    """Picture files in the order of their names.

    Args:
        pattern: A folder, or a glob such as `clips/*.png`.
        loop: Start again at the end.
    """

    every_frame = True

    def __init__(self, pattern: str, *, loop: bool) -> None:
        self.name = pattern
        self._loop = loop
        self._files: list[Path] = []
        self._pictures: Iterator[NDArray[np.uint8]] = iter(())

    def start(self) -> None:
        """List the files. Raises CameraError when there is none."""
        try:
            self._files = picture_files(self.name)
        except OSError as error:
            what = f"pictures {self.name} cannot be read ({error.strerror})"
            raise CameraError(what, "check camera.source: images:PATH") from None
        if not self._files:
            raise CameraError(f"no pictures in {self.name}", f"allowed: {', '.join(sorted(SUFFIXES))}")
        self._pictures = self._read_all()

    def read(self) -> NDArray[np.uint8] | None:
        """The next picture, None at the end; see Camera."""
        return next(self._pictures, None)

    def stop(self) -> None:
        """Forget the files."""
        self._pictures = iter(())

    def _read_all(self) -> Iterator[NDArray[np.uint8]]:
        while True:
            readable = 0
            for file in self._files:
                image = _decoded(file)
                if image is None:
                    logger.warning("picture %r cannot be decoded; skipped", str(file))
                    continue
                readable += 1
                yield image
            if not readable:
                raise CameraError(f"none of the {len(self._files)} pictures in {self.name} can be decoded")
            if not self._loop:
                return


def _decoded(file: Path) -> NDArray[np.uint8] | None:
    try:
        return read_picture(file)
    except OSError:
        return None
