#!/usr/lib/edge/bin/python3 -I
"""The image's health check: progress is made, or the program at http://HOST:PORT or mqtt://HOST:PORT answers.

Ends with 1 where PROGRESS_FILE, into which daemon and recorder write the time whenever a frame was analysed, or none is
to be, is 30 seconds old: as the watchdog of the systemd units.
"""

import os
import socket
import sys
import time
from pathlib import Path

LIMIT = 30  # seconds, as WatchdogSec= of systemd/edge.service
# What is asked, and how each answer begins; a refusal is one. To connect is not enough: for a program that hangs, the
# kernel does that.
QUESTIONS = {
    "http": (b"HEAD / HTTP/1.0\r\n\r\n", b"HTTP/1."),
    "mqtt": (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", b"\x20\x02"),  # CONNECT, CONNACK
}

try:
    if sys.argv[1:]:
        kind, address = sys.argv[1].split("://")
        host, port = address.split(":")
        question, answer = QUESTIONS[kind]
        with socket.create_connection((host, int(port)), timeout=4) as line:
            line.sendall(question)
            said = line.makefile("rb").read(len(answer))
        if said != answer:
            sys.exit(f"no answer: {said!r}")
    else:
        # Not the file's own time: that is of a clock which is set.
        silent = time.monotonic() - int(Path(os.environ["PROGRESS_FILE"]).read_text())
        if not 0 <= silent <= LIMIT:
            sys.exit(f"no progress for {silent:.0f} s")
except (OSError, KeyError, ValueError) as error:
    sys.exit(f"no sign of life: {error}")
