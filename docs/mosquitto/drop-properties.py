# /// script
# dependencies = []
# ///
"""Before an upgrade of Mosquitto: drop the MQTT 5 properties of all messages in its file, which the new one may refuse.

runuser -u mosquitto -- python3 drop-properties.py /var/lib/mosquitto/mosquitto.db      while Mosquitto is stopped

A newer Mosquitto does not start where the file has a message with properties that it refuses and the older one took.
What is retained, what waits, sessions and expiry stay. The file as it was is FILE.before. Nothing of edge needs them.
"""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import BinaryIO

MAGIC, VERSION = b"\x00\xb5\x00mosquitto db", 6  # of Mosquitto 2.0 and 2.1
HEAD = struct.Struct(f">{len(MAGIC)}s4xI")  # checksum unused
CHUNK = struct.Struct(">II")  # kind, bytes behind it
KINDS = range(1, 7)
MESSAGE = 2
FIELDS = struct.Struct(">16xI2xHHH4x")  # lengths of payload, client id, user and topic, which follow


def main(name: str | None = None) -> str:
    """Replace the file; returns what was done. Raises SystemExit, and then it is as it was."""
    if name is None or name.startswith("-"):
        raise SystemExit(f"usage: python3 {sys.argv[0]} /var/lib/mosquitto/mosquitto.db")
    path, before, new = Path(name), Path(f"{name}.before"), Path(f"{name}.dropping")  # Mosquitto's own is .new
    if before.exists():
        raise SystemExit(f"{before} is there, of an earlier time: move it away first")
    try:
        new.unlink(missing_ok=True)  # of a run that was interrupted
        with path.open("rb") as old, new.open("xb") as changed:
            rights = os.fstat(old.fileno())
            os.fchmod(changed.fileno(), rights.st_mode)
            os.fchown(changed.fileno(), rights.st_uid, rights.st_gid)
            messages, dropped = copy(old, changed)
            changed.flush()
            os.fsync(changed.fileno())
        os.link(path, before)
        new.replace(path)
    except (OSError, ValueError) as error:
        new.unlink(missing_ok=True)
        raise SystemExit(f"{path} is as it was: {error}") from None
    return f"{path}: {messages} messages, {dropped} of them had properties. As it was before: {before}"


def copy(old: BinaryIO, new: BinaryIO) -> tuple[int, int]:
    """Copy the file without properties; returns numbers of messages: all, and with some. Raises OSError, ValueError."""
    head = read(old, HEAD.size)
    if HEAD.unpack(head) != (MAGIC, VERSION):
        raise ValueError("this is no file of Mosquitto 2.0 or 2.1")
    new.write(head)
    messages = dropped = 0
    while start := old.read(CHUNK.size):
        if len(start) < CHUNK.size:
            raise ValueError("its end is missing")
        kind, length = CHUNK.unpack(start)
        if kind not in KINDS:
            raise ValueError(f"it has a part of unknown kind ({kind})")
        content = read(old, length)
        if kind == MESSAGE:
            payload, client, user, topic = FIELDS.unpack_from(content.ljust(FIELDS.size, b"\0"))
            without = FIELDS.size + payload + client + user + topic  # properties are what is left
            if without > length:
                raise ValueError("a message is longer than its part")
            messages += 1
            dropped += without < length
            content = content[:without]
        new.write(CHUNK.pack(kind, len(content)) + content)
    return messages, dropped


def read(file: BinaryIO, length: int) -> bytes:
    """So many bytes. Raises ValueError where there are fewer."""
    if length > os.fstat(file.fileno()).st_size - file.tell():  # before memory is taken for it
        raise ValueError("its end is missing")
    return file.read(length)


if __name__ == "__main__":
    print(main(*sys.argv[1:2]))
