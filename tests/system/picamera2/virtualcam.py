"""Lets the real picamera2 drive libcamera's software camera, which lacks what a Raspberry Pi's has.

Loaded by a .pth file where EDGE_VIRTUAL_CAMERA is set, before anything else imports picamera2.
"""

from __future__ import annotations

import importlib
import mmap
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

UNPLUGGED = Path("/run/camera-is-unplugged")  # while this file exists, no frame comes
MEDIA = Path("/dev/media0")  # locked while a camera is in use, as libcamera does with a real one
FPS = 30.0

# A display is of no interest here, but picamera2 imports the library for one.
sys.modules["pykms"] = MagicMock()
libcamera: Any = importlib.import_module("libcamera")
picamera2: Any = importlib.import_module("picamera2.picamera2")
DmaAllocator: Any = importlib.import_module("picamera2.allocators.dmaallocator").DmaAllocator

Camera = libcamera.Camera
_generate, _acquire, _release, _queue = (
    Camera.generate_configuration, Camera.acquire, Camera.release, Camera.queue_request,
)  # fmt: skip
_validate = libcamera.CameraConfiguration.validate
_held: dict[str, int] = {}
_due = [0.0]


def generate_configuration(camera: Any, roles: list[Any]) -> Any:
    """It knows no raw stream, and picamera2 asks for the sensor's modes in any case."""
    plain = libcamera.StreamRole.Viewfinder
    return _generate(camera, [plain if role == libcamera.StreamRole.Raw else role for role in roles])


def validate(configuration: Any) -> Any:
    """It promises to turn pictures and does not; a camera that cannot says so here."""
    status = _validate(configuration)
    configuration.orientation = libcamera.Orientation.Rotate0
    return status


def acquire(camera: Any) -> None:
    """Only one process may have it: here nothing else sees to that."""
    if camera.id in _held:
        _acquire(camera)
        return
    file = os.open(MEDIA, os.O_RDWR | os.O_CREAT)
    try:
        os.lockf(file, os.F_TLOCK, 0)
        _acquire(camera)
    except OSError:
        os.close(file)
        raise RuntimeError("Failed to acquire camera: Device or resource busy") from None
    _held[camera.id] = file


def release(camera: Any) -> None:
    """Let another process have it."""
    _release(camera)
    if camera.id in _held:
        os.close(_held.pop(camera.id))


def queue_request(camera: Any, request: Any) -> None:
    """It answers at once: a real one is paced, and one that was unplugged never answers."""
    if UNPLUGGED.exists():
        return
    time.sleep(max(0.0, _due[0] - time.monotonic()))
    _due[0] = max(_due[0] + 1 / FPS, time.monotonic())
    _queue(camera, request)


class MemoryAllocator(DmaAllocator):  # type: ignore[misc]
    """Buffers out of plain memory, with the two planes that the software camera wants for its NV12."""

    def __init__(self) -> None:
        self.dmaHeap = None
        self.mapped_buffers: dict[Any, mmap.mmap] = {}
        self.mapped_buffers_used: dict[int, bool] = {}
        self.frame_buffers: dict[Any, list[Any]] = {}
        self.open_fds: list[int] = []
        self.libcamera_fds: list[int] = []
        self.sync = self.Sync

    def allocate(self, streams: Any, _use_case: object) -> None:
        """Buffers for every stream."""
        for stream in streams:
            buffers = self.frame_buffers[stream.stream] = []
            for _ in range(stream.buffer_count):
                file = os.memfd_create("frame")
                os.ftruncate(file, stream.frame_size)
                self.open_fds.append(file)
                light = stream.stride * stream.size.height
                planes = [_plane(file, 0, light), _plane(file, light, stream.frame_size - light)]
                buffers.append(libcamera.FrameBuffer(planes))
                number = buffers[-1].planes[0].fd
                self.libcamera_fds.append(number)
                self.mapped_buffers_used[number] = False
                self.mapped_buffers[buffers[-1]] = mmap.mmap(file, stream.frame_size)

    class Sync:
        """Plain memory needs no flushing."""

        def __init__(self, allocator: MemoryAllocator, buffer: Any, _write: bool) -> None:  # noqa: FBT001
            self._memory = allocator.mapped_buffers[buffer]

        def __enter__(self) -> mmap.mmap:
            """The memory of a buffer."""
            return self._memory

        def __exit__(self, *_: object) -> None:
            """Nothing to do."""


def _plane(file: int, offset: int, length: int) -> Any:
    plane = libcamera.FrameBuffer.Plane()
    plane.fd, plane.offset, plane.length = file, offset, length
    return plane


Camera.generate_configuration, Camera.acquire, Camera.release = generate_configuration, acquire, release
Camera.queue_request = queue_request
libcamera.CameraConfiguration.validate = validate
picamera2.DmaAllocator = MemoryAllocator
