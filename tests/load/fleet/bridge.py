"""The Mosquitto that hands a school's messages to its district, as `docs/mosquitto/bridge` sets it up."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.load.fleet.plugin_broker import PluginBroker
from tests.load.fleet.school import HOST, PASSWORD, SHIPPED, find

BRIDGE = "bridge"  # its user at the school
FOLDER = SHIPPED / "bridge"


class Bridge:
    """Between two brokers that run; its users are made here. The folder outlives it, as a disk does.

    Args:
        folder: For everything that it keeps.
        school: From where; with its authority where it encrypts.
        port: Of the district's broker.
        name: Of the school, and of its user at the district, who has to be there.
        commands: Whether the district may give commands.
        district_lines: Further lines of the connection to the district.
    """

    def __init__(
        self,
        folder: Path,
        school: PluginBroker,
        port: int,
        *,
        name: str = "north",
        commands: bool = False,
        district_lines: Iterable[str] = (),
    ) -> None:
        school.add("commander" if commands else "dashboard", BRIDGE, "edge-bridge")
        folder.mkdir()
        text = (FOLDER / "bridge.conf").read_text()
        places = {
            "localhost:8883": f"{HOST}:{school.port}", "district.example.org:8883": f"{HOST}:{port}",
            "CHANGE-ME-SCHOOL": PASSWORD, "CHANGE-ME-DISTRICT": PASSWORD, "/run/edge-bridge": str(folder),
            "/var/lib/edge-bridge": str(folder), "/etc/mosquitto/edge/ca.pem": school.ca or "",
            "restart_timeout 2 60": "restart_timeout 1", "restart_timeout 2 10": "restart_timeout 1",
            " north/": f" {name}/", "remote_username north": f"remote_username {name}",
            f"remote_username {name}": "\n".join((f"remote_username {name}", *district_lines)),
        }  # fmt: skip
        for shipped, here in places.items():
            assert shipped in text, shipped
            text = text.replace(shipped, here)
        if commands:
            text = text.replace("\n#topic", "\ntopic")
        if not school.ca:
            text = re.sub(r"(?m)^bridge_(cafile |tls_version .*)\n", "", text)
        if os.geteuid() == 0:
            text += "user root\n"
        self._file, self._log = folder / "test.conf", folder / "log"
        self._file.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            command = [find("mosquitto") or "", "-c", str(self._file)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        """End it, with all that it keeps on the disk."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """End it without a chance to save anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(errors="replace")
