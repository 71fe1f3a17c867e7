"""A running `edge setup`, asked as its page asks."""

from __future__ import annotations

import json
import re
import subprocess
import time
from http.client import HTTPConnection
from typing import Any

import pytest

from edge.web.setup.config_file import RECIPIENT
from edge.web.setup.typed_source import RECIPIENT as ADDRESS_RECIPIENT


class SetupPage:
    """The routes of a process, over real HTTP.

    Args:
        process: `edge setup`, just started.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        for line in process.stdout:
            if found := re.search(r"http://([\d.]+):(\d+)/\?token=(\S+)", line):
                self.host, self.port, self.token = found[1], int(found[2]), found[3]
                break
        else:
            pytest.fail(f"no address: {process.communicate()[1]}")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """One request of the page's script; header names with _ for -, an empty one is left out."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.token}", "X-Edge-Setup": "1", **given}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found

    def get(self, path: str) -> Any:
        """JSON."""
        status, body = self.ask("GET", path)
        assert status == 200, body
        return plain(json.loads(body))

    def post(self, path: str, body: object, **headers: str) -> tuple[int, Any]:
        """Status and JSON, as the page sends it; a body of bytes as it is."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, told = self.ask("POST", path, sent, **{"Content_Type": "application/json", **headers})
        return status, plain(json.loads(told)) if told.startswith(b"{") else told.decode()

    def change(self, *unset: str, **values: Any) -> tuple[int, Any]:
        """Change some keys, with __ for the dot, at the present revision."""
        keys = {name.replace("__", "."): value for name, value in values.items()}
        return self.post("/api/change", {**self.in_sight(), "set": keys, "unset": list(unset)})

    def in_sight(self) -> dict[str, Any]:
        """What the page shows now, beside which somebody types an address."""
        state = self.get("/api/state")
        return {"revision": state["revision"], "recipient": {key: state["values"][key] for key in ADDRESS_RECIPIENT}}

    def open_camera(self, body: dict[str, Any]) -> tuple[int, Any]:
        """Open a camera beside what the page shows."""
        return self.post("/api/camera", {**self.in_sight(), **body})

    def try_broker(self) -> Any:
        """The checks of the broker."""
        return self.post("/api/connect/try", self.in_sight())[1]["checks"]

    def give_password(self, password: object) -> tuple[int, Any]:
        """Type a password beside the broker and user that the page shows."""
        state = self.get("/api/state")
        beside = {key: state["values"][key] for key in RECIPIENT}
        body = {"password": password, "recipient": beside, "revision": state["revision"]}
        return self.post("/api/connect/password", body)

    def picture_problem(self, seconds: float = 20) -> str:
        """Why there is no picture; fails if one comes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            _, packed = self.ask("GET", "/newest?after=0")
            length = int.from_bytes(packed[:4], "big")
            about = plain(json.loads(packed[4 : 4 + length]))
            assert "faces" not in about, "a picture came"
            if about["problem"]:
                return str(about["problem"])
        pytest.fail("neither a picture nor a problem")

    def save(self) -> tuple[int, Any]:
        """Save what there is."""
        return self.post("/api/save", {"revision": self.get("/api/state")["revision"], "restart": True})


def plain(told: Any) -> Any:
    """The same JSON with its sentences in English."""
    if isinstance(told, dict):
        if set(told) == {"text", "values"}:
            return told["text"].format_map(told["values"])
        return {name: plain(value) for name, value in told.items()}
    return [plain(each) for each in told] if isinstance(told, list) else told
