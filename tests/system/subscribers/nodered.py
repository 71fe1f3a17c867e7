"""The flow of docs/subscribers in a real Node-RED, with its editor open in a real browser."""

from __future__ import annotations

import json
import re
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page, WebSocket

from edge.contract.examples import HEADCOUNT, SUPPRESSED, WINDOW
from edge.contract.payloads import State, WindowPayload
from tests.support.brokers import Subscriber, can_connect, free_port
from tests.system.subscribers.chromium import browser
from tests.system.subscribers.house import (
    FILES,
    PACKAGES,
    PICTURES,
    CheckError,
    broker,
    daemon,
    program,
    send,
    step,
    wait_until,
)

FLOW: list[dict[str, Any]] = json.loads((FILES / "node-red-flow.json").read_text())
NAMES = {node["id"]: node["name"] for node in FLOW if "name" in node}
SETTINGS = """module.exports = {
  uiHost: "127.0.0.1", uiPort: %d, flowFile: "flow.json", telemetry: { enabled: false },
  editorTheme: { tours: false }, logging: { console: { level: "info" } } };"""
HEADS = HEADCOUNT.model_copy(update={"device": "room-204", "seq": 98})
LOST = State(mode="camera_lost", reason="no frame for 5 s: check the cable", since="2026-10-04T08:15:00.000Z")


class NodeRed:
    """A Node-RED with the flow in it, and what its debug sidebar was told.

    Args:
        folder: For its files.
        port: Of the broker.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder / "node-red"
        self._folder.mkdir()
        self._ui = free_port()
        self._log = folder / "node-red.log"
        (self._folder / "settings.js").write_text(SETTINGS % self._ui)
        # The broker's address is what a person sets in it.
        mine = [node | {"port": str(port)} if node["type"] == "mqtt-broker" else node for node in FLOW]
        (self._folder / "flow.json").write_text(json.dumps(mine))
        self.heard: list[tuple[str, Any]] = []
        self.shown: dict[str, str] = {}

    @contextmanager
    def running(self, page: Page) -> Iterator[None]:
        """Node-RED until the end of the block, and its editor in a page."""
        command: list[str | Path] = ["node", PACKAGES / "node_modules/node-red/red.js", "--userDir", self._folder]
        starts = self.log().count("Started flows")
        with program(command, self._log):
            wait_until(lambda: can_connect(self._ui), 60, "Node-RED")
            wait_until(lambda: self.log().count("Started flows") > starts, 30, "the flow to start")
            page.on("websocket", self._listen)
            page.goto(f"http://127.0.0.1:{self._ui}/")
            page.wait_for_selector(".red-ui-flow-node", timeout=60_000)
            yield

    def press(self, name: str) -> None:
        """Press the button of an inject node."""
        node = next(node["id"] for node in FLOW if node["type"] == "inject" and node["name"] == name)
        request = urllib.request.Request(f"http://127.0.0.1:{self._ui}/inject/{node}", b"", method="POST")
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - our own http address

    def named(self, name: str) -> list[Any]:
        """What one debug node has shown so far."""
        return [value for node, value in self.heard if node == name]

    def log(self) -> str:
        """All that Node-RED has said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._read)

    def _read(self, frame: str | bytes) -> None:
        found = json.loads(frame)
        for event in found if isinstance(found, list) else [found]:
            topic, data = event.get("topic", ""), event.get("data")
            if topic == "debug" and "id" in data:
                value = json.loads(data["msg"]) if data["format"].startswith(("Object", "object")) else data["msg"]
                self.heard.append((NAMES[data["id"]], value))
            elif topic.startswith("status/") and data:
                self.shown[NAMES.get(topic.partition("/")[2], "")] = data.get("text", "")


def showing(happy: float, seq: int = WINDOW.seq) -> WindowPayload:
    """A window of room-204 that can be told from others."""
    return WINDOW.model_copy(update={"seq": seq, "people": {"happy": happy}})


def send_windows(port: int, again: bytes) -> None:
    """Two that are new, among what has to be dropped: repeats, too few people, and what comes from another room."""
    for payload in (b"{", b"null", b"[]", showing(66.5).to_json()):
        send(port, "classroom/room-9/window", payload)  # with the password of that room alone
    for payload in (
        again,
        SUPPRESSED.to_json(),
        showing(77.5).to_json(),
        showing(77.5).to_json(),
        HEADS.to_json(),
        again,
    ):
        send(port, f"classroom/{json.loads(payload)['device']}/window", payload)


def check(folder: Path, port: int, page: Page) -> None:
    """All of it."""
    wire, red = Subscriber(port, "#"), NodeRed(folder, port)

    def come(name: str, count: int, seconds: float = 30) -> list[Any]:
        wait_until(lambda: len(red.named(name)) >= count, seconds, f"{name}, {count} times; it had {red.named(name)}",
                   lambda: page.wait_for_timeout(100))  # fmt: skip
        return red.named(name)

    with red.running(page):
        step("Node-RED has started the flow; the editor is open")
        with daemon(folder, port) as process:
            figures = come("figures", 3)
            sent = [message.json()["people"] for message in wire.named("window")]
            if [one for one in figures[:3] if one not in sent]:
                raise CheckError(f"figures {figures} that were not sent: {sent}")
            step(f"figures come: {figures[0]}")
            red.press("pause room-1")
            wait_until(lambda: wire.named("state")[-1].json()["mode"] == "paused", 20, "a pause")
            answers = come("answers", 1)
            step(f"the button pauses: {wire.named('state')[-1].json()['reason']!r}, answered {answers[-1]}")
            page.screenshot(path=PICTURES / "node-red.png")
            red.press("resume room-1")
            if come("answers", 2) != [{"status": "ok", "error": None, "id": None}] * 2:
                raise CheckError(f"answers: {red.named('answers')}")
            come("figures", len(red.named("figures")) + 1)
            process.kill()
        if come("alarm", 1) != ["room-1: it is offline"]:
            raise CheckError(f"alarms: {red.named('alarm')}")
        step("after kill -9, the alarm: room-1: it is offline")
        count = len(red.named("figures"))
        again = wire.named("window")[-1].payload
        send_windows(port, again)
        send(port, "classroom/room-204/state", LOST.to_json(), retain=True)
        if come("alarm", 2)[1:] != ["room-204: its camera is lost"]:
            raise CheckError(f"alarms: {red.named('alarm')}")
        if red.named("figures")[count:] != [{"happy": 77.5}, HEADS.faces.model_dump()]:
            raise CheckError(f"repeats, suppressed or forged windows came through: {red.named('figures')[count:]}")
        step("repeats, too few people and other rooms' names are dropped; a lost camera is an alarm")
        for topic in ("state", "availability"):  # it is taken off the broker
            send(port, f"classroom/room-204/{topic}", b"", retain=True)
        with daemon(folder, port):
            if come("back", 1) != ["room-1 is back"]:  # and nothing of room-204
                raise CheckError(f"back: {red.named('back')}")
        step("the daemon starts again: room-1 is back")
        alarms = len(come("alarm", 3))
        page.screenshot(path=PICTURES / "node-red.png")
    send(port, "classroom/room-204/window", showing(99.5, 99).to_json())
    with red.running(page):
        wait_until(lambda: "99.5" in red.shown.get("figures", ""), 30, f"what came meanwhile; {red.shown}",
                   lambda: page.wait_for_timeout(100))  # fmt: skip
        step("a window that was sent while Node-RED was down is there after its restart")
    wire.stop()
    complaints = re.findall(r"\[(?:warn|error)\] \[([^]]+)\]", red.log())
    if alarms != 3 or complaints != ["mqtt in:windows"]:  # the one message that is no JSON
        raise CheckError(f"{alarms} alarms, or Node-RED complains:\n{red.log()}")


def main() -> int:
    """Run it; 0 when everything was as it should be."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-node-red-")))
        port = stack.enter_context(broker(folder))
        page = stack.enter_context(browser()).new_page(viewport={"width": 1500, "height": 800})
        try:
            check(folder, port, page)
        except (CheckError, Error) as error:
            log = folder / "node-red.log"
            print(
                f"FAILED: {error}\n--- Node-RED ---\n{log.read_text()[-3000:] if log.exists() else ''}", file=sys.stderr
            )
            return 1
    print("node-red: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
