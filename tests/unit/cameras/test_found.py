"""Which cameras are listed, on machines made of a few files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from edge.cameras.found import FoundCamera, cameras_here, nothing_found, real_cameras
from edge.cameras.usb import usb_devices

USB = "devices/pci0000:00/usb1"


class Machine:
    """A /sys and a /dev with video devices."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, number: int, name: str, *, where: str, index: int = 0, **links: str) -> None:
        device = self.root / "sys" / where / f"video{number}"
        device.mkdir(parents=True)
        (device / "name").write_text(f"{name}\n")
        (device / "index").write_text(f"{index}\n")
        (self.root / "sys/class/video4linux").mkdir(parents=True, exist_ok=True)
        (self.root / f"sys/class/video4linux/video{number}").symlink_to(device)
        (self.root / "dev").mkdir(exist_ok=True)
        (self.root / f"dev/video{number}").touch()
        for kind, link in links.items():
            folder = self.root / "dev/v4l" / kind.replace("_", "-")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / link).symlink_to(f"../../video{number}")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def no_ribbon() -> dict[str, str]:
    return {}


def test_a_raspberry_pi_with_two_usb_cameras(machine: Machine) -> None:
    twins = "usb-046d_C270_HD-video-index"
    machine.add(
        0, "C270 HD WEBCAM: C270 HD WEBC", where=f"{USB}/1-1", by_id=f"{twins}0", by_path="platform-usb-1-1-index0"
    )
    machine.add(1, "C270 HD WEBCAM: Metadata", where=f"{USB}/1-1", index=1, by_id=f"{twins}1")
    machine.add(2, "C270 HD WEBCAM: C270 HD WEBC", where=f"{USB}/1-2", by_path="platform-usb-1-2-index0")
    machine.add(3, "No\x1b[31mName: It", where=f"{USB}/1-3")
    machine.add(10, "bcm2835-codec-decode", where="devices/platform/codec")
    machine.add(19, "unicam-image", where="devices/platform/unicam")
    began = time.monotonic()
    found = cameras_here(machine.root, lambda: {"picamera:0": "imx708_wide"})
    assert time.monotonic() - began < 0.5
    assert found == [
        FoundCamera("picamera:0", "imx708_wide", "csi"),
        FoundCamera(f"/dev/v4l/by-id/{twins}0", "C270 HD WEBCAM", "usb"),
        FoundCamera("/dev/v4l/by-path/platform-usb-1-2-index0", "C270 HD WEBCAM", "usb"),
        FoundCamera("/dev/video3", "No?[31mName: It", "usb"),
        FoundCamera("sample", "sample room", "sample"),
    ]
    assert nothing_found(found) is None


def test_devices_without_a_stable_name_are_in_the_order_of_their_numbers(machine: Machine) -> None:
    for number in (10, 2, 0):
        machine.add(number, f"camera {number}", where=f"{USB}/1-{number}")
    assert list(usb_devices(machine.root)) == ["/dev/video0", "/dev/video2", "/dev/video10"]


def test_a_jetson(machine: Machine) -> None:
    machine.add(1, "vi-output, imx477 10-001a", where="devices/platform/tegra-capture-vi")
    machine.add(0, "vi-output, imx219 9-0010", where="devices/platform/tegra-capture-vi")
    assert real_cameras(machine.root, no_ribbon) == [
        FoundCamera("gstreamer:csi", "imx219 9-0010", "gstreamer"),
        FoundCamera("gstreamer:csi:1", "imx477 10-001a", "gstreamer"),
    ]


def test_nothing_there(machine: Machine) -> None:
    assert real_cameras(machine.root, no_ribbon) == []
    assert [camera.kind for camera in cameras_here(machine.root, no_ribbon)] == ["sample"]
    remedy = nothing_found(cameras_here(machine.root, no_ribbon))
    assert "plug one in" in str(remedy) or "group video" in str(remedy)


def test_a_camera_that_vanishes_while_it_is_looked_at(machine: Machine) -> None:
    machine.add(0, "here", where=f"{USB}/1-1")
    (machine.root / "sys/class/video4linux/video1").symlink_to(machine.root / f"sys/{USB}/gone/video1")
    (machine.root / f"sys/{USB}/1-1/video0/name").unlink()
    assert real_cameras(machine.root, no_ribbon) == [FoundCamera("/dev/video0", "/dev/video0", "usb")]
    assert FoundCamera("/dev/video0", "x", "usb").as_json()["hint"] is None
