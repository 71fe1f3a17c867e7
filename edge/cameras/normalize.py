"""Make any picture a camera may hand over into what the rest of the daemon expects, or nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.cameras.exif import TURNS, orientation
from edge.cameras.jpeg_scans import has_many_scans
from edge.files.bounded_read import read_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAX_SIDE = 8192  # a wrong header must not make us allocate gigabytes
MAX_FILE_BYTES = 100_000_000
# How JPEG, PNG, BMP, WebP, TIFF and PNM begin. OpenCV goes by that, not by the name; of other kinds that it knows
# (JPEG 2000, Radiance HDR), a file of a kilobyte may take a gigabyte.
KNOWN = re.compile(rb"\xff\xd8\xff|\x89PNG|BM|RIFF....WEBP|II[*+]\0|MM\0[*+]|P[1-6]\s", re.DOTALL)
# Eight bits from the first: of sixteen, one of the largest size would take a gigabyte.
AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def read_picture(path: Path) -> NDArray[np.uint8] | None:
    """A picture file as (height, width, 3) uint8 BGR, upright; None when it is none that can be decoded.

    Raises:
        OSError: It cannot be read.
    """
    # Not cv2.imread: it crashes on names that are not UTF-8.
    data = read_file(path, MAX_FILE_BYTES)
    return None if has_many_scans(data) else decode_picture(data)


def decode_picture(data: bytes) -> NDArray[np.uint8] | None:
    """What is in a picture file, (height, width, 3) uint8 BGR, upright; None when it cannot be decoded."""
    try:
        image = to_bgr(cv2.imdecode(np.frombuffer(data, np.uint8), AS_STORED)) if KNOWN.match(data) else None
    except cv2.error:  # also where it says that it is huge: edge/files/opencv_environment.py
        return None
    return None if image is None else TURNS[orientation(data)].apply(image)


def to_bgr(image: NDArray[Any] | None) -> NDArray[np.uint8] | None:
    """An 8-bit colour picture, without a copy where it is one already.

    Args:
        image: (height, width), (height, width, 1), 3 (BGR) or 4 (BGRA), uint8 or uint16.

    Returns:
        (height, width, 3) uint8 BGR; None when there is nothing usable in it (empty, huge, another
        type or number of channels).
    """
    if image is None or image.ndim not in (2, 3) or not image.size or max(image.shape[:2]) > MAX_SIDE:
        return None
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        return None
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels == 3:
        return image
    if channels == 1:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    if channels == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR), np.uint8)
    return None
