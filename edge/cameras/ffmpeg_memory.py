"""How much memory FFmpeg may take: what comes from a network says itself how large it is."""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator

from edge.cameras import libavutil

MOST = 128 * 1024 * 1024  # bytes of one allocation: a picture, or one part of a stream
MOST_WHILE_OPENING = 8 * 1024 * 1024  # the same before anybody could look at what it is; one plane of 8 megapixels
MAX_PIXELS = 25_000_000  # of a frame: 5760 x 4320
MAX_FRAME_BYTES = 32_000_000  # of one that others refer to: H.264 and H.265 keep up to 16, and a decoder some more
THREADS = 2  # of a decoder; each keeps pictures of its own


def limit_allocations(most: int = MOST) -> None:
    """Have FFmpeg refuse to allocate more than `most` bytes at once; its error is then an ordinary one.

    Where its function for that cannot be found, the limits on pixels are all there is.
    """
    for set_limit in _max_alloc():
        set_limit(most)


@contextlib.contextmanager
def while_opening() -> Iterator[None]:
    """A stream is opened: FFmpeg decodes up to 20 frames by itself, and keeps them, before it tells their size.

    Frames that do not fit then are no error: they are decoded again once they are known, and asked for.
    """
    limit_allocations(MOST_WHILE_OPENING)
    try:
        yield
    finally:
        limit_allocations()


@functools.cache
def _max_alloc() -> list[Callable[[int], None]]:
    """av_max_alloc (libavutil/mem.h), which neither PyAV nor OpenCV offers, of each libavutil that is loaded."""
    found: list[Callable[[int], None]] = []
    with contextlib.suppress(AttributeError):
        for library in libavutil.loaded():
            max_alloc = library.av_max_alloc
            max_alloc.argtypes, max_alloc.restype = [ctypes.c_size_t], None
            found.append(max_alloc)
    return found
