"""The Mosquitto that hands a school's messages to its district, as `docs/mosquitto/bridge` sets it up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.load.fleet.plugin_broker import PluginBroker
from tests.load.fleet.school import HOST, PASSWORD, SHIPPED, Mosquitto

BRIDGE = "bridge"  # its user at the school
FOLDER = SHIPPED / "bridge"


class Bridge(Mosquitto):
    """Between two brokers that run; its user at the school is made here.

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
        super().__init__(folder)
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
        self.configure(text)
