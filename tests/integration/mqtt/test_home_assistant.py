"""Home Assistant's discovery payload, and `edge unregister` against a real Mosquitto.

That a real Home Assistant likes it is checked by tests/system/homeassistant/check.sh.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import publish as paho

from edge.contract.alerts import ALERTS
from edge.contract.commands import REQUESTS
from edge.contract.topics import NAME_PATTERN, Topics, birth_topic
from edge.mqtt.home_assistant_entities import config_topic, discovery, identifier
from tests.support.brokers import Broker, Subscriber, free_port
from tests.support.listener import Listener
from tests.support.publishing import INFO, TOPICS
from tests.support.strict_broker import Rules, StrictBroker

Edge = Callable[..., "subprocess.Popen[str]"]

NAMES = st.text(min_size=1, max_size=64).filter(lambda name: re.fullmatch(NAME_PATTERN, name) is not None)
LEGAL = re.compile(r"homeassistant/device/[a-zA-Z0-9_-]+/config")
ENTRY = "homeassistant/device/classroom_room-1/config"
REST = [f"classroom/room-1/{name}" for name in ("info", "state", "latest", "health", "alerts", "availability")]
NO_DAEMON_RETAINS = ["classroom/room-1/window", *(f"classroom/room-1/cmd/{name}/response" for name in REQUESTS)]
ALERT = "classroom/room-1/alert/camera"
FOREIGN = ["classroom/room-2/info", "classroom/room-1/own/thing", "homeassistant/device/classroom_room-2/config"]


def described(topics: Topics = TOPICS, **changes: object) -> dict[str, Any]:
    payload = json.loads(discovery(INFO.model_copy(update={"device": topics.device, **changes}), topics))
    assert isinstance(payload, dict)
    # What is nothing but a platform takes an entity away, if it was there.
    components: dict[str, dict[str, Any]] = payload["components"]
    payload["removed"] = [key for key, component in components.items() if component == {"platform": "sensor"}]
    payload["components"] = {key: value for key, value in components.items() if key not in payload["removed"]}
    return payload


def test_the_entities_of_a_device() -> None:
    components = described(labels=["happy", "sad"], window_seconds=2.5)["components"]
    people = [key for key, component in components.items() if component.get("unit_of_measurement") == "people"]
    assert people == ["faces", "emotion_happy", "emotion_sad", "emotion_unknown"]
    shares = [key for key, component in components.items() if component.get("unit_of_measurement") == "%"]
    assert shares == ["share_happy", "share_sad"]
    for key in (*people, *shares, "suppressed"):
        assert components[key]["state_topic"] == "classroom/room-9/latest"
        assert components[key]["expire_after"] == 8
        assert components[key]["availability_mode"] == "all"
        topics = [source["topic"] for source in components[key]["availability"]]
        assert topics == ["classroom/room-9/availability", "classroom/room-9/state"]
    of_health = [key for key, component in components.items() if component.get("state_topic", "").endswith("/health")]
    assert [components[key]["expire_after"] for key in of_health] == [7260] * 4
    assert all(component["qos"] == 1 for component in components.values())
    own = [key for key, component in components.items() if not {"availability", "availability_topic"} & set(component)]
    assert own == ["connectivity"]
    diagnostic = {key for key, component in components.items() if "entity_category" in component}
    assert diagnostic == {
        "suppressed", "connectivity", "problem", "alerts", "mode", "fps", "temperature", "memory", "outbox",
    }  # fmt: skip


def test_the_switch_speaks_the_language_of_the_command() -> None:
    switch = described()["components"]["sensing"]
    assert switch["command_topic"] == "classroom/room-9/cmd/pause"
    assert (switch["payload_on"], switch["payload_off"]) == ("off", "on")
    assert switch["retain"] is False


def test_without_labels_there_are_only_faces_and_the_emotions_go() -> None:
    payload = described(labels=[])
    assert "faces" in payload["components"]
    assert not [key for key in payload["components"] if key.startswith(("emotion", "share"))]
    assert {"emotion_happy", "emotion_neutral", "emotion_unknown", "share_happy"} < set(payload["removed"])
    assert {"emotion_sad", "share_sad"} < set(described(labels=["happy"])["removed"])
    assert not {"emotion_happy", "share_happy"} & set(described(labels=["happy"])["removed"])


def test_plain_names_stay_readable() -> None:
    assert config_topic("homeassistant", Topics("classroom", "room-204")) == (
        "homeassistant/device/classroom_room-204/config"
    )
    assert birth_topic("ha") == "ha/status"


def test_names_that_look_alike_are_told_apart() -> None:
    pairs = [("a-b", "c"), ("a", "b-c"), ("a_b", "c"), ("a", "b_c"), ("a b", "c"), ("ä", "x"), ("a", "x"), ("日", "本")]
    assert len({identifier(*pair) for pair in pairs}) == len(pairs)
    taken = identifier("a b", "c").split("_")
    assert identifier("_".join(taken[:2]), taken[2]) != "_".join(taken)


@given(NAMES, NAMES, st.lists(st.text(max_size=20), max_size=5, unique=True))
def test_no_name_makes_an_illegal_payload(prefix: str, device: str, labels: list[str]) -> None:
    topics = Topics(prefix, device)
    assert LEGAL.fullmatch(config_topic("homeassistant", topics))
    payload = described(topics, labels=labels)
    assert payload["device"]["name"] == device
    components = payload["components"]
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", key) for key in components)
    assert len({component["unique_id"] for component in components.values()}) == len(components)
    assert len([key for key in components if key.startswith("emotion_")]) == len({*labels, "unknown"} if labels else [])
    for component in components.values():
        used = [value for key, value in component.items() if key.endswith("_topic")]
        used += [source["topic"] for source in component.get("availability", [])]
        assert len(used) > 1 or component["unique_id"].endswith("_connectivity")
        assert all(topic.startswith(f"{prefix}/{device}/") for topic in used)


@given(st.tuples(NAMES, NAMES), st.tuples(NAMES, NAMES))
def test_different_devices_have_different_topics(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (identifier(*one) == identifier(*other)) == (one == other)


@given(st.text(min_size=1, max_size=30))
def test_a_label_cannot_leave_its_string_in_a_template(label: str) -> None:
    components = described(labels=[label, "x"])["components"]
    template = components[f"emotion_{identifier(label)}"]["value_template"]
    found = re.fullmatch(r"\{% set .*\['people'\]\|default\(\{\}\)\)\['(.*)'\] %\}.*", template)
    assert found is not None
    assert re.fullmatch(r"[\w\\]*", found[1], re.ASCII)
    # The template language reads its strings as Python does.
    assert found[1].encode("ascii").decode("unicode_escape") == label


def fill(port: int, topics: list[str], payload: bytes = b"{}") -> None:
    paho.multiple([(topic, payload, 1, True) for topic in topics], "127.0.0.1", port)


def kept(subscribe: Callable[..., Subscriber], port: int) -> list[str]:
    subscriber = subscribe(port, "#")
    time.sleep(0.5)
    return sorted(message.topic for message in subscriber.messages)


def unregister(edge: Edge, port: int, *arguments: str) -> tuple[int, str, str]:
    process = edge("unregister", "--set", f"mqtt.broker=mqtt://127.0.0.1:{port}", *arguments)
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_unregister_removes_the_entry_and_nothing_else(
    broker: int, edge: Edge, subscribe: Callable[..., Subscriber]
) -> None:
    fill(broker, [ENTRY, *REST, ALERT, *FOREIGN])
    watcher = subscribe(broker, "homeassistant/#")
    assert unregister(edge, broker) == (0, f"removed {ENTRY}\n", "")
    assert watcher.messages[-1].topic == ENTRY
    assert watcher.messages[-1].payload == b""
    assert kept(subscribe, broker) == sorted([*REST, ALERT, *FOREIGN])
    assert unregister(edge, broker) == (
        0,
        "nothing to remove: the broker shows nothing of classroom/room-1 there\n",
        "",
    )


def test_unregister_all_removes_every_trace_of_this_device(
    broker: int, edge: Edge, subscribe: Callable[..., Subscriber]
) -> None:
    fill(broker, [ENTRY, *REST, *NO_DAEMON_RETAINS, ALERT, *FOREIGN])
    code, out, err = unregister(edge, broker, "--all")
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"removed {topic}" for topic in [ENTRY, *REST, *NO_DAEMON_RETAINS, ALERT]]
    assert kept(subscribe, broker) == sorted(FOREIGN)


class Stranger(Listener):
    """Hears what is sent to it, and hangs up."""

    heard = b""

    def serve(self, line: socket.socket) -> None:
        with line:
            self.heard += line.recv(4096)


def test_who_listens_in_the_place_of_the_broker_of_edge_itself_gets_no_password(edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of the school")
    (tmp_path / "password").chmod(0o600)
    settings = ("mqtt.broker=embedded", "mqtt.username=of-the-school", f"mqtt.password_file={tmp_path}/password")
    with Stranger() as stranger:
        words = [word for each in (*settings, f"mqtt.embedded_port={stranger.port}") for word in ("--set", each)]
        assert unregister(edge, stranger.port, *words)[0] != 0
        assert b"edge-classroom-room-1-unregister" in stranger.heard
        assert b"school" not in stranger.heard


def test_unregister_all_removes_alerts_that_this_device_may_not_see(edge: Edge) -> None:
    with StrictBroker(Rules()) as strict:  # which sends nothing back
        code, out, err = unregister(edge, strict.port, "--all")
        assert (code, out[:17], err) == (0, "nothing to remove", "")
        cleared = {message.topic for message in strict.published if message.retain and not message.payload}
    alerts = {f"classroom/room-1/alert/{name}" for name in (*ALERTS, "check")}
    assert cleared == {ENTRY, *REST, *NO_DAEMON_RETAINS, *alerts}


def test_unregister_says_that_the_daemon_runs(broker: int, edge: Edge) -> None:
    fill(broker, [ENTRY])
    fill(broker, ["classroom/room-1/availability"], b"online")
    code, out, err = unregister(edge, broker)
    assert (code, out) == (0, f"removed {ENTRY}\n")
    assert err == "edge: room-1 is running and announces itself again: stop it first\n"


def test_unregister_takes_the_configured_names(broker: int, edge: Edge) -> None:
    entry = config_topic("ha", Topics("school", "Raum 2ü"))
    fill(broker, [entry])
    names = ["device.prefix=school", "device.name=Raum 2ü", "homeassistant.prefix=ha"]
    code, out, _ = unregister(edge, broker, *[word for name in names for word in ("--set", name)])
    assert (code, out) == (0, f"removed {entry}\n")


def test_unregister_without_a_broker(edge: Edge) -> None:
    began = time.monotonic()
    port = free_port()
    code, out, err = unregister(edge, port)
    assert (code, out) == (1, "")
    assert time.monotonic() - began < 10
    assert err.startswith(f"edge: broker mqtt://127.0.0.1:{port} cannot be reached: nothing listens there")
    assert len(err.splitlines()) == 1


def test_unregister_where_the_broker_refuses_us(
    start_broker: Callable[..., Broker], edge: Edge, tmp_path: Path
) -> None:
    (tmp_path / "nobody").touch(mode=0o600)
    port = start_broker("allow_anonymous false", f"password_file {tmp_path}/nobody").port
    code, _, err = unregister(edge, port)
    assert code == 77
    assert "refuses a client without user name" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(("rights", "code"), [("topic read #", 77), ("topic write #", 0)])
def test_unregister_with_half_of_the_rights(
    start_broker: Callable[..., Broker], edge: Edge, tmp_path: Path, rights: str, code: int
) -> None:
    (tmp_path / "acl").write_text(f"{rights}\n")
    (tmp_path / "acl").chmod(0o600)
    port = start_broker(f"acl_file {tmp_path}/acl").port
    found, out, err = unregister(edge, port)
    assert found == code
    if code:
        assert f"refuses messages on {ENTRY}: Not authorized: where `edge announce` announces all rooms, set" in err
        assert len(err.splitlines()) == 1
    else:
        assert out.startswith("nothing to remove")


def test_unregister_all_where_no_room_may_announce_itself(
    start_broker: Callable[..., Broker], edge: Edge, tmp_path: Path, subscribe: Callable[..., Subscriber]
) -> None:
    (tmp_path / "acl").write_text("topic readwrite classroom/#\ntopic read #\n")
    (tmp_path / "acl").chmod(0o600)
    port = start_broker(f"acl_file {tmp_path}/acl", "allow_anonymous true").port
    fill(port, REST)
    code, out, err = unregister(edge, port, "--all")
    assert (code, out.splitlines()) == (0, [f"removed {topic}" for topic in REST])
    assert f"refuses messages on {ENTRY}: Not authorized: `edge announce` removes it" in err
    assert kept(subscribe, port) == []
