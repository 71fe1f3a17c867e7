"""Names of files beside another one, for what is to take its place: of each writer its own."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

ABANDONED = 3600.0  # seconds after which whoever wrote new content must have been killed


def fresh_name(target: Path) -> Path:
    """One that no other writer of `target` has; nothing is made."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")


def remove_abandoned(target: Path) -> None:
    """Remove new content, which may hold a password, of those who were killed before they put it. Raises OSError."""
    pattern = re.compile(re.escape(f".{target.name}.") + r"[^.]{8}\.new")
    for each in target.parent.iterdir():
        if pattern.fullmatch(each.name) and time.time() - each.lstat().st_mtime > ABANDONED:
            each.unlink(missing_ok=True)
