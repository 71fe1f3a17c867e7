#!/usr/lib/edge/bin/python3 -I
"""The image's health check. Without an argument: frames are analysed (or there is a reason why none is). With tcp://HOST:PORT: somebody
answers there.

Exits with 1 where PROGRESS_FILE, which daemon and recorder touch, has not been touched for 30 seconds: what the watchdog of the
systemd units does.
"""

import os
import socket
import sys
import time

LIMIT = 30  # seconds, as WatchdogSec= of systemd/edge.service

try:
    if sys.argv[1:]:
        host, port = sys.argv[1].removeprefix("tcp://").split(":")
        socket.create_connection((host, int(port)), timeout=4).close()
    else:
        silent = time.time() - os.stat(os.environ["PROGRESS_FILE"]).st_mtime
        if silent > LIMIT:
            sys.exit(f"no progress for {silent:.0f} s")
except (OSError, KeyError) as error:
    sys.exit(f"no sign of life: {error}")
