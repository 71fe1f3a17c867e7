"""A daemon that counts the emotions in a room and publishes numbers only, over MQTT."""

import os

__version__ = "0.1.0"

# OpenCV reads these once, when it is loaded, which is always after this. What goes wrong is said once, in our words:
# the library's own lines on stderr would bury it. And a picture whose header lies must not make it take gigabytes.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(8192 * 8192))
