#!/usr/lib/edge/bin/python3 -IS
"""The image's health check. Without an argument: frames are analysed (or there is a reason why none is); with a URL: it answers.

Exits with 1 where PROGRESS_FILE, which the daemon and the recorder touch, has not been touched for 30 seconds, as the watchdog of the
systemd units does it.
"""

import os
import sys
import time
import urllib.request

LIMIT = 30  # seconds, as WatchdogSec= of systemd/edge.service

try:
    if sys.argv[1:]:
        urllib.request.urlopen(sys.argv[1], timeout=4).close()  # the caller's own page
    else:
        silent = time.time() - os.stat(os.environ["PROGRESS_FILE"]).st_mtime
        if silent > LIMIT:
            sys.exit(f"no progress for {silent:.0f} s")
except (OSError, KeyError) as error:
    sys.exit(f"no sign of life: {error}")
