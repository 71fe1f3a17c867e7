"""What the checks in the container share: systemd, a subscriber, facts. Standard library only."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ETC = Path("/etc/edge")
PYTHON = os.environ.get("EDGE_PYTHON", "/opt/edge/.venv/bin/python")
COMMAND = "/usr/local/bin/edge" if PYTHON.startswith("/opt/") else "/usr/bin/edge"
USER, PASSWORD = "edge", "not in any argument"


class FailedError(Exception):
    """Something does not hold."""


def fact(text: str) -> None:
    """One line of the report."""
    print(f"  {text}")


def must(condition: object, text: str) -> None:
    """Stop here unless it holds."""
    if not condition:
        raise FailedError(text)


def run(*command: str, check: bool = True) -> str:
    """Run a command; its output, stderr included."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    must(not check or done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> float:
    """Wait until it holds; how long that took."""
    began = time.monotonic()
    while not condition():
        must(time.monotonic() - began < seconds, f"waited {seconds} s for: {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def show(unit: str, name: str) -> str:
    """A property of a unit."""
    return run("systemctl", "show", "-P", name, unit).strip()


def pid(unit: str = "edge") -> int:
    """The main process."""
    return int(show(unit, "MainPID"))


def is_active(unit: str = "edge") -> bool:
    """Whether it is up (after READY)."""
    return show(unit, "ActiveState") == "active"


def journal(unit: str = "edge") -> str:
    """All that was logged."""
    return run("journalctl", "-q", "-o", "cat", "-u", unit)


def drop_in(name: str, text: str) -> None:
    """A drop-in for both units."""
    for unit in ("edge", "edge@"):
        folder = Path(f"/run/systemd/system/{unit}.service.d")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.conf").write_text(f"[Service]\n{text}\n")
    run("systemctl", "daemon-reload")


def configure(name: str = "config", broker: str = "mqtt://127.0.0.1:1883", source: str = "sample", **more: str) -> None:
    """Write a configuration; `more` has `section__key` names."""
    device = "room-1" if name == "config" else f"room-{name}"
    values: dict[str, Any] = {
        "device": {"name": device},
        "deployment": {"responsible": "nobody", "legal_basis": "a test"},
        "camera": {"source": source},
        "window": {"seconds": 1},
        "mqtt": {"broker": broker} | ({} if broker == "embedded" else {"username": USER}),
    }
    for key, value in more.items():
        section, _, key_name = key.partition("__")
        values.setdefault(section, {})[key_name] = json.loads(value)
    ETC.joinpath(f"{name}.yaml").write_text(json.dumps(values, indent=1))  # JSON is YAML


class Subscriber:
    """mosquitto_sub with a session that outlives the broker's restart."""

    def __init__(self, name: str, port: int = 1883, *, user: bool = True) -> None:
        self.messages: list[tuple[str, Any]] = []
        login = ["-u", USER, "-P", PASSWORD] if user else []
        self._process = subprocess.Popen(
            [
                "mosquitto_sub",
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                *login,
                "-c",
                "-i",
                name,
                "-q",
                "1",
                "-v",
                "-t",
                "classroom/#",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            topic, _, payload = line.rstrip("\n").partition(" ")
            try:
                self.messages.append((topic, json.loads(payload)))
            except ValueError:
                self.messages.append((topic, payload))

    def of(self, topic: str, device: str = "room-1") -> list[Any]:
        """What came under a topic, oldest first."""
        return [payload for name, payload in list(self.messages) if name == f"classroom/{device}/{topic}"]

    def windows(self, count: int, device: str = "room-1", seconds: float = 40) -> list[Any]:
        """Wait for so many more windows, and return those."""
        before = len(self.of("window", device))
        wait_for(lambda: len(self.of("window", device)) >= before + count, seconds, f"{count} windows of {device}")
        return self.of("window", device)[before:]

    def gaps(self, device: str = "room-1") -> tuple[int, list[int]]:
        """How many windows came in all, and which numbers are missing between the first and the last."""
        seqs = {window["seq"] for window in self.of("window", device)}
        return len(seqs), sorted(set(range(min(seqs), max(seqs) + 1)) - seqs)

    def complete(self, seconds: float, device: str = "room-1") -> tuple[int, float]:
        """Wait until no number is missing: live windows overtake the backlog, which a busy machine sends slowly.

        Returns how many windows came in all, and the seconds waited.
        """
        began = time.monotonic()
        while (found := self.gaps(device))[1]:
            must(time.monotonic() - began < seconds, f"after {seconds} s, windows {found[1]} are still missing")
            time.sleep(0.05)
        return found[0], time.monotonic() - began

    def stop(self) -> None:
        """Disconnect."""
        self._process.kill()


def files() -> set[str]:
    """Every file and link where software and its data live; what changes by itself is left out."""
    found = run("find", "/opt", "/etc", "/usr", "/var/lib", "-xdev", "-not", "-type", "d").split("\n")
    own = ("/var/lib/systemd/", "/var/lib/mosquitto/", "/etc/mosquitto/", "/var/lib/dbus")
    return {f for f in found if f and not f.startswith(own) and "__pycache__" not in f}


def private_folders() -> set[str]:
    """The state folders."""
    return {str(p) for p in Path("/var/lib/private").glob("edge*")}
