"""What this machine is and how it does: versions, board, disk, memory, cameras."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

from edge import __version__
from edge.cameras.found import real_cameras
from edge.files.bounded_read import read_file
from edge.hardware.board import Board
from edge.support.packages import installed
from edge.text import printable


def versions() -> dict[str, Any]:
    """Of the program, the system below it, and every package beside it."""
    return {
        "edge": __version__,
        "python": platform.python_version(),
        "kernel": f"{platform.release()} {platform.machine()}",
        "distribution": _distribution(),
        "board": _model(),
        "packages": ", ".join(f"{each.name} {each.version}" for each in installed()),
    }


def hardware(disk: Path, root: Path = Path("/")) -> dict[str, Any]:
    """How the board does now.

    Args:
        disk: A file or folder on the disk of the outbox.
        root: Where /sys, /proc and /dev are.
    """
    readings = Board(root).read(time.monotonic(), disk, 0)
    memory = _memory(root / "proc/meminfo")
    return {
        "processors": os.cpu_count(),
        **memory,
        "temperature_c": readings.temperature_c,
        "throttled_bits": readings.throttled_bits,
        "under_voltage": readings.under_voltage,
        "load": readings.load,
        "disk_free_mb": readings.disk_free_mb,
        "cameras": [f"{camera.kind}: {camera.name} ({camera.source})" for camera in real_cameras(root)] or "none",
    }


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def _model() -> str:
    for file in ("/proc/device-tree/model", "/sys/class/dmi/id/product_name"):
        try:
            return printable(read_file(Path(file), 100_000).decode(errors="replace").strip("\0\n "))
        except OSError:
            continue
    return "unknown"


def _memory(file: Path) -> dict[str, int | None]:
    found: dict[str, int | None] = {"memory_mb": None, "memory_free_mb": None}
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            key = "memory_mb" if name == "MemTotal" else "memory_free_mb"
            found[key] = round(int(rest.split()[0]) * 1024 / 1e6)
    return found
