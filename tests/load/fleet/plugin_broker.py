"""A Mosquitto with the dynamic security plugin, whose users `docs/mosquitto/dynamic-security.sh` makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.load.fleet.school import HOST, PASSWORD, SHIPPED, SchoolBroker, find, run

ADMIN = "password-of-admin"


def client_id(user: str) -> str:
    """With which somebody can connect."""
    return f"edge-classroom-{user}" if user.startswith("room-") else f"edge-{user}"


def missing() -> list[str]:
    """What is not installed of what it needs."""
    programs = ("mosquitto", "mosquitto_ctrl", "mosquitto_rr", "openssl")
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
    return [*(name for name in programs if find(name) is None), *([] if plugin else ["the dynamic security plugin"])]


class PluginBroker(SchoolBroker):
    """Users are added while it runs.

    Args:
        folder: For everything that it keeps.
        tls: False leaves the encryption out.
        more: Lines of configuration to add.
    """

    def __init__(self, folder: Path, *, tls: bool = False, more: Iterable[str] = ()) -> None:
        super().__init__(folder, tls=tls, more=more)
        self.rules = folder / "rules.json"
        self.script_folder = folder
        """Where the shipped script runs, which keeps a copy of the rules beside itself."""
        self.asks_for_certificates = False
        """Whether the administrator has to show one."""

    def prepare(self) -> None:
        """Besides, make the file of its users, in which there is an administrator."""
        super().prepare()
        run(find("mosquitto_ctrl") or "", "dynsec", "init", str(self.rules), "admin", ADMIN)

    def script(self, *words: str, before: Iterable[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run the shipped script with these words, and this broker's options; `before`: a program that starts it."""
        script = shutil.copy(SHIPPED / "dynamic-security.sh", self.script_folder)
        command = [*before, "sh", script, "--rules", str(self.rules), *words, *self._options()]
        environment = {**os.environ, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def control(self, *words: str) -> None:
        """What the administrator may do with `mosquitto_ctrl ... dynsec`."""
        run(find("mosquitto_ctrl") or "", *self._options(), "dynsec", *words)

    def _options(self) -> list[str]:
        options = ["-h", HOST, "-p", str(self.port), "-u", "admin", "-P", ADMIN]
        if self.asks_for_certificates:
            files = self.certificate("admin")
            options += ["--cert", files["certificate_file"], "--key", files["key_file"]]
        return [*options, "--cafile", self.ca] if self.ca else options

    def add_rooms(self, *rooms: str) -> None:
        """Each with the password of everybody, and the client id of its daemon."""
        for room in rooms:
            self._add(room)

    def add(self, kind: str, name: str, own_id: str = "", *, prefix: str = "classroom") -> None:
        """Somebody else, with `client_id` or another one."""
        self._add("--prefix", prefix, f"--{kind}", name, own_id or client_id(name))

    def add_many(self, first: str, *others: str) -> None:
        """Rooms as `add_rooms` makes them, of which the script makes the first: a thousand would take it ten minutes.

        The broker is started anew. No name may be a part of another one.
        """
        self.add_rooms(first)
        self.stop()
        rules = json.loads(self.rules.read_text())
        for entries in (rules["clients"], rules["roles"], *(group["roles"] for group in rules["groups"])):
            own = [text for text in map(json.dumps, entries) if first in text]
            entries += [json.loads(text.replace(first, other)) for other in others for text in own]
        self.rules.write_text(json.dumps(rules))
        self.start()

    def add_connection(self, name: str, role: str) -> None:
        """A further user with the rights of another one; its name is its client id, too."""
        self.control("createClient", name, "-c", name, "-p", PASSWORD)
        self.control("addClientRole", name, role)

    def _add(self, *words: str) -> None:
        done = self.script(*words, PASSWORD)
        assert done.returncode == 0, done.stderr
