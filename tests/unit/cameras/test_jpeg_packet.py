"""JPEGs with something around them, without an end, and cut short."""

from __future__ import annotations

import re
import tracemalloc

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cameras.jpeg_packet import decode_jpeg, has_end, jpeg_in
from tests.support.faulty_camera import GOOD, SMALL, jpeg, lying, many_scans, picture

PROGRESSIVE = cv2.imencode(".jpg", picture(150), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
RESTARTS = jpeg(picture(150), restart=8)
SEGMENT = b"\xff\xe2" + (2 + len(thumbnail := jpeg(picture(90, SMALL)))).to_bytes(2, "big") + thumbnail
WITH_THUMBNAIL = GOOD[:2] + SEGMENT + GOOD[2:]
KINDS = {
    "plain": GOOD,
    "progressive": PROGRESSIVE,
    "restart markers": RESTARTS,
    "a thumbnail within": WITH_THUMBNAIL,
    "a mark": lying(1, GOOD),
}


def is_close(image: NDArray[np.uint8]) -> bool:
    """Whether it is the picture that all of them show."""
    return bool(np.abs(image.astype(int) - picture(150)).mean() < 12)


KIND = pytest.mark.parametrize("whole", KINDS.values(), ids=KINDS.keys())


@KIND
@pytest.mark.parametrize("before", [b"", b"\r\n", b"\0"])
@pytest.mark.parametrize("behind", [b"", bytes(37), b"\x12\x34\x56\x78", b"\r\nfw 1.2\r\n", b" "])
@pytest.mark.parametrize("end", [True, False])
def test_what_stands_around_a_picture_does_not_matter(whole: bytes, before: bytes, behind: bytes, end: bool) -> None:  # noqa: FBT001
    found = decode_jpeg(jpeg_in(before + (whole if end else whole[:-2]) + behind))
    assert found is not None
    assert is_close(found)


def test_of_how_many_scans_a_picture_may_be_made() -> None:
    assert decode_jpeg(jpeg_in(many_scans(20))) is not None
    assert jpeg_in(many_scans(100)) == b""


def test_that_there_are_too_many_scans_costs_no_memory() -> None:
    packet = b"\xff\xd8" + b"\xff\xda" * 1_000_000
    tracemalloc.start()
    try:
        assert jpeg_in(packet) == b""
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("second", [b"\xff\xd9", GOOD, GOOD[: len(GOOD) // 2]])
def test_only_the_first_of_two_pictures_counts(second: bytes) -> None:
    assert decode_jpeg(jpeg(picture(90)) + second) is not None
    found = decode_jpeg(GOOD + second)
    assert found is not None
    assert is_close(found)


@KIND
@pytest.mark.parametrize("behind", [b"", b"\r\n", b"\xff"])
def test_a_picture_that_is_cut_short_is_none(whole: bytes, behind: bytes) -> None:
    scan = whole.rfind(b"\xff\xda") if whole is not PROGRESSIVE else whole.find(b"\xff\xda")
    for left in (0.0, 0.1, 0.5, 0.9):
        found = decode_jpeg(whole[: scan + int(left * (len(whole) - scan))] + behind)
        assert found is None or (whole is PROGRESSIVE and is_close(found))  # what is missing there is detail


def test_a_picture_that_is_cut_at_a_restart_marker_is_none() -> None:
    scan = RESTARTS.rfind(b"\xff\xda")
    markers = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", RESTARTS[scan:])]
    assert len(markers) > 9
    for position in (*markers[:9], *markers[-3:]):
        for behind in (b"", b"\xff", b"\r\n", RESTARTS[scan + position :][:2]):
            assert decode_jpeg(RESTARTS[: scan + position] + behind) is None, (position, behind)


def test_an_end_is_that_of_the_picture_and_not_of_the_thumbnail_in_it() -> None:
    assert has_end(WITH_THUMBNAIL)
    assert not has_end(WITH_THUMBNAIL[:-2])
    assert not has_end(b"")


def test_where_nothing_begins_there_is_no_picture() -> None:
    for data in (b"", bytes(5000), GOOD[2:40]):
        assert jpeg_in(data) == b""
    assert decode_jpeg(b"") is None
    assert decode_jpeg(GOOD[:30]) is None
