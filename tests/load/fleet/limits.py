"""How many files a fleet opens, and whether this machine allows it."""

from __future__ import annotations

import resource

from edge.errors import EdgeError

CREW = 100  # rooms per process: paho waits with select(), which knows no file number above 1023
FILES_PER_ROOM = 8  # outbox and its journal, a connection and its wake-up pair; twice the latter while it changes
SPARE = 150


def raise_limit(rooms: int) -> None:
    """Allow this process and its children as many open files as a fleet needs. Raises EdgeError."""
    needed = max(rooms + SPARE, min(rooms, CREW) * FILES_PER_ROOM + SPARE)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise EdgeError(
            f"{rooms} rooms need {needed} open files in one process, and this machine allows {hard}",
            f"`ulimit -n {needed}` as root, LimitNOFILE={needed} in a systemd unit, or fewer --rooms",
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
