from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cameras.jpeg_scans import END, MARKER, MAX_SCANS, SCAN, has_many_scans
from edge.cameras.normalize import read_picture


def encoded(progressive: int = 1) -> bytes:
    picture = np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()


def with_scans(number: int) -> bytes:
    """Its last scan again and again, empty: a decoder goes through the whole picture for each."""
    picture = encoded()
    last = picture.rfind(SCAN)
    header = picture[last : last + 2 + int.from_bytes(picture[last + 2 : last + 4], "big")]
    return picture.removesuffix(END) + (number - scans(picture)) * (header + b"\0\0") + END


def scans(picture: bytes) -> int:
    return sum(found[0] == SCAN for found in MARKER.finditer(picture))


@pytest.mark.parametrize("more", [0, 1, 1000])
def test_a_file_with_too_many_is_not_decoded(tmp_path: Path, more: int) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(with_scans(MAX_SCANS + more))
    assert (read_picture(file) is None) == bool(more)


def test_what_stands_before_or_behind_the_picture_is_none_of_it() -> None:
    """A preview within, and a film behind it, as phones put it there."""
    preview = 100 * SCAN
    segment = b"\xff\xe1" + (2 + len(preview)).to_bytes(2, "big") + preview
    for picture in (encoded(0), encoded()):
        whole = picture[:2] + segment + picture[2:] + 1000 * SCAN
        assert scans(whole) > MAX_SCANS
        assert not has_many_scans(whole)


@pytest.mark.parametrize(
    "cut", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xda\xff", SCAN]
)
def test_a_file_that_ends_early_has_few(cut: bytes) -> None:
    assert not has_many_scans(cut)
