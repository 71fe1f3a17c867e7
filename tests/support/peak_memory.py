"""The most memory that a process has had."""

from __future__ import annotations

import re
from pathlib import Path


def peak_kilobytes() -> int:
    """Of this process since its program began; `ru_maxrss` would count that of the process that started it, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1])
