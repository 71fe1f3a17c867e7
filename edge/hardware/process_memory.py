"""How much memory this process has, as Linux tells it, and how much more it may take."""

from __future__ import annotations

import contextlib
import re
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

RESIDENT, PEAK, RESERVED = "VmRSS", "VmHWM", "VmData"  # names in /proc/self/status (man 5 proc)

_limiting = threading.RLock()  # the limit is of the process: one that ends must not take another's place


def memory(what: str) -> int | None:
    """Bytes of one kind; None where the system does not tell."""
    try:
        found = re.search(rf"^{what}:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def limit_memory(more: int) -> None:
    """From now on the process takes `more` bytes of data at most beside what it has: an allocation beyond it fails.

    Another limit that was set before, by us or by somebody who knows the machine, stays as it is.
    """
    with _limiting:
        if resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY:
            _limit(more)


@contextlib.contextmanager
def limited_memory(more: int) -> Iterator[None]:
    """As `limit_memory`, for as long as this lasts; a limit that was set before counts, too."""
    with _limiting:
        before = resource.getrlimit(resource.RLIMIT_DATA)
        _limit(more)
        try:
            yield
        finally:
            _set(*before)


def _limit(more: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    # Where there are many cores, stacks and buffers of as many threads have reserved a gigabyte before.
    reserved = memory(RESERVED)
    if reserved is None:
        return
    most = reserved + more if soft == resource.RLIM_INFINITY else min(soft, reserved + more)
    _set(most, hard)


def _set(soft: int, hard: int) -> None:
    with contextlib.suppress(OSError, ValueError):  # forbidden: then the other bounds are all there is
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
