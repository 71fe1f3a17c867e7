"""A real Home Assistant on loopback: started, onboarded and asked by the interfaces that its own frontend uses."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

CONFIGURATION = """\
homeassistant: {{name: Check, latitude: 0, longitude: 0, elevation: 0, unit_system: metric, time_zone: UTC}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
logger: {{default: info}}
"""
CLIENT = "http://127.0.0.1/"
START_SECONDS = 120.0  # the very first start compiles everything


class CheckError(Exception):
    """The check has failed; says what was seen instead."""


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait; raises CheckError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise CheckError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)


class HomeAssistant:
    """One instance.

    Args:
        program: Its `hass`.
        folder: Where it keeps its configuration.
        port: Where it listens.
    """

    def __init__(self, program: Path, folder: Path, port: int) -> None:
        self._program = program
        self._folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.token = ""
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port))

    def start(self) -> None:
        """Start, and wait until everything is up."""
        # --skip-pip: nothing is fetched; what it needs was installed by check.sh.
        self._process = subprocess.Popen(
            [self._program, "--config", self._folder, "--skip-pip"],
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "stderr").open("ab"),
        )
        wait_until(self._answers, START_SECONDS, "Home Assistant to start")
        if not self.token:
            self._onboard()
        wait_until(lambda: self._get("/api/config")["state"] == "RUNNING", START_SECONDS, "Home Assistant to be up")

    def stop(self) -> None:
        """End it, politely at first."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def add_mqtt(self, port: int) -> None:
        """What a person does under Settings, Devices & services, Add integration."""
        flow = self.post("/api/config/config_entries/flow", {"handler": "mqtt", "show_advanced_options": False})
        done = self.post(f"/api/config/config_entries/flow/{flow['flow_id']}", {"broker": "127.0.0.1", "port": port})
        if done["type"] != "create_entry":
            raise CheckError(f"Home Assistant did not take the broker: {done}")

    def entities(self) -> dict[str, dict[str, Any]]:
        """The states of all entities that came by MQTT, by their full names."""
        mine = set(json.loads(self.post("/api/template", {"template": "{{ integration_entities('mqtt') | to_json }}"})))
        return {
            state["attributes"]["friendly_name"]: state
            for state in self._get("/api/states")
            if state["entity_id"] in mine
        }

    def call(self, domain: str, service: str, entity: str) -> None:
        """Have an entity do something."""
        self.post(f"/api/services/{domain}/{service}", {"entity_id": entity})

    def complaints(self) -> list[str]:
        """Warnings and errors in its log that have to do with MQTT, with the lines that belong to them."""
        # Every start begins a new log and keeps the one before.
        log = "".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("home-assistant.log*")))
        entries = re.split(r"^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", log, flags=re.MULTILINE)
        serious = [entry.strip() for entry in entries if re.match(r"\S+ \S+ (WARNING|ERROR|CRITICAL) ", entry)]
        return [entry for entry in serious if re.search("mqtt|template|sensor|switch", entry, re.IGNORECASE)]

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise CheckError(
                f"Home Assistant has ended: {(self._folder / 'stderr').read_text(errors='replace')[-2000:]}"
            )
        try:
            with urllib.request.urlopen(f"{self.url}/manifest.json", timeout=5):  # noqa: S310 - our own http address
                return True
        except OSError:
            return False

    def _onboard(self) -> None:
        person = {"name": "Check", "username": "check", "password": "check", "client_id": CLIENT, "language": "en"}
        wait_until(self._is_onboarding, START_SECONDS, "Home Assistant's first page")
        code = self.post("/api/onboarding/users", person)["auth_code"]
        form = urlencode({"grant_type": "authorization_code", "client_id": CLIENT, "code": code}).encode()
        self.token = self._request("/auth/token", form)["access_token"]

    def _is_onboarding(self) -> bool:
        try:
            return bool(self._get("/api/onboarding"))
        except CheckError:
            return False

    def _get(self, path: str) -> Any:
        return self._request(path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send JSON to its API; what it answers."""
        return self._request(path, json.dumps(body).encode())

    def _request(self, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body and body.startswith(b"{"):
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(f"{self.url}{path}", body, headers)  # noqa: S310 - our own http address
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
                text = response.read().decode()
        except urllib.error.HTTPError as error:
            raise CheckError(f"{path}: {error} {error.read()[:500]!r}") from None
        except OSError as error:
            raise CheckError(f"{path}: {error}") from None
        return text if path == "/api/template" else json.loads(text)
