"""docs/mosquitto/limits.nft against calls without a password: how many one machine gets, and what each leaves behind.

python -m tests.load.refused_connects               the broker's memory over five minutes of calls
python -m tests.load.refused_connects --calls       only how many of 250 calls at once come through; a second

Mosquitto 2.0.11 keeps the will of each CONNECT that it refuses, for good; one of 30 KB of empty user properties takes
twelve times that. Needs root, nftables and Mosquitto; runs in a network of its own. Prints as JSON how many calls were
answered and by how many bytes the broker grew, in the first four minutes and then; or how many came through. Exit
status 1 when more came through than is allowed.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.load.elsewhere import OURS, THEIRS, Elsewhere, inside
from tests.load.fleet.plugin_broker import PluginBroker
from tests.load.fleet.school import SHIPPED
from tests.load.raw_flood import packet, text

PORT = 1883  # of limits.nft
AT_ONCE, TRIED, PER_SECOND = 200, 250, 1 / 6  # of limits.nft
FEW = 10  # that come through besides, while the calls last
FIRST = AT_ONCE / (1 - PER_SECOND)  # seconds in which a call a second uses them up
NOT_ASKED = {
    "rate 1/second burst 5 packets": "rate 1000/second burst 1000 packets",
    "over 10/second burst 40 packets": "over 1000/second burst 1000 packets",
    "ct count 40 ": "ct count 1000 ",
}
EMPTY_PROPERTY = b"\x26\0\0\0\0"
PATIENCE = 5.0  # seconds until an answer


def will() -> bytes:
    """A CONNECT of nobody, with a will of 6,000 empty user properties."""
    properties = EMPTY_PROPERTY * 6000
    length = bytes((len(properties) & 127 | 128, len(properties) >> 7 & 127 | 128, len(properties) >> 14))
    body = text("MQTT") + bytes((5, 0b11000110)) + b"\0\x3c\0" + text("x") + length + properties + text("a") + b"\0\0"
    return packet(b"\x10", body + text("nobody") + text("no"))


def call(seconds: float, gap: float) -> int:
    """Call for so long, one call each `gap` seconds, and return how many were answered."""
    answered, until = 0, time.monotonic() + seconds
    while (now := time.monotonic()) < until:
        try:
            with socket.create_connection((OURS, PORT), PATIENCE, (THEIRS[0], 0)) as wire:
                wire.sendall(will())
                answered += bool(wire.recv(100))
        except OSError:
            pass
        time.sleep(max(0.0, gap - (time.monotonic() - now)))
    return answered


def _come_through() -> int:
    """How many of many calls at once, where nothing else bounds them."""
    rules = (SHIPPED / "limits.nft").read_text()
    for bound, wide in NOT_ASKED.items():
        assert bound in rules
        rules = rules.replace(bound, wide)
    elsewhere = Elsewhere(rules)
    try:
        return elsewhere.held(PORT, TRIED)[THEIRS[0]]
    finally:
        elsewhere.stop()


def _growth(seconds: float) -> dict[str, float]:
    """What a real broker grew by, while the first two hundred calls last, and then."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    elsewhere = Elsewhere((SHIPPED / "limits.nft").read_text())
    found: dict[str, float] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            broker = PluginBroker(Path(folder), more=[f"listener {PORT} {OURS}"])
            broker.prepare()
            broker.start()
            assert broker.process is not None
            process = psutil.Process(broker.process.pid)
            for name, lasts in ("first", FIRST), ("then", seconds - FIRST):
                before = process.memory_info().rss
                found[f"{name}, calls"] = int(elsewhere.run("tests.load.refused_connects", "--as-caller", str(lasts)))
                found[f"{name}, bytes"] = process.memory_info().rss - before
            broker.kill()
    finally:
        elsewhere.stop()
    return found


def main() -> int:
    """0 when no more came through than is allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", action="store_true", help="no broker")
    parser.add_argument("--seconds", type=float, default=300.0, help="of calls (default: %(default)s)")
    parser.add_argument("--as-caller", type=float, metavar="SECONDS", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.as_caller is not None:
        print(call(args.as_caller, 1.0))
        return 0
    if (status := inside("tests.load.refused_connects")) is not None:
        return status
    if args.calls:
        through = _come_through()
        print(json.dumps({"through": through}))
        return 0 if through <= AT_ONCE + FEW else 1
    found = _growth(args.seconds)
    print(json.dumps(found))
    return 0 if found["then, calls"] <= (args.seconds - FIRST) * PER_SECOND + FEW else 1


if __name__ == "__main__":
    sys.exit(main())
