"""A recorder is away while one room's stolen password floods the broker: what becomes of the others' windows.

python -m tests.load.away_reader                    eight minutes
python -m tests.load.away_reader --minutes 40       longer than docs/mosquitto/school.conf promises
python -m tests.load.away_reader --readers 2        as many of them are away

A real Mosquitto with the plugin, behind docs/mosquitto/limits.nft, and three honest rooms that send a window each
second. The flood is of the shortest messages that a recorder asks for, from one address. Prints how many there were,
how many windows of others were acknowledged and never arrived, and what the broker took of memory. Exit status 1 when
one is missing. Needs root and nftables.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.load.elsewhere import OURS, Elsewhere, inside
from tests.load.fleet.plugin_broker import PluginBroker, client_id
from tests.load.fleet.school import SHIPPED
from tests.load.fleet.users import User
from tests.load.hostile_room import HOSTILE, LIMITED_PORT, ROOMS
from tests.load.raw_flood import PACE
from tests.support.brokers import wait_for

WANTED = ("window", "state", "availability", "info")
LONGEST = 1800.0  # seconds until everything that waited is read


def main() -> int:
    """Run it; 0 when every acknowledged window arrived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0, help="that it is away (default: %(default)s)")
    parser.add_argument("--readers", type=int, default=1, help="that are away (default: %(default)s)")
    args = parser.parse_args()
    if (status := inside("tests.load.away_reader")) is not None:
        return status
    elsewhere = Elsewhere((SHIPPED / "limits.nft").read_text())
    with tempfile.TemporaryDirectory() as folder:
        broker = PluginBroker(Path(folder), more=[f"listener {LIMITED_PORT} {OURS}", "max_topic_alias 0"])
        broker.prepare()
        broker.start()
        try:
            return _away(broker, elsewhere, args.minutes * 60, args.readers)
        finally:
            broker.kill()
            elsewhere.stop()


def _away(broker: PluginBroker, elsewhere: Elsewhere, seconds: float, readers: int) -> int:
    broker.add_rooms(*ROOMS, HOSTILE)
    names = [f"recorder-{number}" for number in range(readers)]
    for name in names:
        broker.add("recorder", name)
        reader = User(broker, name, session=client_id(name))
        reader.ask(*(f"classroom/+/{each}" for each in WANTED))
        reader.stop()
    assert broker.process is not None
    process, sent = psutil.Process(broker.process.pid), [0]
    words = (OURS, str(LIMITED_PORT), HOSTILE, "empty", f"{seconds}", f"{PACE}")

    def attack() -> None:
        sent[0] = int(elsewhere.run("tests.load.raw_flood", *words))

    attacker = threading.Thread(target=attack, daemon=True)
    attacker.start()
    acknowledged = _send_windows(broker, seconds)
    attacker.join(60)
    memory = process.memory_info().rss
    reader, last = User(broker, names[0], session=client_id(names[0])), acknowledged[-1]

    def windows() -> set[tuple[str, str]]:
        found = [message for message in list(reader.messages) if message.name == "window"]
        return {(message.topic.split("/")[1], message.payload.decode()) for message in found}

    # The last window comes after everything that waited, unless it was dropped: then nothing more comes.
    counts = [-1]

    def read() -> bool:
        if last in windows() or counts[-1] == len(reader.messages):
            return True
        counts.append(len(reader.messages))
        time.sleep(5)
        return False

    wait_for(read, LONGEST, "what waited")
    lost = set(acknowledged) - windows()
    reader.stop()
    figures = {
        "messages of the attacker": sent[0], "a second": round(sent[0] / seconds),
        "windows of others": len(acknowledged), "lost": len(lost), "broker MB": round(memory / 1e6),
    }  # fmt: skip
    print(json.dumps(figures))
    return 1 if lost else 0


def _send_windows(broker: PluginBroker, seconds: float) -> list[tuple[str, str]]:
    """Room and number of each window that the broker has acknowledged, in order."""
    rooms = {room: User(broker, room, session=client_id(room)) for room in ROOMS}
    acknowledged: list[tuple[str, str]] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        number = f"{len(acknowledged)}"
        for room, user in rooms.items():
            assert user.publish(f"classroom/{room}/window", number) == "Success"
            acknowledged.append((room, number))
        time.sleep(1)
    for user in rooms.values():
        user.stop()
    return acknowledged


if __name__ == "__main__":
    sys.exit(main())
