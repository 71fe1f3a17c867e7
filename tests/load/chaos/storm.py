"""The storm itself: real processes, real SIGKILL, a durable subscriber that remembers everything."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.brokers import can_connect, free_port, wait_for
from tests.support.paths import ROOT

DRAIN = 60.0  # seconds that the last windows may take to arrive


@dataclass
class Report:
    """What came of it."""

    stored: int = 0
    received: int = 0
    duplicates: int = 0
    replayed: int = 0
    epochs: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        figures = (
            f"{self.stored} windows stored, {self.received} received ({self.replayed} of them late), "
            f"{self.duplicates} twice, {self.epochs} epoch"
        )
        return "\n".join([figures, *(f"PROBLEM: {problem}" for problem in self.problems or [])])


class Recorder:
    """A durable QoS 1 subscriber: its session outlives every broker, and no message is acknowledged unseen."""

    def __init__(self, port: int) -> None:
        self.messages: list[dict[str, Any]] = []
        self.connected = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "recorder", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _c, _d, message: self.messages.append(json.loads(message.payload))
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self.connected.set()
        self._client.on_disconnect = lambda *_: self.connected.clear()
        self._client.reconnect_delay_set(1, 1)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        self._client.loop_start()

    @staticmethod
    def _subscribe(client: paho.Client, *_: object) -> None:
        client.subscribe("classroom/+/window", 1)

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


class Parts:
    """Broker and daemon, started and killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.broker: subprocess.Popen[bytes] | None = None
        self.daemon: subprocess.Popen[bytes] | None = None
        (folder / "in").mkdir()
        cv2.imwrite(str(folder / "in/a.png"), np.full((240, 320, 3), 90, np.uint8))
        lines = [
            f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence true", "autosave_interval 1",
            "autosave_on_changes true", f"persistence_location {folder}/", "max_inflight_messages 0",
            "max_queued_messages 0", *(["user root"] if os.geteuid() == 0 else []),
        ]  # fmt: skip
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start_broker(self) -> None:
        binary = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        if binary is None:
            raise RuntimeError("mosquitto is not installed")
        self.broker = subprocess.Popen([binary, "-c", str(self.folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
        wait_for(lambda: can_connect(self.port), 10)

    def start_daemon(self) -> None:
        settings = (
            f"mqtt.broker=mqtt://127.0.0.1:{self.port}", f"camera.source=images:{self.folder}/in", "camera.loop=true",
            "window.seconds=1", f"outbox.path={self.folder}/outbox.sqlite", "vision.detect_width=640",
        )  # fmt: skip
        command = [sys.executable, "-m", "edge", "run", "--quiet", *(w for s in settings for w in ("--set", s))]
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        process: subprocess.Popen[bytes] | None = getattr(self, name)
        if process is not None:
            process.kill()
            process.wait()
        setattr(self, name, None)


def storm(
    folder: Path, kills: int, outage: float, seed: int, say: Callable[[str], None] = lambda _text: None
) -> Report:
    """Kill both `kills` times in random order, leave the broker away for `outage` seconds, and compare.

    Args:
        folder: For outbox, logs and the broker's memory.
        kills: Of broker and daemon each.
        outage: Seconds.
        seed: Of order and moments.
        say: Told what happens.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    parts = Parts(folder)
    parts.start_broker()
    recorder = Recorder(parts.port)
    try:
        assert recorder.connected.wait(10)
        assert parts.broker is not None
        parts.broker.send_signal(signal.SIGUSR1)  # the subscriber's session is on the broker's disk from here on
        time.sleep(1)
        parts.start_daemon()
        victims = ["broker", "daemon"] * kills
        chance.shuffle(victims)
        for number, victim in enumerate(victims):
            time.sleep(chance.uniform(0.2, 5.0))
            # What a broker acknowledged and had not yet passed on when it was killed is the broker's loss, not ours.
            wait_for(recorder.connected.is_set, 30)
            parts.kill(victim)
            say(f"kill {number + 1} of {len(victims)}: {victim}; {len(recorder.messages)} messages so far")
            time.sleep(chance.uniform(0, 2.0))
            getattr(parts, f"start_{victim}")()
        wait_for(recorder.connected.is_set, 30)
        time.sleep(2)
        parts.kill("broker")
        say(f"the broker stays away for {outage:g} s")
        time.sleep(outage)
        before = len(recorder.messages)
        parts.start_broker()
        return _settle(parts, recorder, before, say)
    finally:
        recorder.stop()
        parts.kill("daemon")
        parts.kill("broker")


def _settle(parts: Parts, recorder: Recorder, before: int, say: Callable[[str], None]) -> Report:
    """Wait until everything has arrived, end the daemon as systemd would, compare.

    The daemon's next attempt may be many seconds away when the broker comes back, and what waited is sent before what
    is new: three new windows in a row, after the first `before` messages, say that it has caught up.
    """
    deadline = time.monotonic() + DRAIN
    while time.monotonic() < deadline:
        latest = recorder.messages[before:][-3:]
        if len(latest) == 3 and not any(message["replayed"] for message in latest):
            break
        time.sleep(0.5)
    time.sleep(3)
    assert parts.daemon is not None
    parts.daemon.send_signal(signal.SIGTERM)
    parts.daemon.wait(15)
    time.sleep(1)
    say("everything has stopped; counting")
    with sqlite3.connect(parts.folder / "outbox.sqlite") as database:
        stored = int(database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'windows'").fetchone()[0])
        waiting = int(database.execute("SELECT COUNT(*) FROM windows").fetchone()[0])
    return compare(recorder.messages, stored, waiting, (parts.folder / "daemon.log").read_text())


def compare(messages: list[dict[str, Any]], stored: int, waiting: int, log: str) -> Report:
    """Hold what was recorded against what was stored, and what the daemon logged."""
    report = Report(stored=stored)
    first: dict[tuple[str, int], dict[str, Any]] = {}
    for message in messages:
        identity = (message["epoch"], message["seq"])
        # Only `replayed` may tell a copy that was sent again from the first one.
        content = {**message, "replayed": None}
        if identity in first:
            report.duplicates += 1
            if first[identity] != content:
                report.problems.append(f"window {identity} came twice with other content")
        else:
            first[identity] = content
            report.replayed += message["replayed"]
    report.received = len(first)
    report.epochs = len({epoch for epoch, _ in first})
    missing = sorted(set(range(1, stored + 1)) - {seq for _, seq in first})
    if missing:
        report.problems.append(f"{len(missing)} windows never arrived: {missing[:20]}")
    if waiting:
        report.problems.append(f"{waiting} windows are still in the outbox")
    if report.epochs != 1:
        report.problems.append(f"{report.epochs} epochs")
    if "Traceback" in log:
        report.problems.append("a traceback in the daemon's log")
    return report
