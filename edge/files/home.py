"""The home folder, and `~` in the name of a file. Who runs in a container, or as a service, may have none."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def home_folder() -> str | None:
    """The home folder of the user who runs this: $HOME, else what the system knows; None: neither says one."""
    home = os.environ.get("HOME", "")
    if Path(home).is_absolute():
        return home
    try:
        return pwd.getpwuid(os.getuid()).pw_dir or None
    except KeyError:
        return None


def expand_home(path: str) -> str:
    """The same path, with `~` and `~user` at its beginning replaced.

    Raises:
        ValueError: There is no such user, or no home folder; says what to write.
    """
    if not path.startswith("~"):
        return path
    user, slash, rest = path[1:].partition("/")
    try:
        home = pwd.getpwnam(user).pw_dir if user else home_folder()
    except (KeyError, ValueError):
        raise ValueError(f"there is no user {user!r}; a file whose name begins with ~ is written ./{path}") from None
    if home is None:
        raise ValueError(f"user {os.getuid()} has no home folder for ~; write the whole path, or set HOME")
    return f"{home.rstrip('/')}{slash}{rest}" or "/"
