"""One room's stolen password against the recorder of the whole school: what the other rooms feel of it.

python -m tests.load.hostile_room --raw             as fast as a socket takes it, through docs/mosquitto/limits.nft
python -m tests.load.hostile_room --raw --unlimited the same without it: windows of others are late, or lost
python -m tests.load.hostile_room                   as fast as the broker acknowledges, without it: the same
python -m tests.load.hostile_room --seconds 60 --attack flips --attack windows

Each attack takes 15 s, all of them four minutes.

A real Mosquitto with the plugin, as docs/scale.md recommends, a real `edge record`, and three honest rooms that send a
window every half second. Prints for each attack how long the others' windows take from publication to the file,
whether any is missing, and how file and memory of the recorder grow. Exit status 1 when a window is missing, the
slowest of a hundred takes more than 2 s, or the recorder passes 200 MB. `--raw` needs root and nftables.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from rich.console import Console
from rich.table import Table

from tests.load.elsewhere import OURS, Elsewhere, inside
from tests.load.fleet.plugin_broker import PluginBroker, client_id
from tests.load.fleet.school import HOST, PASSWORD, SHIPPED
from tests.load.raw_flood import PACE
from tests.support.brokers import wait_for
from tests.support.hostile import KINDS
from tests.support.paths import ROOT
from tests.support.publishing import window

ROOMS = ("room-1", "room-2", "room-3")
HOSTILE = "room-9"
EVERY = 0.5  # seconds between two windows of an honest room
SETTLE = 20.0  # seconds after an attack in which everything has to be stored
SLOWEST, MEMORY = 2.0, 200e6  # seconds, bytes
LIMITED_PORT = 1883  # of docs/mosquitto/limits.nft
IN_FLIGHT = 500  # messages of the attacker, so that it is as quick as the broker lets it be


def _window(room: str, seq: int, epoch: str) -> dict[str, object]:
    body = window().model_dump(mode="json", by_alias=True)
    return {"schema": "edge.window/2", **body, "device": room, "epoch": epoch, "seq": seq, "replayed": False}


def _flips(number: int) -> tuple[str, bytes]:
    topic, payload = KINDS["availability"]
    return topic, payload(number)


def _states(number: int) -> tuple[str, bytes]:
    moment = f"2026-10-04T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z"
    state = {"mode": "running", "reason": f"{number} " + "x" * 30_000, "since": moment}
    return "state", json.dumps(state).encode()


def _windows(number: int) -> tuple[str, bytes]:
    return "window", json.dumps(_window(HOSTILE, number, "0badcafe")).encode()


def _newer(number: int) -> tuple[str, bytes]:
    return "window", json.dumps(
        {"schema": "edge.window/99", "device": HOSTILE, "x": f"{number} " + "y" * 30_000}
    ).encode()


def _epochs(number: int) -> tuple[str, bytes]:
    return "window", json.dumps(_window(HOSTILE, 1, f"{number:08x}")).encode()


def _junk(number: int) -> tuple[str, bytes]:
    return "window", (b"[" * 20_000, b"\xff" * 30_000, b'{"schema": 1}', b"")[number % 4]


def _empty(_number: int) -> tuple[str, bytes]:
    return "info", b""  # the shortest that a recorder asks for


def _alerts(number: int) -> tuple[str, bytes]:
    return f"alert/{number}", b"x" * 30_000


ATTACKS: dict[str, Callable[[int], tuple[str, bytes]]] = {
    "flips": _flips, "states": _states, "windows": _windows, "newer": _newer, "epochs": _epochs, "junk": _junk,
    "alerts": _alerts, "empty": _empty,
}  # fmt: skip


class Client:
    """A user of the broker."""

    def __init__(self, broker: PluginBroker, name: str) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id(name), protocol=MQTTProtocolVersion.MQTTv5)
        self._client.username_pw_set(name, PASSWORD)
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.connect(HOST, broker.port)
        self._client.loop_start()
        self._name = name
        wait_for(self._client.is_connected, 10)

    def send(self, kind: str, payload: bytes, *, patiently: bool = False) -> None:
        info = self._client.publish(f"classroom/{self._name}/{kind}", payload, 1, retain=kind.startswith("alert/"))
        if patiently:
            info.wait_for_publish(30)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@dataclass
class Honest:
    """The other rooms: what they sent, and when it was in the file (monotonic seconds)."""

    sent: dict[tuple[str, int], float] = field(default_factory=dict)
    stored: dict[tuple[str, int], float] = field(default_factory=dict)

    def latencies(self) -> list[float]:
        return [self.stored[key] - sent for key, sent in self.sent.items() if key in self.stored]

    def missing(self) -> int:
        return len(self.sent.keys() - self.stored.keys())


def run_attack(
    name: str, seconds: float, folder: Path, elsewhere: Elsewhere | None, pace: float
) -> tuple[Honest, int, float, float]:
    """What the others felt, messages of the attacker, and growth of the file and memory of the recorder in bytes."""
    more = [f"listener {LIMITED_PORT} {OURS}"] if elsewhere else []
    broker = PluginBroker(folder / "broker", more=more)
    broker.prepare()
    broker.start()
    broker.add_rooms(*ROOMS, HOSTILE)
    broker.add("recorder", "recorder")
    file = folder / "school.sqlite"
    command = [
        sys.executable, "-m", "edge", "record", "--database", str(file), "--broker", broker.url, "--set",
        "mqtt.username=recorder", "--set", f"mqtt.password_file={broker.password_file}", "--client-id",
        client_id("recorder"),
    ]  # fmt: skip
    recorder = subprocess.Popen(command, cwd=ROOT, stderr=(folder / "recorder.log").open("wb"))
    honest, stopping, attack_ends = Honest(), threading.Event(), threading.Event()
    clients = {room: Client(broker, room) for room in ROOMS}
    hostile = Client(broker, HOSTILE) if elsewhere is None else None  # one at a time: both have the room's client id
    sent = [0]

    def attack() -> None:
        if hostile is None:
            assert elsewhere is not None
            words = (OURS, str(LIMITED_PORT), HOSTILE, name, f"{seconds}", f"{pace}")
            sent[0] = int(elsewhere.run("tests.load.raw_flood", *words))
        else:
            _attack(hostile, ATTACKS[name], attack_ends, sent)

    try:
        wait_for(lambda: "connected to broker" in (folder / "recorder.log").read_text(), 30)
        watcher = threading.Thread(target=_watch, args=(file, honest, stopping), daemon=True)
        watcher.start()
        _send_honestly(clients, honest, 2.0)
        before = _size(file)
        attacker = threading.Thread(target=attack, daemon=True)
        attacker.start()
        memory = _send_honestly(clients, honest, seconds, psutil.Process(recorder.pid))
        attack_ends.set()
        attacker.join(30)
        with contextlib.suppress(BaseException):
            wait_for(lambda: not honest.missing(), SETTLE)
        stopping.set()
        watcher.join(10)
        return honest, sent[0], _size(file) - before, memory
    finally:
        attack_ends.set()
        stopping.set()
        for client in filter(None, (*clients.values(), hostile)):
            client.stop()
        recorder.terminate()
        recorder.wait(20)
        broker.kill()


def _attack(client: Client, make: Callable[[int], tuple[str, bytes]], ends: threading.Event, sent: list[int]) -> None:
    for number in itertools.count(1):
        if ends.is_set():
            return
        # Now and then it waits for the broker: paho would keep the rest in our memory.
        client.send(*make(number), patiently=number % IN_FLIGHT == 0)
        sent[0] = number


def _send_honestly(
    clients: dict[str, Client], honest: Honest, seconds: float, recorder: psutil.Process | None = None
) -> float:
    most, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        seq = len(honest.sent) // len(clients) + 1
        for room, client in clients.items():
            honest.sent[room, seq] = time.monotonic()
            client.send("window", json.dumps(_window(room, seq, "6f1c9a2e")).encode())
        if recorder is not None:
            most = max(most, float(recorder.memory_info().rss))
        time.sleep(EVERY)
    return most


def _watch(file: Path, honest: Honest, stopping: threading.Event) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as database:
        while not stopping.is_set():
            now = time.monotonic()
            with contextlib.suppress(sqlite3.Error):
                for key in _found(database):
                    honest.stored.setdefault(key, now)
            time.sleep(0.02)


def _found(database: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    query = "SELECT device, seq FROM windows WHERE device IN (?, ?, ?) ORDER BY rowid DESC LIMIT 300"
    yield from database.execute(query, ROOMS)


def _size(file: Path) -> int:
    return sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*"))


def main() -> int:
    """Run the attacks; 0 when the others felt nothing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each attack (default: %(default)s)")
    parser.add_argument("--attack", action="append", choices=sorted(ATTACKS), help="repeatable (default: all)")
    parser.add_argument("--raw", action="store_true", help="as fast as a socket takes it, from a network of its own")
    parser.add_argument("--unlimited", action="store_true", help="without docs/mosquitto/limits.nft (with --raw)")
    args = parser.parse_args()
    if args.raw and (status := inside("tests.load.hostile_room")) is not None:
        return status
    rules = "" if args.unlimited else (SHIPPED / "limits.nft").read_text()
    elsewhere = Elsewhere(rules) if args.raw else None
    pace = math.inf if args.unlimited else PACE  # whoever sends more loses packets, and so sends less
    table = Table(
        "attack", "messages", "windows of others", "p50 s", "p99 s", "max s", "missing", "file MB", "recorder MB"
    )
    good = True
    for name in args.attack or ATTACKS:
        with tempfile.TemporaryDirectory() as folder:
            honest, messages, growth, memory = run_attack(name, args.seconds, Path(folder), elsewhere, pace)
        p50, p99, longest = np.quantile(honest.latencies() or [np.inf], [0.5, 0.99, 1.0])
        figures = (f"{p50:.2f}", f"{p99:.2f}", f"{longest:.2f}", str(honest.missing()), f"{growth / 1e6:.1f}")
        table.add_row(name, f"{messages:,}", str(len(honest.sent)), *figures, f"{memory / 1e6:.0f}")
        good &= messages > 0 and not honest.missing() and p99 <= SLOWEST and memory <= MEMORY
        print(f"{name}: done", file=sys.stderr)
    if elsewhere is not None:
        elsewhere.stop()
    Console(width=110).print(table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
