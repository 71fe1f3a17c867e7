"""The files of docs/subscribers: the scripts against a real broker, the others as far as they can be checked quickly.

Home Assistant, Node-RED, InfluxDB and Grafana's types are tried by tests/system/subscribers/check.sh.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.cli.schema import schema
from edge.contract.examples import EMOTIONS_WITHHELD, HEADCOUNT, HEALTH, INFO, STATE, SUPPRESSED, WINDOW
from edge.contract.payloads import Payload, WindowPayload
from edge.contract.topics import Topics
from edge.contract.validation import end_of
from edge.mqtt.home_assistant_entities import discovery
from tests.support.brokers import wait_for
from tests.system.subscribers.house import FILES, PACKAGES
from tests.system.subscribers.telegraf import lines

Run = Callable[[str], Path]
Publish = Callable[[str, bytes], None]
Send = Callable[[WindowPayload], None]
FLOW: list[dict[str, Any]] = json.loads((FILES / "node-red-flow.json").read_text())
GRAFANA = (FILES / "grafana-dashboard.json").read_text()


@pytest.fixture
def run(tmp_path: Path, broker: int) -> Iterator[Run]:
    """Starts a script with the address of the broker; gives the file with what it prints."""
    started: list[subprocess.Popen[bytes]] = []

    def start(script: str) -> Path:
        command = [sys.executable]
        if script.endswith(".mjs"):
            if shutil.which("node") is None or not (PACKAGES / "node_modules/mqtt").exists():
                pytest.skip("node and its package mqtt are not there (tests/system/subscribers/check.sh fetches it)")
            (tmp_path / "node_modules").symlink_to(PACKAGES / "node_modules")
            command = ["node"]
        shutil.copy(FILES / script, tmp_path)
        with (tmp_path / "printed").open("wb") as printed:
            command += [script, f"mqtt://127.0.0.1:{broker}"]
            environment = os.environ | {"PYTHONIOENCODING": "ascii"}  # where most letters cannot be printed
            started.append(
                subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=printed, stderr=subprocess.STDOUT)
            )
        return tmp_path / "printed"

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def publish(broker: int) -> Iterator[Publish]:
    """Publishes anything as a room's window."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker)
    client.loop_start()
    yield lambda room, payload: client.publish(f"classroom/{room}/window", payload, 1).wait_for_publish(10)
    client.loop_stop()


@pytest.fixture
def odd_property(broker: int) -> Callable[[str], None]:
    """Publishes a room's window with a property for which paho ends its connection, where it speaks MQTT 5."""

    def publish(room: str) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.UserProperty = ("x", "\ufeff")
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.connect("127.0.0.1", broker)
        client.loop_start()
        client.publish(f"classroom/{room}/window", b"{}", 1, properties=properties).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    return publish


@pytest.fixture
def send(publish: Publish) -> Send:
    """Publishes a window in its room's place."""
    return lambda window: publish(window.device, window.to_json())


@pytest.mark.parametrize("script", ["subscribe.py", "subscribe.mjs"])
def test_a_script_prints_every_window_once(script: str, run: Run, send: Send) -> None:
    printed = run(script)

    def heard() -> bool:
        send(WINDOW)  # until the script has subscribed, they come to nobody
        return printed.stat().st_size > 0

    wait_for(heard, 40, "the first line")
    others = [
        WINDOW,
        SUPPRESSED,
        SUPPRESSED.model_copy(update={"seq": 18399, "frames": 0}),
        WINDOW.model_copy(update={"epoch": "00000001"}),
        HEADCOUNT.model_copy(update={"device": "room-205"}),
        WINDOW,
        WINDOW.model_copy(update={"seq": 18345}),
        WINDOW.model_copy(update={"window": WINDOW.window.model_copy(update={"start": "2026-10-03T08:15:00.000Z"})}),
    ]
    for window in others:
        send(window)
    wait_for(lambda: printed.read_bytes().count(b"\n") >= 7, 20, "seven lines")
    found = [line.split(" ", 2) for line in printed.read_text().splitlines()]
    assert [end for end, *_ in found] == [WINDOW.window.end] * 7
    assert [device for _, device, _ in found] == [*["room-204"] * 4, "room-205", *["room-204"] * 2]
    shares = "angry 1 %  disgusted 0 %  afraid 1 %  happy 23 %  neutral 66 %  sad 3 %  surprised 6 %"
    whole = f"27.4 faces  {shares}  estimated"
    without = ["not told (too few people)", "nothing was seen"]
    assert [text for *_, text in found] == [whole, *without, whole, "27.4 faces", whole, whole]


def long_identities(window: dict[str, Any]) -> list[dict[str, Any]]:
    """What a subscriber would have to remember much of."""
    numbers: list[Any] = [[[]] * 9000, [1e20] * 1000, 10**4000, 1e300, "99", 0, True, 1.5]
    return [
        *(window | {"seq": seq} for seq in numbers),
        *(window | {"epoch": epoch} for epoch in ("0" * 30_000, ["0badcafe"] * 2, {"toString": 1}, "0BADCAFE")),
        *(window | {"window": window["window"] | {"start": start}} for start in ("0" * 30_000, 5, {"toString": 1})),
    ]


def forgeries() -> list[bytes]:
    """What room-9, with its own password alone, may send to its own topic."""
    own: dict[str, Any] = WINDOW.model_copy(update={"device": "room-9", "seq": 99}).model_dump(by_alias=True)
    line = f"{WINDOW.window.end} room-204 99.0 faces"
    windows: list[dict[str, Any]] = [
        *long_identities(own),
        own | {"device": "room-204", "epoch": "0badcafe"},
        own | {"window": own["window"] | {"end": f"{line} (of"}},
        own | {"withheld": {"what": "emotions", "reason": f"short\n{line}"}, "counts": None},
        own | {"faces": own["faces"] | {"mean": "99"}},
        own | {"faces": None},
        own | {"estimate": {"a\u2028b": {"share": 1}}},
    ]
    return [*(json.dumps(window).encode() for window in windows), b"{", b"", b"null", b"[]", b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("script", ["subscribe.py", "subscribe.mjs"])
def test_a_script_lets_no_room_speak_as_another_nor_end_it(
    script: str, run: Run, publish: Publish, odd_property: Callable[[str], None], send: Send
) -> None:
    printed = run(script)

    def heard() -> bool:
        send(WINDOW)
        return printed.stat().st_size > 0

    wait_for(heard, 40, "the first line")
    for payload in forgeries():
        publish("room-9", payload)
    odd_property("room-9")
    following = WINDOW.model_copy(update={"seq": WINDOW.seq + 1})
    same = following.model_dump(by_alias=True) | {"device": "room-9"}  # the number that room-204 sends next
    publish("room-9", json.dumps(same | {"estimate": {"höflich": {"share": 1}}}).encode())
    send(following)
    wait_for(lambda: printed.read_bytes().count(b" faces ") >= 3, 20, lambda: f"three windows: {printed.read_text()}")
    lines = printed.read_text().splitlines()
    assert [line.split()[1] for line in lines if " faces " in line] == ["room-204", "room-9", "room-204"]
    assert not [line for line in lines if "99.0" in line]
    others = [line for line in lines if " faces " not in line]
    assert others == ["room-9: left out a message that is no window of this room"] * (len(forgeries()) + 1)


def test_the_dashboard_names_entities_that_exist() -> None:
    text = (FILES / "home-assistant-dashboard.yaml").read_text()
    views = yaml.safe_load(text)["views"]
    assert [view["path"] for view in views] == ["room-1", "all-rooms"]
    info = INFO.model_copy(update={"device": "room-1"})
    components = json.loads(discovery(info, Topics("classroom", "room-1")))["components"].values()
    there = {f"{one['platform']}.room_1_{one['name'].lower().replace(' ', '_')}" for one in components if "name" in one}
    named = set(re.findall(r"\b(?:sensor|binary_sensor|switch)\.room_1_\w+", text))
    assert named <= there
    assert len(named) == len(there), "an entity that the dashboard leaves out"


def test_the_dashboard_escapes_what_a_room_says() -> None:
    """A Markdown card would make links and pictures of it. A real Home Assistant shows that the filters do not."""
    text = " ".join((FILES / "home-assistant-dashboard.yaml").read_text().split())
    escapes = r"regex_replace('\\s+', ' ') | regex_replace('([!-/:-@[-`{-~])', '\\\\\\1') "
    spoken = [shown for shown in re.findall(r"{{-?(.*?)}}", text) if re.search(r"said|_attr\(|alert\.", shown)]
    assert len(spoken) == 7
    assert all(shown.endswith(f"| string | truncate(255, true) | {escapes}") or "text(" in shown for shown in spoken)


def test_the_flow_is_whole_and_speaks_of_topics_that_exist() -> None:
    nodes = {node["id"]: node for node in FLOW}
    assert len(nodes) == len(FLOW)
    for node in FLOW:
        assert all(target in nodes for output in node.get("wires", []) for target in output)
        assert node.get("broker") in (None, "127.0.0.1") or nodes[node["broker"]]["type"] == "mqtt-broker"
    assert all(node["retain"] == "false" for node in FLOW if node["type"] == "mqtt out")
    addresses = {re.sub(r"\{\w+\}", "+", channel["address"]) for channel in schema("asyncapi")["channels"].values()}
    topics = {re.sub("^classroom/(room-1|[+])/", "+/+/", node["topic"]) for node in FLOW if node.get("topic")}
    assert topics <= addresses
    assert len(topics) == 6


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not there")
def test_the_flow_remembers_little_of_a_window() -> None:
    function = next(node["func"] for node in FLOW if node.get("name") == "new ones only")
    program = f"""
        const kept = new Map(), context = {{ get: (key) => kept.get(key), set: (key, value) => kept.set(key, value) }};
        const each = new Function("msg", "context", {json.dumps(function)});
        for (const payload of JSON.parse(require("fs").readFileSync(0)))
            console.log(each({{ topic: "classroom/room-204/window", payload }}, context) !== null);
        console.log(JSON.stringify([...kept]).length);"""
    window = WINDOW.model_dump(by_alias=True)
    others: list[Any] = [
        *long_identities(window),
        window | {"window": None},
        None,
        [],
        "window",
        window,
    ]  # the last is a repeat
    sent = json.dumps([window, *others, WINDOW.model_copy(update={"seq": 99}).model_dump(by_alias=True)])
    done = subprocess.run(["node", "-e", program], input=sent, capture_output=True, text=True, check=True)
    *passed, size = done.stdout.split()
    assert passed == ["true", *["false"] * len(others), "true"]
    assert int(size) < 200


def node_named(name: str) -> dict[str, Any]:
    return next(node for node in FLOW if node.get("name") == name)


def test_the_flow_lets_through_what_has_faces_or_figures() -> None:
    """In `headcount`, and where only emotions are withheld, faces are told."""
    switch = node_named("not withheld")
    assert switch["rules"] == [{"t": "nnull"}]
    for window, passes in ((WINDOW, True), (HEADCOUNT, True), (EMOTIONS_WITHHELD, True), (SUPPRESSED, False)):
        found: Any = {"payload": window.model_dump(by_alias=True)}
        for key in switch["property"].split("."):
            found = found[key]
        assert (found is not None) == passes


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not there")
def test_the_flow_tells_of_a_room_that_is_taken_off_the_broker_as_neither_lost_nor_back() -> None:
    program = f"""
        const kept = new Map(), context = {{ get: (key) => kept.get(key), set: (key, value) => kept.set(key, value) }};
        const each = new Function("msg", "context", {json.dumps(node_named("lost or back")["func"])});
        for (const [kind, payload] of JSON.parse(require("fs").readFileSync(0)))
            console.log((each({{ topic: `classroom/room-204/${{kind}}`, payload }}, context)?.find(Boolean) ?? {{
                payload: "-" }}).payload);"""
    lost, found = ('{"mode": "camera_lost"}', '{"mode": "running"}')
    assert node_named("state")["datatype"] == node_named("availability")["datatype"] == "utf8"
    sent = [
        ("availability", "online"), ("state", found), ("state", lost), ("state", "{"), ("state", "null"),
        ("state", found), ("availability", "offline"), ("state", ""), ("availability", ""), ("availability", "online"),
    ]  # fmt: skip
    done = subprocess.run(["node", "-e", program], input=json.dumps(sent), capture_output=True, text=True, check=True)
    said = ["room-204: its camera is lost", "room-204 is back", "room-204: it is offline"]
    assert done.stdout.splitlines() == ["-", "-", said[0], "-", "-", said[1], said[2], "-", "-", "-"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reading TOML needs Python 3.11")
def test_telegraf_finds_what_its_configuration_names() -> None:
    now = end_of(WINDOW)
    written = lines("classroom/room-204/window", WINDOW.model_dump(by_alias=True), now)
    assert len(written) == 1
    assert written[0].startswith("edge_window,device=room-204 ")
    assert written[0].endswith(" 1791101710000000000")  # 2026-10-04T08:15:10Z
    assert "people_happy=4.680000," in written[0]
    assert "share_neutral=0.660000" in written[0]
    for window in (SUPPRESSED, HEADCOUNT):
        line = lines("classroom/room-204/window", window.model_dump(by_alias=True), now)[0]
        assert "people_" not in line
        assert "share_" not in line
        assert ("faces_mean" in line) == (window is HEADCOUNT)
    # The room is the topic's; a window that says another name is not written.
    assert not lines("classroom/room-9/window", WINDOW.model_dump(by_alias=True), now)
    assert "says" not in written[0]
    health = lines("classroom/room-204/health", HEALTH.model_dump(by_alias=True), now)
    assert health[0].startswith("edge_health,device=room-204 uptime=8110.3")
    state = lines("classroom/room-204/state", STATE.model_dump(by_alias=True), now)
    assert state[0].startswith('edge_state,device=room-204 mode="running",reason="started" ')
    # Grafana asks for nothing that is never written.
    asked = set(re.findall(r'\((?:\\")(\w+)(?:\\")\)', GRAFANA))
    assert len(asked) > 15
    assert all(re.search(rf"[ ,]{name}=", written[0] + health[0] + state[0]) for name in asked)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="reading TOML needs Python 3.11")
@pytest.mark.parametrize("kind", ["window", "health", "state"])
def test_telegraf_writes_nothing_of_another_year(kind: str) -> None:
    """InfluxDB keeps a file open for each week of which a room has said something."""
    now = datetime(2026, 10, 4, 8, tzinfo=timezone.utc)

    def said(time: str) -> dict[str, Any]:
        payloads: dict[str, Payload] = {
            "window": WINDOW.model_copy(update={"window": WINDOW.window.model_copy(update={"end": time})}),
            "health": HEALTH.model_copy(update={"time": time}),
            "state": STATE.model_copy(update={"since": time}),
        }
        return payloads[kind].model_dump(by_alias=True)

    for time, written in {
        "1677-09-21T00:12:43.145Z": False, "2025-10-03T08:00:00.000Z": False, "2025-10-05T08:00:00.000Z": True,
        "2026-10-05T07:00:00.000Z": True, "2026-10-05T09:00:00.000Z": False, "9999-12-31T23:59:59.999Z": False,
    }.items():  # fmt: skip
        assert bool(lines(f"classroom/room-204/{kind}", said(time), now)) == written, time


def test_the_grafana_dashboard_holds_together() -> None:
    dashboard = json.loads(GRAFANA)
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == 8
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another panel"
        assert place["x"] + place["w"] <= 24
        taken |= cells
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert set(re.findall(r"\$\{(\w+)", GRAFANA)) == variables
