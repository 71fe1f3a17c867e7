"""Room that a recorder leaves on its disk: for the broker beside it, which saves what waits there, and for deleting."""

from __future__ import annotations

import os
from pathlib import Path

from edge.files.disk_errors import FullError

MOST = 500_000_000  # bytes: what may wait at a broker for one reader (school.conf)
SHARE = 0.05  # of the disk, where that is less


def check_reserve(path: Path) -> None:
    """See whether there is more room on the disk of a file than is left to others.

    Raises:
        FullError: There is not.
    """
    try:
        disk = os.statvfs(path.resolve().parent)
    except OSError:
        return  # told by whoever writes next
    reserve = min(MOST, int(SHARE * disk.f_blocks * disk.f_frsize))
    if disk.f_bavail * disk.f_frsize < reserve:  # without blocks it cannot say, and is gone on with
        raise FullError(
            f"the disk of {path} is full but for {reserve / 1e6:,.1f} MB, which are left to the broker, if that is "
            "beside it, and to deleting",
            "make room on that disk",
        )
