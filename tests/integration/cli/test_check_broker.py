"""`edge check` tells a broker that refuses from one that is off, from something else, and from an old broker."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.daemon.broker_check import check_broker
from edge.errors import EdgeError
from edge.vision.model_set import ModelChoice, ModelSet
from tests.support.brokers import Broker, free_port
from tests.support.scripted_broker import CLOSE, LEVEL_5, LEVEL_311, UNSUPPORTED_311, ScriptedBroker
from tests.support.strict_broker import Rules, StrictBroker

Edge = Callable[..., "subprocess.Popen[str]"]


def checked(edge: Edge, pictures: str, port: int) -> tuple[int, str]:
    """The exit code of `edge check`, and its line about the broker, with the remedy that may stand below the table."""
    settings = (f"mqtt.broker=mqtt://127.0.0.1:{port}", f"camera.source={pictures}", "mode=headcount")
    out, err = edge("check", *(word for setting in settings for word in ("--set", setting))).communicate(timeout=60)
    assert "Traceback" not in err
    lines = [line for line in out.splitlines() if line.startswith("broker")]
    assert [line.split()[0] for line in lines] in (["broker"], ["broker", "broker:"]), out + err
    assert err == ""
    return 0 if " ok " in lines[0] else 1, "\n".join(lines)


def test_off(edge: Edge, pictures: str) -> None:
    code, line = checked(edge, pictures, free_port())
    assert code == 1
    assert "cannot be reached: nothing listens there" in line
    assert "check mqtt.broker, and that the broker is running" in line


def test_no_broker(edge: Edge, pictures: str) -> None:
    with ScriptedBroker({LEVEL_5: CLOSE, LEVEL_311: CLOSE}) as listener:
        code, line = checked(edge, pictures, listener.port)
    assert code == 1
    assert "speaks neither MQTT 5 nor 3.1.1" in line
    assert "is it an MQTT" in line


def test_an_old_broker(edge: Edge, pictures: str, broker: int) -> None:
    with ScriptedBroker({LEVEL_5: UNSUPPORTED_311}, port=broker) as old:
        code, line = checked(edge, pictures, old.port)
    assert code == 0
    assert "MQTT 3.1.1, round trip" in line
    assert "does not say which messages it refuses" in line


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        (None, "refuses a client without user name"),
        ("topic read #", "refuses messages on classroom/room-1/alert/check: Not authorized"),
    ],
)
def test_a_broker_that_refuses(
    edge: Edge, pictures: str, start_broker: Callable[..., Broker], tmp_path: Path, rights: str | None, words: str
) -> None:
    (tmp_path / "acl").write_text(f"{rights}\n")
    (tmp_path / "acl").chmod(0o644)
    port = start_broker("allow_anonymous false" if rights is None else f"acl_file {tmp_path}/acl").port
    code, line = checked(edge, pictures, port)
    assert code == 1
    assert words in line
    assert "rights" in line


@pytest.mark.parametrize("username", ["room-1", "room-1-check", None])
def test_a_broker_whose_users_have_one_id_each(start_broker: Callable[..., Broker], username: str | None) -> None:
    """The user of the daemon is refused there, though all is well."""
    mqtt = {"broker": f"mqtt://127.0.0.1:{start_broker('allow_anonymous false').port}", "username": username}
    with pytest.raises(EdgeError, match="refuses") as caught:
        check_broker(Config.model_validate({"mode": "headcount", "mqtt": mqtt}), None)
    assert ("mqtt.username=room-1-check" in caught.value.remedy) == (username == "room-1")


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (Rules(packet_bytes=2000), "takes 2000 bytes at most, and a message on"),
        (Rules(qos=0), "takes only QoS 0"),
        (Rules(retain=False), "keeps no retained messages"),
        (Rules(forbidden=("homeassistant/status",)), "refuses the subscription to homeassistant/status: Not"),
        (Rules(forbidden=("classroom/room-1/alert/check",), manner="disconnect"), "lost the broker"),
    ],
)
def test_a_broker_that_takes_less_than_the_daemon_sends(edge: Edge, pictures: str, rules: Rules, words: str) -> None:
    with StrictBroker(rules) as strict:
        code, line = checked(edge, pictures, strict.port)
        assert strict.named("/state") == []  # nothing that a subscriber would take for the daemon
    assert code == 1
    assert words in line


@pytest.mark.parametrize(("name", "limit", "shorter"), [("r" * 64, 8000, True), ("r" * 64, 2000, False)])
def test_a_name_too_long_for_the_broker(name: str, limit: int, *, shorter: bool) -> None:
    """A shorter one is advised where it helps: what Home Assistant is told has the name in every topic."""
    with StrictBroker(Rules(packet_bytes=limit)) as strict:
        mqtt = {"broker": f"mqtt://127.0.0.1:{strict.port}"}
        config = Config.model_validate({"mode": "headcount", "device": {"name": name}, "mqtt": mqtt})
        with pytest.raises(EdgeError, match=f"takes {limit} bytes at most") as caught:
            check_broker(config, ModelSet.load(ModelChoice.of(config)))
    assert ("choose a shorter device.name" in caught.value.remedy) == shorter


def test_a_broker_without_wildcards_is_asked_by_name(edge: Edge, pictures: str) -> None:
    with StrictBroker(Rules(wildcards=False)) as strict:
        code, line = checked(edge, pictures, strict.port)
    assert code == 0, line
    assert "MQTT 5, round trip" in line
    assert "classroom/room-1/cmd/pause" in strict.filters
