"""Room that a recorder leaves on its disk: for deleting, and for the broker beside it, which saves what waits there."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

from edge.files.disk_errors import FullError

MB = 1_000_000
FOR_DELETING = 20 * MB  # bytes: the -wal of deleting a thousand windows and their roll-ups, and more
FOR_BROKER = 500 * MB  # bytes: what may wait at a broker for one reader (school.conf)
SHARE = 0.05  # of the disk, where that is less and nobody has named another size


@dataclass(frozen=True)
class Reserve:
    """What is kept free.

    Attributes:
        size: Bytes; 0: nothing.
        share: Of the disk, where that is less.
    """

    size: int
    share: float = SHARE

    def check(self, path: Path) -> None:
        """See whether there is that much room on the disk of a file.

        Raises:
            FullError: There is not; says how much is missing.
        """
        try:
            disk = os.statvfs(path.resolve().parent)
        except OSError:
            return  # told by whoever writes next
        kept = min(self.size, int(self.share * disk.f_blocks * disk.f_frsize))
        free = disk.f_bavail * disk.f_frsize
        if free < kept:  # without blocks it cannot say, and is gone on with
            raise FullError(
                f"the disk of {path} has {free / MB:,.1f} MB left, and {kept / MB:,.1f} MB are kept free there, for "
                "deleting and for a broker beside it",
                f"make {math.ceil((kept - free) / MB):,} MB of room on that disk, or keep less free: --keep-free",
            )


NO_RESERVE = Reserve(0)
