"""From `camera.source` to a camera. The forms that are allowed stand in `edge/config/camera_source.py`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edge.cameras.found import real_cameras
from edge.cameras.gstreamer import GStreamerCamera
from edge.cameras.image_folder import ImageFolderCamera
from edge.cameras.orientation import Orientation, OrientedCamera
from edge.cameras.picamera import PiCamera
from edge.cameras.stream import StreamCamera
from edge.cameras.usb import UsbCamera
from edge.cameras.video_file import FileCamera
from edge.errors import CameraError
from edge.sample.camera import SampleCamera

if TYPE_CHECKING:
    from edge.cameras.camera import Camera
    from edge.config.schema import Config


def resolve_source(config: Config) -> tuple[str, str]:
    """What `auto` means here and now.

    Returns:
        The source to open, and a sentence for the user when `auto` chose it (else "").

    Raises:
        CameraError: There is no camera, and the sample room could be taken for the room: somebody answers for a
            camera; or heads are counted, for which nobody has to, and sent to a broker where others read them.
    """
    source = config.camera.source
    if source != "auto":
        return source, ""
    devices = [camera.source for camera in real_cameras()]
    counts_for_others = not config.lacks_deployment and config.mqtt.broker != "embedded"
    if not devices and (config.deployment.declared or counts_for_others):
        raise CameraError(
            "camera.source: auto found no camera",
            "plug it in, or set camera.source: sample for the drawn sample room",
        )
    if not devices:
        return "sample", "no camera was found, so the sample room is shown (camera.source: auto)"
    if config.lacks_deployment:
        return "sample", (
            f"camera {devices[0]} was found, but the sample room is shown: to use the camera, fill in "
            "deployment.responsible and deployment.legal_basis in config.yaml (or count faces only: mode: headcount)"
        )
    return devices[0], f"camera {devices[0]} was found (camera.source: auto)"


def open_camera(source: str, config: Config) -> Camera:
    """The camera for a resolved source, not yet started.

    Raises:
        CameraError: No camera of that kind.
    """
    camera = config.camera
    orientation = Orientation.of(camera)
    kind, _, number = source.partition(":")
    if kind == "picamera":  # turns by itself, at no cost
        return PiCamera(int(number or 0), camera)
    upright = _open_upright(source, config)
    return OrientedCamera(upright, orientation) if orientation.needed else upright


def is_compressed(source: str) -> bool:
    """Whether a source is compressed video, which says itself what it needs, and how large it is."""
    return re.match(r"(rtsps?|https?)://|file:", source) is not None


def needs_size(config: Config) -> str:
    """The keys in use that name parts of the picture, as words; empty: none is."""
    keys = {"camera.masks": config.camera.masks, "vision.count_area": config.vision.count_area}
    return " and ".join(key for key, value in keys.items() if value)


def _open_upright(source: str, config: Config) -> Camera:  # noqa: PLR0911 - one line for each kind
    camera = config.camera
    kind, _, rest = source.partition(":")
    if kind == "sample":
        return SampleCamera(faces=int(rest) if rest else None)
    if kind == "usb":
        return UsbCamera(int(rest), (camera.width, camera.height), camera.fps)
    if source.startswith("/dev/"):
        return UsbCamera(source, (camera.width, camera.height), camera.fps)
    if re.match(r"(rtsps?|https?)://", source):
        return StreamCamera(source, camera.open_timeout, camera.read_timeout, needs_size(config), camera.ca_file)
    if kind == "gstreamer":
        return GStreamerCamera(rest, camera)
    if kind == "file":
        return FileCamera(rest, loop=camera.loop, needs_size=needs_size(config))
    if kind == "images":
        return ImageFolderCamera(rest, loop=camera.loop)
    raise CameraError(f"camera.source {source!r} is not supported", "see config.yaml")
