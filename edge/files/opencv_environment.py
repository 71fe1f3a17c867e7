"""Settings that OpenCV reads from the environment, once, while it is loaded: a process makes them before that."""

from __future__ import annotations

import os

MAX_PIXELS = 8192 * 8192  # of a picture file: one whose header lies must not take gigabytes of memory

SETTINGS = {
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS),
    # What goes wrong is said once, in our words: the library's own lines on stderr would bury it.
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_FFMPEG_THREADS": "2",  # of a decoder: each keeps pictures of its own
}


def set_opencv_environment() -> None:
    """Bound the size of pictures and silence OpenCV; to be called where a process starts, before cv2 is imported.

    What a user has set is kept.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
