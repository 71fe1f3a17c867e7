"""Raspberry Pi cameras through picamera2, which comes from the system and is imported when one is opened."""

from __future__ import annotations

import concurrent.futures
import gc
import importlib
import importlib.util
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from edge.cameras.device_users import camera_nodes, held_by, none_may_be_opened
from edge.cameras.orientation import Orientation
from edge.cameras.pixel_formats import Layout
from edge.errors import CameraError
from edge.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from edge.config import schema

BUFFERS = 4  # each of them comes out of the small memory that camera and display share
CONTINUOUS_FOCUS = 2  # libcamera's AfModeContinuous
WHERE_TO_LOOK = "check the cable at both ends; to see what the system finds: rpicam-hello --list-cameras"


class PiCamera:
    """A camera at the ribbon cable of a Raspberry Pi.

    Args:
        number: Which one, 0 for the first.
        settings: Size, rate, exposure, orientation and time limits.
    """

    every_frame = False

    def __init__(self, number: int, settings: schema.CameraConfig) -> None:
        self.name = f"picamera:{number}"
        self._number = number
        self._settings = settings
        self._camera: Any = None
        self._mapped: Any = None  # picamera2's view of a buffer, which copies nothing
        self._sensor_hdr: int | None = None  # libcamera's number of the camera whose own HDR we have switched on
        self._layout = Layout("", 0, 0, 0)
        self._turn = Orientation()

    def start(self) -> None:
        """Open and start the camera. Raises CameraError."""
        picamera2 = _picamera2()
        try:
            found = picamera2.Picamera2.global_camera_info()
        except RuntimeError as error:
            raise CameraError("libcamera does not start", _reason(error)) from None
        if self._number >= len(found):
            raise CameraError(f"camera {self.name} is not there", _why_missing(found))
        if self._settings.hdr and str(found[self._number].get("Model", "")).startswith("imx708"):
            self._switch_sensor_hdr(found[self._number]["Num"], on=True)
            self._sensor_hdr = found[self._number]["Num"]
        self._camera = self._open(picamera2.Picamera2)
        try:
            self._configure()
            self._camera.start()
        except (RuntimeError, OSError) as error:
            raise CameraError(f"camera {self.name} does not start", _reason(error)) from None
        self._mapped = picamera2.MappedArray

    def read(self) -> NDArray[np.uint8] | None:
        """The next frame; see Camera."""
        camera = self._camera
        if camera is None:
            return None
        try:
            request = camera.capture_request(wait=self._settings.read_timeout)
        except concurrent.futures.TimeoutError:
            seconds = f"{self._settings.read_timeout:g} s"
            raise CameraError(f"camera {self.name} gave no frame in {seconds}", WHERE_TO_LOOK) from None
        try:
            with self._mapped(request, "main", reshape=False, write=False) as buffer:
                return self._turn.apply(self._layout.bgr(buffer.array))
        finally:
            request.release()

    def stop(self) -> None:
        """Close the camera and free its buffers."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
            # A closed Picamera2 refers to itself, and keeps two files open until somebody sweeps.
            del camera
            gc.collect()
        number, self._sensor_hdr = self._sensor_hdr, None
        if number is not None:
            self._switch_sensor_hdr(number, on=False)

    def _open(self, kind: Any) -> Any:  # noqa: ANN401 - picamera2 has no types to import here
        # In two steps, because a constructor that fails leaves a pipe open, and one that is tried again for a weekend
        # would use up every file descriptor.
        camera = kind.__new__(kind)
        try:
            camera.__init__(self._number)
        except (RuntimeError, OSError) as error:
            with suppress(AttributeError, OSError):
                camera.notifymeread.close()
                os.close(camera.notifyme_w)
            raise CameraError(
                f"camera {self.name} cannot be opened ({_reason(error)})", held_by(camera_nodes())
            ) from None
        return camera

    def _switch_sensor_hdr(self, number: int, *, on: bool) -> None:
        # A Camera Module 3 has it in the sensor: switched before the camera is opened, and not by closing it.
        try:
            with importlib.import_module("picamera2.devices.imx708").IMX708(number) as sensor:
                sensor.set_sensor_hdr_mode(on)
        except Exception as error:  # noqa: BLE001 - with it come the packages of other sensors, broken in any way
            raise CameraError(
                f"the HDR of camera {self.name} cannot be switched ({_reason(error)})", "leave camera.hdr out"
            ) from None

    def _configure(self) -> None:
        libcamera: Any = importlib.import_module("libcamera")
        camera, settings = self._camera, self._settings
        turn = Orientation.of(settings)
        flips = turn.before_quarter
        size = settings.width, settings.height
        camera.configure(
            camera.create_video_configuration(
                # BGR in memory: measured here, it is copied out in a fifth of the time that a conversion takes.
                main={"size": size, "format": "RGB888"},
                raw=None,
                sensor=_whole_view(camera.sensor_resolution, size),
                transform=libcamera.Transform(hflip=flips.horizontal, vflip=flips.vertical),
                # Where YUV comes all the same: the colours that OpenCV takes it for.
                colour_space=libcamera.ColorSpace.Smpte170m(),
                buffer_count=BUFFERS,
                queue=False,  # frames that nobody waits for go back to the camera at once
            )
        )
        # What was asked for may have been changed without a word.
        negotiated = camera.camera_configuration()
        main, done = negotiated["main"], negotiated["transform"]
        width, height = main["size"]
        self._layout = Layout(main["format"], width, height, main["stride"])
        self._layout.check()
        self._turn = turn.without(Orientation(bool(done.hflip), bool(done.vflip)))
        hdr_in_sensor = self._sensor_hdr is not None
        camera.set_controls(
            controls(settings, camera.camera_controls, libcamera, name=self.name, hdr_in_sensor=hdr_in_sensor)
        )


def controls(
    settings: schema.CameraConfig,
    offered: Iterable[str],
    libcamera: Any,  # noqa: ANN401 - it has no types to import here
    *,
    name: str,
    hdr_in_sensor: bool = False,
) -> dict[str, Any]:
    """The controls to set: what every camera gets where it has it, and what the configuration asks for.

    Args:
        settings: The configuration.
        offered: Names of the controls that the camera has.
        libcamera: The module, for its enumerations.
        name: What to call the camera.
        hdr_in_sensor: HDR is switched on already, in the sensor.

    Raises:
        CameraError: The configuration asks for one that the camera lacks.
    """
    wanted: dict[str, Any] = {}
    if "FrameDurationLimits" in offered:
        wanted["FrameDurationLimits"] = (round(1e6 / settings.fps),) * 2
    if "AfMode" in offered:
        wanted["AfMode"] = CONTINUOUS_FOCUS  # else the lens stays wherever it is
    asked: dict[str, tuple[str, Any]] = {}
    if settings.exposure:
        asked["ExposureTime"] = ("exposure", settings.exposure)
    if settings.gain:
        asked["AnalogueGain"] = ("gain", settings.gain)
    if settings.hdr and not hdr_in_sensor:
        asked["HdrMode"] = ("hdr", libcamera.controls.HdrModeEnum.SingleExposure)
    for control, (key, value) in asked.items():
        if control not in offered:
            raise CameraError(f"camera {name} has no {key} to be set", f"leave camera.{key} out")
        wanted[control] = value
    return wanted


def csi_cameras() -> dict[str, str]:
    """Sources and models of the cameras that picamera2 lists, without those at USB; none where it is missing."""
    try:
        found = _picamera2().Picamera2.global_camera_info()
    except (CameraError, RuntimeError):
        return {}
    return {
        f"picamera:{number}": printable(str(info.get("Model", "")))
        for number, info in enumerate(found)
        if "/usb" not in info["Id"]
    }


def _picamera2() -> Any:  # noqa: ANN401 - it has no types to import here
    if importlib.util.find_spec("picamera2") is None:
        raise CameraError(
            "picamera2 is not installed", "apt-get install --no-install-recommends python3-picamera2, then ./run again"
        )
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:WARN")
    # What it logs as an error it also raises, and that becomes our one line.
    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    try:
        return importlib.import_module("picamera2")
    except Exception as error:  # noqa: BLE001 - it imports a dozen system packages that may be broken in any way
        raise CameraError("picamera2 cannot be imported", f"{type(error).__name__}: {error}") from None


def _why_missing(found: list[dict[str, Any]]) -> str:
    if found:
        names = [f"picamera:{number} ({info.get('Model', '?')})" for number, info in enumerate(found)]
        return f"found: {', '.join(names)}"
    if none_may_be_opened():
        return "permission denied: add this user to the group video"
    return WHERE_TO_LOOK


def _whole_view(sensor: tuple[int, int], size: tuple[int, int]) -> dict[str, Any]:
    """A sensor mode that sees the whole room.

    Left to itself, the mode nearest to the size is taken, and that is a narrow part of the picture on most sensors.
    Pixels joined two by two cover all of it, and collect more light.
    """
    half = sensor[0] // 2, sensor[1] // 2
    return {"output_size": half if half[0] >= size[0] and half[1] >= size[1] else sensor}


def _reason(error: BaseException) -> str:
    """The first cause of an error, in its own words."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
