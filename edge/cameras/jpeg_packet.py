"""Pictures of Motion JPEG as cameras send them: with other bytes around them, or without the marker of their end."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from edge.cameras.jpeg_scans import END, MAX_SCANS, SCAN, START
from edge.cameras.normalize import decode_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESTART = re.compile(rb"\xff([\xd0-\xd7])")  # RST0 to RST7, in turn, between parts of a scan that stand by themselves
SCANS = re.compile(SCAN)  # finds them several times faster than bytes.count
FILLER = 64 * b"\x55"  # a decoder passes over it behind a whole scan, and takes it for what is missing of another


def jpeg_in(packet: bytes) -> bytes:
    """A packet from the beginning of its picture on; empty: none begins there, or it has too many scans to be decoded.

    What follows the picture disturbs no decoder.
    """
    start = packet.find(START)
    scans = sum(1 for _ in islice(SCANS.finditer(packet), MAX_SCANS + 1))  # one more tells enough: a list has no bound
    return packet[start:] if start >= 0 and scans <= MAX_SCANS else b""


def has_end(data: bytes) -> bool:
    """Whether the marker of the end follows the last scan of a JPEG; within a scan there is none."""
    return data.rfind(END) > data.rfind(SCAN)


def decode_jpeg(data: bytes) -> NDArray[np.uint8] | None:
    """A JPEG as (height, width, 3) uint8 BGR, upright; None: it cannot be decoded, or a part of it is missing.

    Some cameras never send the marker of the end. Whether a picture without one is whole shows in what follows it: the
    decoder fills what is missing with that.
    """
    if has_end(data):
        return decode_picture(data)
    data = data.rstrip(END[:1])  # half of a marker
    picture, filled = decode_picture(data + END), decode_picture(data + _filling(data) + END)
    return picture if picture is not None and filled is not None and np.array_equal(picture, filled) else None


def _filling(data: bytes) -> bytes:
    """What a decoder takes for a missing end of a part of the last scan, and for the next part, if there is one.

    Where a scan ends with a whole part, the decoder looks for the marker of the next one alone, whatever else follows.
    """
    found = RESTART.findall(data, max(data.rfind(SCAN), 0))
    following = (found[-1][0] + 1) % 8 if found else 0  # RST0 is 0xd0, a multiple of 8
    return FILLER + bytes((0xFF, 0xD0 + following)) + FILLER
