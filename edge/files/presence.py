"""Whether a path that somebody named leads to a file, also where nobody may look.

Where a folder on the way may not be entered, or a name is too long, `pathlib` raises in place of an answer (until
Python 3.13).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def is_there(path: Path | str) -> bool:
    """Whether anything is there, as far as this user can see."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def is_file(path: Path | str) -> bool:
    """Whether there is a plain file, as far as this user can see."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: Path | str) -> bool:
    """Whether there is a folder, as far as this user can see."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def why_no_file(path: Path | str) -> str:
    """What stands in the way of a plain file, in words that begin with its name; empty: there is one."""
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return f"{path} does not exist"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return "" if stat.S_ISREG(mode) else f"{path} is not a file"
