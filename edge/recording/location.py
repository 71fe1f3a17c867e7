"""Where a recording is kept, in words that a copy of it does not share: a copy must not take its session over.

The client id of the session is in the recording, and so in every copy. Whoever looks at a backup would take over what
the broker sends and has kept for the school, and acknowledge it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from edge.errors import ConfigError
from edge.text import printable

KEY = "location"  # in `about`
LONGEST = 10_000  # characters of what is kept there: paths have 4,096 at most
MACHINE_ID = Path("/etc/machine-id")

IfCopy = Literal["continue", "new"]
"""What a copy does: it goes on in place of the other one, or has a new session."""


@dataclass(frozen=True)
class Location:
    """Of a database, as it is kept in there.

    Attributes:
        machine: A hash of this machine's id; "" where there is none, as in a container, or where it does not matter.
        address: Where it is, from there.
        storage: What a copy has differently, wherever it is.
    """

    machine: str
    address: str
    storage: str

    @classmethod
    def of(cls, text: object) -> Location:
        """The one that `to_text` wrote. Raises ValueError: another program changed it."""
        try:
            found: Any = json.loads(text if isinstance(text, str) else "")
            if all(b"\0" not in os.fsencode(value) for value in found.values()):
                return Location(**found)
        except (AttributeError, TypeError, RecursionError):
            pass
        raise ValueError("it is no location")

    def to_text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self))

    def is_copy(self, former: Location) -> bool:
        """Whether what is here now may be a copy of what was last recorded into elsewhere, and may be there still."""
        here = (self.machine, self.address) == (former.machine, former.address)
        return not here and self.storage != former.storage


class FileLocation(Location):
    """Of a file."""

    @classmethod
    def find(cls, path: Path, machine_id: Path = MACHINE_ID) -> FileLocation:
        """That of a file which is there.

        Args:
            path: The file.
            machine_id: Where this machine's id is.

        Raises:
            OSError: It is gone.
        """
        real = path.resolve(strict=True)
        # Not `st_dev`, which may be another number after a restart.
        return cls(machine(machine_id), str(real), f"{os.statvfs(real).f_fsid:x} {real.stat().st_ino}")

    def is_copy(self, former: Location) -> bool:
        """As of a database; but on one machine we can look whether a file is there still."""
        if self.machine != former.machine or self.address == former.address:
            return super().is_copy(former)
        try:
            return not Path(self.address).samefile(former.address)
        except (FileNotFoundError, NotADirectoryError):
            # It was moved; but where nothing names the machine, this may be another one.
            return not self.machine and super().is_copy(former)
        except (OSError, ValueError):  # we may not look
            return super().is_copy(former)


def machine(path: Path = MACHINE_ID) -> str:
    """What names this machine and tells nobody its id, which others use as a secret; "" where there is none."""
    try:
        found = path.read_bytes().strip()
    except OSError:
        return ""
    return hashlib.sha256(b"edge record " + found).hexdigest()[:32] if re.fullmatch(b"[0-9a-f]{32}", found) else ""


def begins_anew(here: Location, former: Location | None, if_copy: IfCopy | None) -> bool:
    """Whether a recording is to have a session of its own, because it is a copy.

    Args:
        here: Where it is.
        former: Where it was last recorded into; None: it is new, or of a version that did not keep that.
        if_copy: What a person wants of a copy; None: nobody was asked yet.

    Raises:
        ConfigError: It may be a copy, and nobody was asked.
    """
    if former is None or not here.is_copy(former):
        return False
    if if_copy is None:
        there = here.machine and former.machine not in ("", here.machine)
        raise ConfigError(
            f"{printable(here.address, LONGEST)} may be a copy of {printable(former.address, LONGEST)}"
            f"{' on another machine' if there else ''}, and would take its windows",
            "to look at it, edge report or edge dashboard --show-only; if the other one is gone for good, --if-copy "
            "continue, once; else --if-copy new, for a session of its own",
        )
    return if_copy == "new"
