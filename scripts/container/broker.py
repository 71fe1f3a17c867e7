#!/usr/lib/edge/bin/python3 -I
"""The broker of docs/container/compose.yaml: Mosquitto with one user, `edge`.

The first start makes the password, which the other containers read in the broker's volume.
"""

import os
import secrets
import subprocess
from pathlib import Path

PASSWORD = Path("/var/lib/edge/password")
HASHED = Path("/tmp/passwords")  # noqa: S108 - the container's own; docs/container/mosquitto.conf names it

os.umask(0o077)
if not PASSWORD.exists() or not PASSWORD.stat().st_size:  # empty: the power failed while it was written
    new = PASSWORD.with_suffix(".new")
    new.write_text(secrets.token_urlsafe(32))
    new.replace(PASSWORD)
HASHED.write_text(f"edge:{PASSWORD.read_text()}\n")
subprocess.run(["/usr/bin/mosquitto_passwd", "-U", HASHED], check=True)
os.execv("/usr/sbin/mosquitto", ["mosquitto", "-c", "/etc/edge/mosquitto.conf"])  # noqa: S606 - what it becomes
