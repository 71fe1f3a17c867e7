"""`sudo edge setup` on an installed device: the page as the service's user, the result installed by root."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.system.systemd import machine
from tests.system.systemd.machine import ETC, Subscriber, fact, is_active, must, pid, run, wait_for

SETTINGS, PASSWORD = ETC / "config.yaml", ETC / "mqtt-password"


class Page:
    """A running `edge setup`."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["edge", "setup", "--port", "8790"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(r"(http://\S+)/\?token=(\S+)", line):
                self.address, self.token = found[1], found[2]
                return
        must(False, f"no address: {''.join(said)}")

    def ask(self, path: str, body: object = None) -> Any:
        """JSON, or the problem."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "X-Edge-Setup": "1"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}{path}", data, headers)  # noqa: S310 - our own address
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def change(self, **values: Any) -> None:
        """Change some keys, with __ for the dot."""
        keys = {name.replace("__", "."): value for name, value in values.items()}
        told = self.ask("/api/change", {"revision": self.ask("/api/state")["revision"], "set": keys})
        must("problem" not in told, str(told))

    def save(self, *, restart: bool = True) -> tuple[Any, str]:
        """The answer, and what the terminal says in the end."""
        told = self.ask("/api/save", {"revision": self.ask("/api/state")["revision"], "restart": restart})
        out, _ = self.process.communicate(timeout=120)
        return told, out


def set_up(subscriber: Subscriber) -> None:
    """From the page to a restarted service."""
    machine.configure(privacy__min_faces="1")
    SETTINGS.write_text(f"# kept\n{SETTINGS.read_text()}")
    run("systemctl", "enable", "-q", "edge")
    run("systemctl", "restart", "edge")
    before, first = SETTINGS.read_bytes(), pid()
    page = Page()
    state = page.ask("/api/state")
    must(state["can_restart"] and state["password"] == "stored", str(state))
    users = page_users()
    must(len(users) == 1 and 0 not in users, f"the page runs as {users}")
    page.change(window__seconds=2)
    state = page.ask("/api/state")
    keys = [f"mqtt.{name}" for name in ("broker", "embedded_port", "ca_file", "username")]
    recipient = {key: state["values"][key] for key in keys}
    given = {"password": machine.PASSWORD, "recipient": recipient, "revision": state["revision"]}
    told = page.ask("/api/connect/password", given)
    must(told.get("password") == "given", str(told))
    checks = page.ask("/api/connect/try", {"revision": page.ask("/api/state")["revision"]})["checks"]
    must(checks[0]["status"] == "ok", str(checks))
    must(SETTINGS.read_bytes() == before, "the page itself has written the configuration")
    told, said = page.save()
    must(told["restarted"] and "is installed" in said and "edge.service is restarted" in said, f"{told}\n{said}")
    must(SETTINGS.read_text().startswith("# kept\n") and '"seconds": 2' in SETTINGS.read_text(), SETTINGS.read_text())
    (backup,) = ETC.glob("config.yaml.bak-*")
    must(backup.read_bytes() == before, "the backup")
    status = PASSWORD.stat()
    must((status.st_uid, status.st_mode & 0o777) == (0, 0o600), "rights of the password")
    must(machine.PASSWORD not in SETTINGS.read_text() + said + json.dumps(told), "the password is shown")
    must(not list(Path("/run").glob("edge-setup*")) + list(Path("/run/private").glob("edge-setup*")), "left in /run")
    wait_for(lambda: is_active() and pid() != first, 60, "the service with the new configuration")
    must(subscriber.windows(1)[-1]["window"]["seconds"] == 2, "the new length of windows")
    fact(f"edge setup: page as user {sorted(users)}; root installed, kept a backup, and restarted the service")
    refused()


def page_users() -> set[int]:
    """The users of the Python processes that show the page."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"--hand-over" in words and b"python" in words[0]:
                found.add(process.stat().st_uid)
    return found


def refused() -> None:
    """What changed meanwhile stays, and a page that saves nothing changes nothing."""
    page = Page()
    page.change(window__seconds=3)
    SETTINGS.write_text(SETTINGS.read_text() + "# somebody else\n")
    there = hashlib.sha256(SETTINGS.read_bytes()).hexdigest()
    told = page.ask("/api/save", {"revision": page.ask("/api/state")["revision"], "restart": True})
    must("changed by somebody else" in str(told.get("problem")), str(told))
    page.process.terminate()  # the shell ends once the page has
    run("systemctl", "stop", "run-*.service", check=False)
    page.process.wait(60)
    must(hashlib.sha256(SETTINGS.read_bytes()).hexdigest() == there, "it was overwritten")
    fact("edge setup: a file that somebody changed meanwhile is left alone")
