"""Where a file is that was taken away while it is replaced; not with what replaces it, as the daemon only looks."""

from __future__ import annotations

from pathlib import Path


def withdrawn(path: Path) -> Path:
    """Where the old content of a file is between `withdraw` and `put`; there at any other time: that was killed."""
    return path.parent / f".{path.name}.old"
