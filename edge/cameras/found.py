"""The cameras of this machine by name, none of which is opened; `camera.source: auto` takes the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edge.cameras.device_users import none_may_be_opened
from edge.cameras.picamera import csi_cameras
from edge.cameras.usb import card_name, usb_devices
from edge.text import Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

JETSON_SENSOR = "vi-output, "  # what the driver of a Jetson's ribbon cables writes before the name of the sensor

Kind = Literal["csi", "usb", "gstreamer", "onvif", "sample"]


@dataclass(frozen=True)
class FoundCamera:
    """A camera that is there.

    Args:
        source: What to write into `camera.source`; of kind onvif: the address at which the camera describes itself.
        name: What it calls itself.
        kind: How it is connected.
        suggestion: What to begin with where `source` cannot be opened; empty where it can.
        hint: What a person must do before it can be opened.
    """

    source: str
    name: str
    kind: Kind
    suggestion: str = ""
    hint: Sentence | None = None

    def as_json(self) -> dict[str, Any]:
        """For a page."""
        hint = self.hint.as_json() if self.hint else None
        return {
            "source": self.source,
            "name": self.name,
            "kind": self.kind,
            "suggestion": self.suggestion,
            "hint": hint,
        }


def real_cameras(root: Path = Path("/"), ribbon: Callable[[], Mapping[str, str]] = csi_cameras) -> list[FoundCamera]:
    """The cameras of this machine, best first.

    Args:
        root: Where /sys and /dev are.
        ribbon: Sources and models of the cameras at the ribbon cables of a Raspberry Pi.
    """
    found = [FoundCamera(source, model or source, "csi") for source, model in ribbon().items()]
    found += [FoundCamera(path, name or path, "usb") for path, name in usb_devices(root).items()]
    found += [
        FoundCamera(f"gstreamer:csi:{number}" if number else "gstreamer:csi", name, "gstreamer")
        for number, name in enumerate(_jetson_sensors(root))
    ]
    return found


def cameras_here(root: Path = Path("/"), ribbon: Callable[[], Mapping[str, str]] = csi_cameras) -> list[FoundCamera]:
    """What can be chosen on this machine: `real_cameras`, and last the drawn room."""
    return [*real_cameras(root, ribbon), FoundCamera("sample", "sample room", "sample")]


def nothing_found(cameras: Sequence[FoundCamera]) -> Sentence | None:
    """What to do where a list has no camera but the drawn room; None where it has one."""
    if any(camera.kind != "sample" for camera in cameras):
        return None
    if none_may_be_opened():
        return Sentence("No camera may be opened by this user: add the user to the group video, and log in again.")
    return Sentence(
        "No camera was found: plug one in and search again; at a ribbon cable check both ends. "
        "A network camera has to be given by its address."
    )


def _jetson_sensors(root: Path) -> list[str]:
    """Sensors at the ribbon cables of a Jetson, by name; Argus numbers them in this order."""
    nodes = sorted(root.glob("sys/class/video4linux/video*"), key=lambda node: int(node.name[5:]))
    names = map(card_name, nodes)
    return [name.removeprefix(JETSON_SENSOR) for name in names if name.startswith(JETSON_SENSOR)]
