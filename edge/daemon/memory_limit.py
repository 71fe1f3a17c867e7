"""The last line against a hostile camera or film: how much memory the daemon may take at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cameras import factory
from edge.hardware.process_memory import limit_memory

if TYPE_CHECKING:
    from edge.cameras.camera import Camera
    from edge.config.schema import Config

MORE = 1024**3  # bytes of data, as the service's MemoryMax; with the sample the whole daemon has 232 MB


def open_camera_within_limits(source: str, config: Config) -> Camera:
    """As factory.open_camera. From the first compressed video on, the process takes MORE at most beside what it has.

    An allocation beyond it fails: an error of that camera, or the end of the daemon, which systemd starts again. Not
    for other sources: drivers and GStreamer may reserve much that they never use.
    """
    if factory.is_compressed(source):
        limit_memory(MORE)
    return factory.open_camera(source, config)
