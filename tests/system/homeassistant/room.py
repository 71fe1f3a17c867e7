"""The other side of the check: a Mosquitto, the real daemon, and everything that was on the wire."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge.contract.topics import Topics
from edge.mqtt.home_assistant_entities import config_topic
from tests.support.brokers import Subscriber, can_connect, free_port
from tests.support.paths import ROOT
from tests.system.homeassistant.instance import CheckError, wait_until

TOPICS = Topics("class room", "Raum 204 (Süd)")  # neither may stand in a topic of Home Assistant's as it is
ENTRY = config_topic("homeassistant", TOPICS)
SETTINGS = (
    f"device.prefix={TOPICS.prefix}",
    f"device.name={TOPICS.device}",
    "window.seconds=2",
    "health.seconds=3",
    "camera.source=sample:25",
)


class Room:
    """A broker, and a daemon now and then.

    Args:
        folder: For their files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()

    def start(self) -> None:
        """Start the broker and listen to all of it."""
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence false"]
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join([*lines, *(["user root"] if os.geteuid() == 0 else [])]) + "\n")
        program = shutil.which("mosquitto") or "mosquitto"
        self._broker = subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL)
        wait_until(lambda: can_connect(self.port), 10, "mosquitto")
        self.wire = Subscriber(self.port, "#")
        self._sender = paho.Client(CallbackAPIVersion.VERSION2)
        self._sender.connect("127.0.0.1", self.port)
        self._sender.loop_start()

    def stop(self) -> None:
        """End it all."""
        self._broker.terminate()
        self._broker.wait()
        self.wire.stop()
        self._sender.loop_stop()

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish something in the daemon's place."""
        self._sender.publish(topic, payload, 1, retain).wait_for_publish(5)

    def sent(self, topic: str) -> list[bytes]:
        """Every payload of a topic, in order."""
        return [message.payload for message in self.wire.messages if message.topic == topic]

    def newest(self, topic: str) -> Any:
        """The last message of a topic."""
        return json.loads(self.sent(topic)[-1])

    def announced(self) -> int:
        """How many times the device was announced."""
        return len([payload for payload in self.sent(ENTRY) if payload])

    @contextmanager
    def daemon(self, *settings: str) -> Iterator[None]:
        """The real daemon, until the end of the block."""
        before = len(self.wire.messages)
        wanted = {ENTRY, TOPICS.availability, TOPICS.latest, TOPICS.health}
        with (self._folder / "daemon.log").open("ab") as log:
            process = subprocess.Popen(self._edge("run", *settings), cwd=ROOT, stdout=log, stderr=log, env=self._home())
        try:
            wait_until(lambda: wanted <= {message.topic for message in self.wire.messages[before:]}, 30, "the daemon")
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            process.kill()
            process.wait()

    def unregister(self) -> None:
        """`edge unregister --all`, for real."""
        command = [*self._edge("unregister"), "--all"]
        done = subprocess.run(command, cwd=ROOT, env=self._home(), capture_output=True, text=True, check=False)
        print(done.stdout + done.stderr, end="")
        if done.returncode or f"removed {ENTRY}\n" not in done.stdout:
            raise CheckError(f"edge unregister: exit {done.returncode}")

    def log(self) -> str:
        """What the daemon said last."""
        path = self._folder / "daemon.log"
        return path.read_text(errors="replace")[-2000:] if path.exists() else ""

    def _edge(self, command: str, *settings: str) -> list[str]:
        all_settings = (f"mqtt.broker=mqtt://127.0.0.1:{self.port}", *SETTINGS, *settings)
        words = [word for setting in all_settings for word in ("--set", setting)]
        return [sys.executable, "-m", "edge", command, *words]

    def _home(self) -> dict[str, str]:
        return {**os.environ, "XDG_STATE_HOME": str(self._folder)}
