"""How many scans a JPEG has: each costs a decoder time as the whole picture, however short it is (ITU-T T.81)."""

from __future__ import annotations

import re

MAX_SCANS = 64  # encoders make ten of a picture
START, SCAN, END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"  # SOI, SOS and EOI
# None of the bytes behind a 0xff within a scan: 0x00, another 0xff, and RST0 to RST7.
MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")


def has_many_scans(picture: bytes) -> bool:
    """Whether a picture file is a JPEG with more than MAX_SCANS, up to its end: a phone may put a film behind it."""
    if not picture.startswith(START):
        return False
    at, scans = len(START), 0
    while scans <= MAX_SCANS and (found := MARKER.search(picture, at)) and found[0] != END:
        scans += found[0] == SCAN
        # What a segment holds is no marker, as the scans of a preview in it.
        at = found.end() + int.from_bytes(picture[found.end() : found.end() + 2], "big")
    return scans > MAX_SCANS
