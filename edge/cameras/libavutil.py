"""FFmpeg's libavutil, for what neither PyAV nor OpenCV offers of it."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path


def loaded() -> list[ctypes.CDLL]:
    """Each one that this process has loaded: PyAV and OpenCV bring their own; none where it has another name."""
    try:
        maps = Path("/proc/self/maps").read_text()
        return [ctypes.CDLL(path) for path in sorted(set(re.findall(r"/\S*libavutil[^/\s]*\.so\S*", maps)))]
    except OSError:
        return []
