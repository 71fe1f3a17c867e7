"""docs/mosquitto/limits.nft against forged packets: what one machine gets through before them, and another one after.

python -m tests.load.forged_packets                  66,000 packets of as many made-up addresses, some seconds in all

Needs root and nftables; runs in a network of its own. Prints as JSON how many bytes came through in a second before and
after, how many addresses are in the set of senders then, and how many of its connections a machine gets after packets
that asked for some in its name. Exit status 1 when more came through than is allowed, or fewer connections.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import threading

from tests.load.elsewhere import OURS, THEIRS, Elsewhere, inside
from tests.load.fleet.school import SHIPPED

PORT = 1883
CALLS, FORGED_CALLS = 3, 200  # of one machine, which may have five at once
SECONDS = 1.0  # of each machine's flood
ALLOWED = 16_384 + 32_768 * SECONDS  # bytes: limits.nft's burst, and its rate
ROUGHLY = 3  # a packet that is begun comes through, of up to 64 KB here


def main() -> int:
    """0 when the limit holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=66_000, help="how many (default: %(default)s)")
    args = parser.parse_args()
    if (status := inside("tests.load.forged_packets")) is not None:
        return status
    rules = (SHIPPED / "limits.nft").read_text()
    elsewhere = Elsewhere(rules)
    try:
        before = _through(elsewhere, THEIRS[0])
        elsewhere.run("tests.load.forge", "rst", OURS, str(PORT), str(args.packets))
        listed = subprocess.run(
            ["nft", "-j", "list", "set", "inet", "edge_broker", "senders4"], capture_output=True, check=True
        )
        senders = len(json.loads(listed.stdout)["nftables"][1]["set"].get("elem", ()))
        after = _through(elsewhere, THEIRS[1])
    finally:
        elsewhere.stop()
    elsewhere = Elsewhere(rules)
    try:
        called = elsewhere.held(PORT, CALLS, FORGED_CALLS)[THEIRS[0]]
    finally:
        elsewhere.stop()
    print(json.dumps({"before": before, "after": after, "senders": senders, "called": called}))
    return 0 if max(before, after) <= ROUGHLY * ALLOWED and called == CALLS else 1


def _through(elsewhere: Elsewhere, address: str) -> int:
    """How many bytes of a machine's flood reach us."""
    came = [0]

    def take(server: socket.socket) -> None:
        wire, _ = server.accept()
        with wire:
            try:
                while data := wire.recv(1 << 20):
                    came[0] += len(data)
            except ConnectionResetError:
                return

    with socket.create_server((OURS, PORT)) as server:
        taking = threading.Thread(target=take, args=(server,), daemon=True)
        taking.start()
        elsewhere.run("tests.load.forge", "flood", OURS, str(PORT), address, str(SECONDS))
        taking.join(2)
    return came[0]


if __name__ == "__main__":
    sys.exit(main())
