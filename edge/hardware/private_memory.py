"""Keeps what is in memory off the disk: no core dump, no swap, and no other process of the same user reads it.

The units of systemd ask for the same; this holds however the program is started. Linux only: elsewhere, and where the
system forbids it, nothing happens.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

PR_GET_DUMPABLE, PR_SET_DUMPABLE = 3, 4  # from <linux/prctl.h>
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4  # from <asm-generic/mman.h>, so on x86, ARM and RISC-V
MAX_32_BITS = 2**31 - 1
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
REMEDY = "start it as the service, or where `ulimit -l` says unlimited; or switch swap off (docs/privacy.md)"


def forbid_dumps() -> None:
    """Have no crash of this process write its memory to the disk, from now on.

    The limit holds for core files, and is passed on to programs that are started. A program that takes core dumps may
    ignore it, but gets none of a process that is not dumpable. Only root can trace such a process, or read its memory.
    """
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # On 32-bit ARM, OpenCV finds the features of the processor in /proc/self/auxv, closed then to all but root.
    if sys.maxsize > MAX_32_BITS:
        _call("prctl", PR_SET_DUMPABLE, 0)


@contextlib.contextmanager
def own_files_of_proc() -> Iterator[None]:
    """For as long as this lasts, a user may write to the own /proc/self, which `forbid_dumps` leaves to root."""
    before = _call("prctl", PR_GET_DUMPABLE)
    _call("prctl", PR_SET_DUMPABLE, 1)
    try:
        yield
    finally:
        _call("prctl", PR_SET_DUMPABLE, before)


@functools.cache
def lock_memory() -> bool:
    """Keep all memory of this process, now and later, out of swap. Pages count from their first use on.

    Only where no limit applies: under one, an allocation would fail once it is reached.

    Returns:
        Whether it is locked; asked again, the same.
    """
    before = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if _may_lock(UNLIMITED) and _lock_all():
        return True
    # Under a limit of 0 the kernel refuses whoever has no CAP_IPC_LOCK, and for whoever has it no limit counts.
    locked = _may_lock((0, before[1])) and _lock_all()
    _may_lock(before)
    return locked


def swap_problem(proc: Path = PROC, groups: Path = GROUPS) -> str:
    """Why pictures may be written to swap; empty: they cannot. Locks the memory of this process where that is allowed.

    Args:
        proc: Where the kernel tells about processes and swap.
        groups: Where it tells about control groups, of version 2.
    """
    if lock_memory() or not (devices := _swap_devices(proc)) or _group_forbids_swap(proc, groups):
        return ""
    return f"pictures may be written to swap ({', '.join(devices)}), as this process may not lock its memory"


def _swap_devices(proc: Path) -> list[str]:
    try:
        return [line.split()[0] for line in (proc / "swaps").read_text().splitlines()[1:] if line.strip()]
    except OSError:  # a kernel without swap
        return []


def _group_forbids_swap(proc: Path, groups: Path) -> bool:
    """Whether the control group of this process, or one above it, has no swap."""
    try:
        (own,) = (line[3:] for line in (proc / "self/cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, ValueError):
        return False
    group = groups / own.strip("/")
    for folder in (group, *group.parents):
        with contextlib.suppress(OSError):
            if (folder / "memory.swap.max").read_text().strip() == "0":
                return True
    return False


def _may_lock(limits: tuple[int, int]) -> bool:
    """Set how many bytes may be locked (soft and hard limit); whether that is the limit now."""
    with contextlib.suppress(OSError, ValueError):
        if resource.getrlimit(resource.RLIMIT_MEMLOCK) != limits:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)
        return True
    return False


def _lock_all() -> bool:
    return _call("mlockall", MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0


def _call(name: str, *arguments: int) -> int:
    """What a function of the C library returns; -1 where it fails, or is not there."""
    try:
        return int(getattr(ctypes.CDLL(None), name)(*map(ctypes.c_ulong, (*arguments, 0, 0, 0))))
    except (OSError, AttributeError):
        return -1
