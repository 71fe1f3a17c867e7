"""A Mosquitto as `docs/mosquitto` sets one up: the shipped files, with only paths, ports and rights of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from edge.errors import BrokerError
from tests.support.brokers import can_connect, free_port
from tests.support.paths import ROOT

SHIPPED = ROOT / "docs/mosquitto"
HOST = "127.0.0.1"
PASSWORD = "a password for tests"
START_SECONDS = 30.0
DISTRICT_LINE = "max_packet_size 65536"
"""What a district's mosquitto.conf has below the shipped files, as docs/scale.md says."""


def find(program: str) -> str | None:
    """Where a program is; Debian installs some where only root's PATH looks."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def version() -> tuple[int, ...]:
    """Of the Mosquitto that the tests use: the first in PATH."""
    said = subprocess.run([find("mosquitto") or "", "-h"], capture_output=True, text=True, check=False).stdout
    return tuple(map(int, re.findall(r"\d+", said.partition("\n")[0])))


class Mosquitto:
    """A process of it, in a folder that outlives it, as a disk does.

    Args:
        folder: With its configuration, `test.conf`; its log comes beside it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, text: str) -> None:
        """Write its configuration."""
        user = "user root\n" if os.geteuid() == 0 else ""
        (self._folder / "test.conf").write_text(f"{text}\n{user}")

    def start(self) -> None:
        """Start it."""
        with (self._folder / "mosquitto.log").open("ab") as log:
            command = [find("mosquitto") or "", "-c", str(self._folder / "test.conf")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it without a chance to save anything."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it, with all that it keeps on the disk."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def log(self) -> str:
        """What it has logged."""
        return (self._folder / "mosquitto.log").read_text(errors="replace")


class SchoolBroker(Mosquitto):
    """One broker with its certificate; the folder outlives it, as a disk does.

    Attributes:
        FILES: Which of the shipped files are its configuration.

    Args:
        folder: For everything that it keeps; a `ca.key` that is there signs its certificate.
        tls: False leaves the encryption out.
        more: Lines of configuration to add.
    """

    FILES = ("school.conf", "dynamic-security.conf")

    def __init__(self, folder: Path, *, tls: bool = False, more: Iterable[str] = ()) -> None:
        super().__init__(folder)
        self._tls = tls
        self._more = list(more)
        self.port = free_port()

    @property
    def url(self) -> str:
        """As `mqtt.broker` wants it."""
        return f"{'mqtts' if self._tls else 'mqtt'}://{HOST}:{self.port}"

    @property
    def ca(self) -> str | None:
        """The file with the authority, where there is one."""
        return str(self._folder / "ca.pem") if self._tls else None

    def certificate(self, user: str) -> dict[str, str]:
        """The files with the certificate of a user and its key, as `mqtt` names them; made where they are not there."""
        files = {"certificate_file": f"{self._folder}/{user}.pem", "key_file": f"{self._folder}/{user}.key"}
        if not Path(files["certificate_file"]).exists():
            run("sh", str(SHIPPED / "certificates.sh"), str(self._folder), "--user", user)
        return files

    @property
    def password_file(self) -> str:
        """A file with the password of everybody."""
        return str(self._folder / "password")

    def prepare(self) -> None:
        """Write certificate and configuration. Raises BrokerError."""
        missing = [name for name in ("mosquitto", "openssl") if find(name) is None]
        if missing:
            raise BrokerError(f"{', '.join(missing)}: not installed", "apt-get install mosquitto openssl")
        folder = self._folder
        folder.mkdir(parents=True, exist_ok=True)
        if self._tls:
            run("sh", str(SHIPPED / "certificates.sh"), str(folder), HOST, "localhost")
        Path(self.password_file).write_text(PASSWORD)
        shipped = "".join((SHIPPED / name).read_text() for name in self.FILES)
        lines = self.localised(shipped).replace("listener 8883", f"listener {self.port} {HOST}")
        if not self._tls:
            lines = re.sub(r"(?m)^(certfile|keyfile|tls_version) .*\n", "", lines)
        self.configure("\n".join((lines, *self._more)))

    def localised(self, text: str) -> str:
        """A shipped file with this broker's paths."""
        return text.replace("/etc/mosquitto/edge", str(self._folder)).replace("/var/lib/mosquitto", str(self._folder))

    def start(self) -> None:
        """Start it and wait until it listens. Raises BrokerError."""
        super().start()
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while not can_connect(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise BrokerError("Mosquitto did not start", self.log()[-500:])
            time.sleep(0.02)


def run(*command: str) -> None:
    """Run a program that has to succeed. Raises BrokerError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrokerError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}")
