#!/usr/lib/edge/bin/python3 -I
"""The image's health check: frames are analysed, or there is a reason for none; with tcp://HOST:PORT: somebody answers.

Ends with 1 where PROGRESS_FILE, which daemon and recorder touch, was not touched for 30 seconds: as the watchdog of the
systemd units.
"""

import os
import socket
import sys
import time
from pathlib import Path

LIMIT = 30  # seconds, as WatchdogSec= of systemd/edge.service

try:
    if sys.argv[1:]:
        host, port = sys.argv[1].removeprefix("tcp://").split(":")
        socket.create_connection((host, int(port)), timeout=4).close()
    else:
        silent = time.time() - Path(os.environ["PROGRESS_FILE"]).stat().st_mtime
        if silent > LIMIT:
            sys.exit(f"no progress for {silent:.0f} s")
except (OSError, KeyError) as error:
    sys.exit(f"no sign of life: {error}")
