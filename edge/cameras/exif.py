"""How a camera was held, as picture files say it: the EXIF tag Orientation of JPEG, PNG and WebP.

OpenCV 4.11 overlooks it in WebP. The layouts: EXIF 3.0 (CIPA DC-008), PNG 1.5 extension eXIf, WebP container.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from edge.cameras.orientation import Orientation

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIENTATION, SHORT = 0x0112, 3
UPRIGHT = 1
TURNS = {
    1: Orientation(), 2: Orientation(horizontal=True), 3: Orientation(horizontal=True, vertical=True),
    4: Orientation(vertical=True), 5: Orientation(quarter=True, horizontal=True), 6: Orientation(quarter=True),
    7: Orientation(quarter=True, vertical=True), 8: Orientation(quarter=True, horizontal=True, vertical=True),
}  # fmt: skip
"""What makes a picture upright, by the number that EXIF has for how it lies."""
CLOCKWISE = (1, 6, 3, 8)
"""The number of a picture that 0, 1, 2 or 3 quarters clockwise make upright."""


def orientation(data: bytes) -> int:
    """1 to 8, as EXIF numbers it; 1 (upright) where a file says nothing that makes sense.

    Args:
        data: The whole picture file.
    """
    try:
        for exif in _blocks(data):
            return _tag(exif.removeprefix(b"Exif\0\0"))
    except struct.error:  # it ends in the middle
        pass
    return UPRIGHT


def _blocks(data: bytes) -> Iterator[bytes]:
    """The EXIF blocks of a file."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _chunks(data, 8, ">I4s", b"eXIf", checksum=4)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _chunks(data, 12, "<4sI", b"EXIF", checksum=0)
    return iter(())


def _jpeg(data: bytes) -> Iterator[bytes]:
    at = 2
    while data[at : at + 1] == b"\xff":
        marker, length = struct.unpack_from(">xBH", data, at)
        if marker == 0xDA or length < 2:  # the picture itself begins
            return
        if marker == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            yield data[at + 4 : at + 2 + length]
        at += 2 + length


def _chunks(data: bytes, at: int, head: str, wanted: bytes, checksum: int) -> Iterator[bytes]:
    while at + 8 <= len(data):
        first, second = struct.unpack_from(head, data, at)
        name, length = (first, second) if isinstance(first, bytes) else (second, first)
        if name == wanted:
            yield data[at + 8 : at + 8 + length]
        at += 8 + length + checksum + (0 if checksum else length % 2)  # RIFF fills up to even lengths


def _tag(tiff: bytes) -> int:
    """The orientation in a TIFF header with its first directory."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return UPRIGHT
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    (entries,) = struct.unpack_from(order + "H", tiff, directory)
    for entry in range(entries):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, directory + 2 + 12 * entry)
        if tag == ORIENTATION:
            return value if kind == SHORT and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT
