"""How many units one packet of video has: for each, however short, a decoder may take as long as for a whole picture.

FFmpeg looks at no time within a packet, and nothing can end it there.
"""

from __future__ import annotations

import re
import struct
from itertools import islice

MAX_UNITS = 640
"""Units of a packet, which is one picture.

No level of H.265 allows more than 600 slice segments in a picture (MaxSliceSegmentsPerPicture of its Annex A, level
6.2); H.264 and MPEG-2 have no such number. Encoders make one slice, one for each of their threads, or one a row of
macroblocks (135 at 2160 rows). Some cut a picture into slices that fit into a packet of the network: 640 of them are
900 KB. What else belongs to a picture (parameter sets, messages) are some ten units.
"""
MAX_PARTS = 1000  # of a PNG; cameras and programs write some ten
NAL_CODECS = frozenset({"h264", "hevc", "vvc", "mpeg1video", "mpeg2video"})  # FFmpeg's names of decoders
AV1_DECODERS = frozenset({"av1", "libdav1d", "libaom-av1"})
UNIT_CODECS = NAL_CODECS | AV1_DECODERS
START_CODE = re.compile(rb"\0\0\x01")  # stands before a NAL unit, and never within one
LENGTH_SIZES = (1, 2, 3, 4)  # bytes of the length before a NAL unit, where no start code is
LEB128 = re.compile(rb"[\x80-\xff]{0,7}[\0-\x7f]")  # a number of AV1: seven bits a byte, the lowest first
HAS_EXTENSION, HAS_SIZE = 0x04, 0x02  # bits of an OBU's first byte


def has_too_many_units(packet: bytes, codec: str) -> bool:
    """Whether a packet has more NAL units (H.264, H.265, H.266), slices (MPEG-2) or OBUs (AV1) than MAX_UNITS.

    Args:
        packet: As a demuxer gives it, with the whole of a picture.
        codec: The decoder's name in FFmpeg, one of UNIT_CODECS.
    """
    if codec in AV1_DECODERS:
        return _obus(packet) > MAX_UNITS
    if sum(1 for _ in islice(START_CODE.finditer(packet), MAX_UNITS + 1)) > MAX_UNITS:
        return True
    # A stream may change between start codes and lengths of any size with each packet, and FFmpeg goes along. Read as
    # what they are not, real packets end after a few steps: their first byte is 0, and lengths of 2 bytes and more are
    # soon larger than what follows.
    return any(_nal_units(packet, size) > MAX_UNITS for size in LENGTH_SIZES)


def has_too_many_parts(png: bytes) -> bool:
    """Whether a PNG has more texts and other chunks than MAX_PARTS, beside those with the picture itself.

    FFmpeg looks for each text among all that came before it.
    """
    at, count = len(b"\x89PNG\r\n\x1a\n"), 0
    while count <= MAX_PARTS and at + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        count += kind != b"IDAT"
        at += 12 + length
    return count > MAX_PARTS


def _nal_units(packet: bytes, size: int) -> int:
    """How many follow each other, each behind its length of so many bytes; one more than MAX_UNITS is enough."""
    at = count = 0
    while count <= MAX_UNITS and at + size < len(packet):
        length = int.from_bytes(packet[at : at + size], "big")
        at += size + length
        if not length or at > len(packet):
            break  # FFmpeg then takes nothing of the packet
        count += 1
    return count


def _obus(packet: bytes) -> int:
    """How many OBUs follow each other (section 5.3 of the AV1 specification); one more than MAX_UNITS is enough."""
    at = count = 0
    while count <= MAX_UNITS and at < len(packet):
        count += 1
        head = packet[at]
        found = LEB128.match(packet, at + 1 + bool(head & HAS_EXTENSION))
        if not head & HAS_SIZE or not found:
            break  # the last one: it has all that follows
        at = found.end() + sum((byte & 0x7F) << 7 * place for place, byte in enumerate(found[0]))
    return count
