"""The embedded broker on 127.0.0.1, for a first look without any set-up: mosquitto, else amqtt."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from edge.config.broker_url import BrokerUrl
from edge.errors import BrokerError
from edge.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
PORTS_TRIED = 20
START_SECONDS = 10.0
LISTENING = "0A"  # as the kernel writes that state of a TCP socket
OWN_BROKER = "set mqtt.broker to a broker of yours"


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
        """Start a broker and wait until it listens; where the first does not, the next one. Raises BrokerError."""
        port = _free_port(self._port)
        if port != self._port:
            logger.warning("port %d is in use; the embedded broker listens on %d", self._port, port)
        brokers = _installed(self._path)
        failures: list[str] = []
        for name, make_command in brokers.items():
            try:
                failure = self._start(name, make_command, port)
            except OSError as error:  # no temporary folder, or a program that may not be run
                failure = f"cannot be run: {error}"
            if failure is None:
                logger.info("embedded broker: %s on %s:%d", name, HOST, port)
                return BrokerUrl(HOST, port, tls=False)
            failures.append(f"{name} {failure}")
            if len(failures) < len(brokers):
                logger.warning("the embedded broker %s; trying the next one", failures[-1])
        raise BrokerError(f"the embedded broker did not start: {'; '.join(failures)}", OWN_BROKER)

    def _start(self, name: str, make_command: Callable[[int, Path], list[str]], port: int) -> str | None:
        """Start one broker; returns why it did not."""
        self.mqtt5 = name != "amqtt"
        self._folder = tempfile.TemporaryDirectory(prefix="edge-broker-")
        folder = Path(self._folder.name)
        self._process = subprocess.Popen(
            _dying_with_parent(make_command(port, folder)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,  # Python looks for modules in the current folder first, and that may be anybody's
            start_new_session=True,  # Ctrl-C is for us: the broker must live until the last window is out
        )
        said = _Output(self._process.stdout)
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self._process.pid, port):
            status = self._process.poll()
            if status is not None or time.monotonic() > deadline:
                self.stop()
                failure = f"did not listen within {START_SECONDS:g} s" if status is None else f"ended with {status}"
                return failure + said.last_line()
            time.sleep(0.02)
        return None

    def check(self) -> None:
        """Raises BrokerError when the broker has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise BrokerError("the embedded broker has ended", f"start again, or {OWN_BROKER}")

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


def _installed(path: str) -> dict[str, Callable[[int, Path], list[str]]]:
    """How to start each broker that is there, the better one first. Raises BrokerError: there is none."""
    found: dict[str, Callable[[int, Path], list[str]]] = {}
    if mosquitto := shutil.which("mosquitto", path=path):
        found["mosquitto"] = functools.partial(_mosquitto, mosquitto)
        # Ubuntu's AppArmor keeps it from a configuration in our folder; without one it listens on this machine only.
        found["mosquitto without a configuration"] = functools.partial(_bare_mosquitto, mosquitto)
    if importlib.util.find_spec("amqtt") is not None:
        found["amqtt"] = _amqtt
    if not found:
        raise BrokerError(
            "mqtt.broker is embedded, but neither mosquitto nor amqtt is installed",
            f"apt-get install mosquitto, or install edge with its extra [broker], or {OWN_BROKER}",
        )
    return found


def _mosquitto(program: str, port: int, folder: Path) -> list[str]:
    lines = [
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "persistence false",
        "log_dest stderr",
        "log_type error",
    ]
    if os.geteuid() == 0:
        lines.append("user root")  # else it drops to a user who cannot read this folder
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    return [program, "-c", str(config)]


def _bare_mosquitto(program: str, port: int, _folder: Path) -> list[str]:
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False, timeout=START_SECONDS).stdout
    version = re.match(r"mosquitto version (\d+)", said)
    if version is None or int(version[1]) < 2:
        raise OSError("before version 2 it would listen on every network")
    return [program, "-p", str(port)]


def _amqtt(port: int, folder: Path) -> list[str]:
    config = folder / "amqtt.yaml"
    config.write_text(
        f"listeners: {{default: {{type: tcp, bind: '{HOST}:{port}'}}}}\n"
        "plugins: {amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: true}}\n"
    )
    script = "from amqtt.scripts.broker_script import main; main()"
    return [sys.executable, "-c", script, "-c", str(config)]


class _Output:
    """Reads what a broker says for as long as it runs, and keeps the last of it: on disk it would grow for months."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._stream = stream
        self._last = b""
        self._thread = threading.Thread(target=self._read, name="broker output", daemon=True)
        self._thread.start()

    def last_line(self) -> str:
        """In brackets; such as `Unable to open config file` where AppArmor keeps mosquitto from our folder."""
        self._thread.join(1.0)
        text = printable(self._last.decode(errors="replace").strip(), 200)
        return f" ({text})" if text else ""

    def _read(self) -> None:
        if self._stream is not None:
            with self._stream:
                while line := self._stream.readline(4096):
                    if line.strip() and not line.rstrip().endswith(b" terminating"):  # Mosquitto says why before that
                        self._last = line


def _dying_with_parent(command: list[str]) -> list[str]:
    """The same command, made to end even when we are killed without a chance to stop it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command


def ports_from(wanted: int) -> range:
    """Ports on which a broker that wanted this one may listen."""
    return range(wanted, min(wanted + PORTS_TRIED, 65536))


def _free_port(wanted: int) -> int:
    for port in ports_from(wanted):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise BrokerError(f"ports {wanted} to {wanted + PORTS_TRIED - 1} are all in use", "set mqtt.embedded_port")


def _listens(process_id: int, port: int) -> bool:
    """Whether this process does: another one may have taken the port since it was free, and would be sent windows."""
    address = f"{int.from_bytes(socket.inet_aton(HOST), sys.byteorder):08X}:{port:04X}"
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == address and row[3] == LISTENING}
    with contextlib.suppress(OSError):  # it has ended, or just closes a file
        return any(str(file.readlink()) in sockets for file in Path(f"/proc/{process_id}/fd").iterdir())
    return False
