"""docs/mosquitto/end-unread.sh against one room's password that asks without an end, and reads no answer.

python -m tests.load.unread_answers                 some seconds
python -m tests.load.unread_answers --no-destroy    as on a kernel that ends no connection for `ss -K`: by limits.nft

Needs root, nftables and Mosquitto; runs in a network of its own. Prints as JSON by how many bytes the
broker grew, whether the one who does not read was ended, how many others were, and how many windows of another room the
recorder lacks. Exit status 1 when it is not as it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.load.elsewhere import inside
from tests.load.fleet.plugin_broker import PluginBroker, client_id
from tests.load.fleet.school import HOST, SHIPPED
from tests.load.fleet.users import User
from tests.load.raw_flood import connect

PORT = 1883  # of the script, and of limits.nft
HOSTILE, ROOM = "room-9", "room-1"
TOPIC = f"classroom/{ROOM}/window"
PINGS = b"\xc0\0" * 4096
LOOKS = "0-0"  # seconds between two of the script
ENOUGH = 5e6  # bytes that the broker has to grow by before we look
PATIENCE = 60.0
NO_DESTROY = '#!/bin/sh\ncase $1 in *K*) ;; *) exec "$SS" "$@" ;; esac\n'  # the real one then says nothing either


def main() -> int:
    """0 when only who does not read was ended, and nothing is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--no-destroy", action="store_true", help="the kernel's own way of ending a connection is missing"
    )
    args = parser.parse_args()
    if (status := inside("tests.load.unread_answers")) is not None:
        return status
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["nft", "-f", SHIPPED / "limits.nft"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        broker = PluginBroker(Path(folder))
        broker.port = PORT
        broker.prepare()
        broker.start()
        try:
            broker.add_rooms(HOSTILE, ROOM)
            broker.add("recorder", "recorder")
            figures = _figures(broker, Path(folder) / "ended", _environment(Path(folder), no_destroy=args.no_destroy))
        finally:
            broker.kill()
    print(json.dumps(figures))
    return 0 if (figures["hostile"], figures["others"], figures["missing"]) == (True, 0, 0) else 1


def _environment(folder: Path, *, no_destroy: bool) -> dict[str, str]:
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    if not no_destroy:
        return {**os.environ, "PATH": search}
    real = subprocess.run(["which", "ss"], env={"PATH": search}, capture_output=True, text=True, check=True)
    wrapper = folder / "bin/ss"
    wrapper.parent.mkdir()
    wrapper.write_text(NO_DESTROY)
    wrapper.chmod(0o755)
    return {**os.environ, "PATH": f"{wrapper.parent}:{search}", "SS": real.stdout.strip()}


def _figures(broker: PluginBroker, said: Path, environment: dict[str, str]) -> dict[str, int]:
    assert broker.process is not None
    memory = psutil.Process(broker.process.pid).memory_info
    reader = User(broker, "recorder", session=client_id("recorder")).subscribe(TOPIC)
    room = User(broker, ROOM, session=client_id(ROOM))
    script: subprocess.Popen[bytes] | None = None
    before, grown = memory().rss, 0
    sent: list[bytes] = []
    with connect(HOST, PORT, HOSTILE) as wire:
        name = f"{HOST}:{wire.getsockname()[1]} "
        asking = threading.Thread(target=_ask, args=(wire,), daemon=True)
        asking.start()
        until = time.monotonic() + PATIENCE
        while asking.is_alive() and time.monotonic() < until:
            sent.append(b"%d" % len(sent))
            room.publish(TOPIC, sent[-1])
            grown = max(grown, memory().rss - before)
            if script is None and grown > ENOUGH:
                with said.open("w") as output:
                    script = subprocess.Popen(
                        ["sh", SHIPPED / "end-unread.sh", LOOKS], env=environment, stdout=output,
                        start_new_session=True,
                    )  # fmt: skip
            time.sleep(0.05)
    if script is None:
        sys.exit("the broker did not grow")
    while name not in said.read_text() and time.monotonic() < until:  # it ends a connection, and then says so
        time.sleep(0.05)
    os.killpg(script.pid, signal.SIGTERM)
    script.wait()
    ended = said.read_text().splitlines()
    until = time.monotonic() + PATIENCE
    while (missing := {*sent} - {message.payload for message in reader.messages}) and time.monotonic() < until:
        time.sleep(0.05)
    reader.stop()
    room.stop()
    hostile = [line for line in ended if line.startswith(name)]
    return {
        "grown": grown, "hostile": bool(hostile) and not asking.is_alive(), "others": len(ended) - len(hostile),
        "missing": len(missing),
    }  # fmt: skip


def _ask(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            wire.sendall(PINGS)


if __name__ == "__main__":
    sys.exit(main())
