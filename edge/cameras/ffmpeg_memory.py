"""How much memory FFmpeg may take for one thing: what comes from a network says itself how large it is."""

from __future__ import annotations

import contextlib
import ctypes
import re
from pathlib import Path

MOST = 128 * 1024 * 1024  # bytes of one allocation: a picture, or one part of a stream
MAX_PIXELS = 25_000_000  # of a frame: 5760 x 4320


def limit_allocations() -> None:
    """Have FFmpeg refuse to allocate more than MOST bytes at once; its error is then an ordinary one.

    PyAV has no name for av_max_alloc (libavutil/mem.h), so it is called in the library that is loaded. Where
    that cannot be found, the limits on pixels are all there is.
    """
    with contextlib.suppress(OSError, AttributeError):
        for path in sorted(set(re.findall(r"/\S*libavutil[^/\s]*\.so\S*", Path("/proc/self/maps").read_text()))):
            max_alloc = ctypes.CDLL(path).av_max_alloc
            max_alloc.argtypes, max_alloc.restype = [ctypes.c_size_t], None
            max_alloc(MOST)
