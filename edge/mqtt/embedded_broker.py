"""The embedded broker on 127.0.0.1, for a first look without any set-up: mosquitto, else amqtt."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edge.config.broker_url import BrokerUrl
from edge.errors import BrokerError

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
PORTS_TRIED = 20
START_SECONDS = 10.0


class EmbeddedBroker:
    """A child process that ends with us; reachable from this machine only, keeps nothing on disk.

    Args:
        port: The port wanted; the next free one is taken when it is in use.
        path: The folders in which mosquitto is looked for, as in $PATH; None: those of $PATH, and where Debian puts it.
    """

    def __init__(self, port: int, path: str | None = None) -> None:
        self._port = port
        # Debian installs mosquitto where only root's PATH looks.
        self._path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin" if path is None else path
        self.mqtt5 = True
        """Whether it speaks MQTT 5: mosquitto does, amqtt does not."""
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> BrokerUrl:
        """Start the broker and wait until it listens. Raises BrokerError."""
        port = _free_port(self._port)
        if port != self._port:
            logger.warning("port %d is in use; the embedded broker listens on %d", self._port, port)
        self._folder = tempfile.TemporaryDirectory(prefix="edge-broker-")
        name, command = _command(port, Path(self._folder.name), self._path)
        self.mqtt5 = name != "amqtt"
        self._process = subprocess.Popen(
            _dying_with_parent(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.name,  # Python looks for modules in the current folder first, and that may be anybody's
            start_new_session=True,  # Ctrl-C is for us: the broker must live until the last window is out
        )
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise BrokerError(f"the embedded broker ({name}) did not start", "set mqtt.broker to a broker of yours")
            time.sleep(0.02)
        logger.info("embedded broker: %s on %s:%d", name, HOST, port)
        return BrokerUrl(HOST, port, tls=False)

    def check(self) -> None:
        """Raises BrokerError when the broker has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise BrokerError("the embedded broker has ended", "start again, or set mqtt.broker to a broker of yours")

    def stop(self) -> None:
        """End the broker."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _command(port: int, folder: Path, path: str) -> tuple[str, list[str]]:
    mosquitto = shutil.which("mosquitto", path=path)
    if mosquitto:
        lines = [f"listener {port} {HOST}", "allow_anonymous true", "persistence false", "log_dest none"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it drops to a user who cannot read this folder
        config = folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return "mosquitto", [mosquitto, "-c", str(config)]
    if importlib.util.find_spec("amqtt") is not None:
        config = folder / "amqtt.yaml"
        config.write_text(
            f"listeners: {{default: {{type: tcp, bind: '{HOST}:{port}'}}}}\n"
            "plugins: {amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: true}}\n"
        )
        script = "from amqtt.scripts.broker_script import main; main()"
        return "amqtt", [sys.executable, "-c", script, "-c", str(config)]
    raise BrokerError(
        "mqtt.broker is embedded, but neither mosquitto nor amqtt is installed",
        "apt-get install mosquitto, or install edge with its extra [broker], or set mqtt.broker to a broker of yours",
    )


def _dying_with_parent(command: list[str]) -> list[str]:
    """The same command, made to end even when we are killed without a chance to stop it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command


def _free_port(wanted: int) -> int:
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise BrokerError(f"ports {wanted} to {wanted + PORTS_TRIED - 1} are all in use", "set mqtt.embedded_port")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
