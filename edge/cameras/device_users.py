"""Who has a camera open: what to say instead of "device or resource busy"."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROC = Path("/proc")


def camera_nodes() -> list[str]:
    """The device files through which libcamera reaches cameras."""
    return [str(node) for kind in ("media", "video") for node in sorted(Path("/dev").glob(f"{kind}[0-9]*"))]


def none_may_be_opened() -> bool:
    """Whether there are such files, and this user may open none of them."""
    nodes = camera_nodes()
    return bool(nodes) and not any(os.access(node, os.R_OK | os.W_OK) for node in nodes)


def held_by(nodes: Iterable[str]) -> str:
    """A remedy: which other programs hold one of these device files, as far as this user may see it."""
    nodes = list(nodes)
    # libcamera locks the media device of a camera in use. That tells its owner from programs that merely look at all
    # cameras, as a desktop's sound server does, and it can be seen without any rights.
    owners = set(_lockers(nodes))
    hidden = False
    if not owners:
        owners, hidden = _openers(nodes)
    if owners:
        return f"it is in use by {' and '.join(map(_name, sorted(owners)[:3]))}; stop that first"
    if hidden:
        return "another program may be using it; to see which: sudo fuser -v /dev/media* /dev/video*"
    return "no other program has it open; check its cable, or restart this machine"


def _name(pid: int) -> str:
    try:
        program = (PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"{program if program.isprintable() else 'a program'} (process {pid})"


def _lockers(nodes: list[str]) -> Iterator[int]:
    inodes = {str(Path(node).stat().st_ino) for node in nodes if Path(node).exists()}
    try:
        locks = (PROC / "locks").read_text().splitlines()
    except OSError:
        return
    for line in locks:  # 1: POSIX  ADVISORY  WRITE 812 00:06:389 0 EOF; an arrow in second place only waits for it
        fields = line.split()
        if len(fields) >= 6 and fields[1] != "->" and fields[5].rpartition(":")[2] in inodes:
            pid = int(fields[4])
            if pid > 0 and pid != os.getpid() and _holds(pid, nodes) is not False:
                yield pid


def _openers(nodes: list[str]) -> tuple[set[int], bool]:
    """Process numbers, and whether there were processes that could not be looked into."""
    others = {int(process.name) for process in PROC.glob("[0-9]*")} - {os.getpid()}
    held = {pid: _holds(pid, nodes) for pid in others}
    return {pid for pid, holds in held.items() if holds}, None in held.values()


def _holds(pid: int, nodes: list[str]) -> bool | None:
    """Whether a process has one of the files open; None when that cannot be seen."""
    try:
        files = list((PROC / str(pid) / "fd").iterdir())
    except PermissionError:
        return None
    except OSError:
        return False
    for file in files:
        try:
            if str(file.readlink()) in nodes:
                return True
        except OSError:
            continue
    return False
