"""The memory of a process that opens a camera: kept out of swap, and no more than a hostile camera or film may take."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from edge.cameras import factory
from edge.config.camera_source import live
from edge.hardware.private_memory import REMEDY, lock_memory, swap_problem
from edge.hardware.process_memory import limit_memory

if TYPE_CHECKING:
    from edge.cameras.camera import Camera
    from edge.config.schema import Config

logger = logging.getLogger(__name__)

MORE = 1024**3  # bytes of data, as the service's MemoryMax; with the sample the whole daemon has 232 MB


def open_camera_within_limits(source: str, config: Config) -> Camera:
    """As factory.open_camera, with memory that is locked where that is allowed, and limited.

    From the first compressed video on, the process takes MORE at most beside what it has.
    An allocation beyond it fails: an error of that camera, or the end of the daemon, which systemd starts again. Not
    for other sources: drivers and GStreamer may reserve much that they never use.
    """
    lock_memory()
    if factory.is_compressed(source):
        limit_memory(MORE)
    return factory.open_camera(source, config)


def open_camera_of_daemon(source: str, config: Config) -> Camera:
    """As open_camera_within_limits; the log says, once, where pictures of people may get into swap all the same."""
    if live(source) and (problem := swap_problem()):
        _warn(problem)
    return open_camera_within_limits(source, config)


@functools.cache
def _warn(problem: str) -> None:
    logger.warning("%s: %s", problem, REMEDY)
