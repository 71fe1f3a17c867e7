"""How much memory this process has, as Linux tells it."""

from __future__ import annotations

import re
from pathlib import Path

RESIDENT, PEAK, RESERVED = "VmRSS", "VmHWM", "VmData"  # names in /proc/self/status (man 5 proc)


def memory(what: str) -> int | None:
    """Bytes of one kind; None where the system does not tell."""
    try:
        found = re.search(rf"^{what}:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
