"""Of how many units a packet of video may be made, however they are told apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge.cameras.coded_units import MAX_PARTS, MAX_UNITS, has_too_many_parts, has_too_many_units

UNIT = b"\x41\x9a\x21\x6c\x41\xcf\xfe"  # a slice, seven bytes
START_CODES: list[bytes] = [b"\0\0\x01", b"\0\0\0\x01"]


def with_lengths(size: int) -> Callable[[int], bytes]:
    """Packets of so many units, each behind a length of that size."""
    return lambda count: count * (len(UNIT).to_bytes(size, "big") + UNIT)


def with_start_codes(code: bytes) -> Callable[[int], bytes]:
    return lambda count: count * (code + UNIT)


def obus(count: int) -> bytes:
    """A temporal unit of AV1: its delimiter, and frames of 300 bytes, whose length takes two."""
    return b"\x12\0" + (count - 1) * (b"\x32\xac\x02" + bytes(300))


@pytest.mark.parametrize("codec", ["h264", "hevc", "vvc"])
@pytest.mark.parametrize("packet", [*map(with_start_codes, START_CODES), *map(with_lengths, (1, 2, 3, 4))])
def test_nal_units_are_counted(packet: Callable[[int], bytes], codec: str) -> None:
    assert not has_too_many_units(packet(MAX_UNITS), codec)
    assert has_too_many_units(packet(MAX_UNITS + 1), codec)


@pytest.mark.parametrize("codec", ["mpeg1video", "mpeg2video"])
def test_slices_of_mpeg_2_are_counted(codec: str) -> None:
    packet = with_start_codes(b"\0\0\x01")
    assert not has_too_many_units(packet(MAX_UNITS), codec)
    assert has_too_many_units(packet(MAX_UNITS + 1), codec)


@pytest.mark.parametrize("codec", ["libdav1d", "libaom-av1", "av1"])
def test_obus_are_counted(codec: str) -> None:
    assert not has_too_many_units(obus(MAX_UNITS), codec)
    assert has_too_many_units(obus(MAX_UNITS + 1), codec)


def test_a_stream_that_mixes_both_ways_is_counted_too() -> None:
    """FFmpeg looks for start codes within a unit that has a length."""
    assert has_too_many_units(with_start_codes(b"\0\0\x01")(MAX_UNITS + 1) + with_lengths(4)(3), "h264")
    within = with_start_codes(b"\0\0\x01")(MAX_UNITS + 1)
    assert has_too_many_units(len(within).to_bytes(4, "big") + within, "h264")


def test_what_is_in_a_large_unit_does_not_count() -> None:
    """The picture of a good camera: any bytes, but never a start code."""
    content = np.random.default_rng(1).bytes(2_000_000).replace(b"\0\0", b"\0\1")
    for large in (content, content[:100_000], content[:200]):
        assert not has_too_many_units(len(large).to_bytes(4, "big") + large, "h264")
        assert not has_too_many_units(b"\0\0\0\x01" + large, "hevc")


@pytest.mark.parametrize("codec", ["h264", "libdav1d"])
@pytest.mark.parametrize("data", [b"", b"\0", bytes(5000), b"\xff" * 5000, b"\x02", b"\x06", b"\x32\x80\x80"])
def test_what_is_no_picture_has_no_units(codec: str, data: bytes) -> None:
    assert not has_too_many_units(data, codec)


def test_the_parts_of_a_png_are_counted_but_not_those_of_its_picture() -> None:
    begin, text, data = b"\x89PNG\r\n\x1a\n", b"\0\0\0\1tEXt....", b"\0\0\0\2IDAT......"
    text += b"."
    assert not has_too_many_parts(begin + MAX_PARTS * text + 5 * MAX_PARTS * data)
    assert has_too_many_parts(begin + (MAX_PARTS + 1) * text)
    assert has_too_many_parts(begin + data + (MAX_PARTS + 1) * text)
    for cut in (b"", begin, begin + text[:6], begin + b"\xff" * 20):
        assert not has_too_many_parts(cut)
