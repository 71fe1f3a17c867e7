"""A whole life of one device in a real Home Assistant, compared with what is on the wire; started by check.sh."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from edge.contract.payloads import Info, WindowPayload
from edge.contract.shares import window_shares
from edge.contract.topics import birth_topic
from edge.mqtt.home_assistant_entities import discovery, identifier
from tests.support.brokers import free_port
from tests.system.homeassistant.instance import CheckError, HomeAssistant, wait_until
from tests.system.homeassistant.room import ENTRY, TOPICS, Room

WORDS = {
    "frames": "x", "faces": {"mean": "x"}, "facing": {"front": "x", "away": "x"},
    "counts": {"happy": "x", "unknown": "x"}, "people": {"happy": "x", "unknown": "x"},
    "estimate": {"happy": {"share": "x", "low": "x", "high": "x"}},
    "number": "x", "fps": "x", "temperature_c": "x", "rss_mb": "x", "outbox_depth": "x",
}  # fmt: skip
ODD = (
    b"", b"{}", b"[]", b"null", b"5", b"no JSON", b'{"people": 3, "faces": [], "mode": {}}', json.dumps(WORDS).encode(),
    b'{"faces": {"mean": 1e300}, "fps": 1e300}', b"{}",
)  # fmt: skip


class Check:
    """Home Assistant and the room, and what was seen of them."""

    def __init__(self, instance: HomeAssistant, room: Room) -> None:
        self.instance = instance
        self.room = room
        self._began = time.monotonic()
        self._seen: dict[str, dict[str, str]] = {}

    def step(self, text: str) -> None:
        """Say what comes."""
        print(f"[{time.monotonic() - self._began:3.0f} s] {text}", flush=True)

    def expect(self, situation: str, expected: dict[str, object] | None = None, seconds: float = 30) -> None:
        """Wait until every entity shows what the newest messages say (or what is given), and note the states."""
        wrong: list[str] = []

        def right() -> bool:
            wanted = self._from_the_wire() if expected is None else expected
            states = self._states()
            different = {key: value for key, value in wanted.items() if not _equal(states.get(key), value)}
            wrong[:] = [f"{key}: {states.get(key)}, not {value}" for key, value in different.items()]
            return not wrong

        try:
            wait_until(right, seconds, f"the states: {situation}")
        except CheckError as error:
            raise CheckError(f"{error}; {'; '.join(wrong)}") from None
        self._seen[situation] = self._states()

    def everywhere(self, value: object, **others: object) -> dict[str, object]:
        """The same state for every entity, a few aside."""
        return dict.fromkeys(self._names(), value) | others

    def command(self, service: str, word: bytes) -> None:
        """Move the switch, and see the daemon's command."""
        topic = TOPICS.command("pause")
        count = len(self.room.sent(topic))
        self.instance.call("switch", service, self._entities()["sensing"]["entity_id"])
        wait_until(lambda: len(self.room.sent(topic)) > count, 10, f"a command after {service}")
        message = self.room.wire.named("pause")[-1]
        if (message.payload, message.retain, message.qos) != (word, False, 1):
            raise CheckError(f"{service} sent {message}, not {word!r}")

    def log(self) -> str:
        """What Home Assistant complains about."""
        return "\n".join(self.instance.complaints())

    def table(self) -> Table:
        """What was seen."""
        table = Table("entity", "unit", *self._seen, box=None, padding=(0, 2, 0, 0))
        for key, entity in self._entities().items():
            unit = entity["attributes"].get("unit_of_measurement", "")
            table.add_row(entity["entity_id"], unit, *(states[key] for states in self._seen.values()))
        return table

    def _names(self) -> dict[str, str]:
        payloads = [json.loads(payload) for payload in self.room.sent(ENTRY) if payload]
        components = payloads[0]["components"]
        return {key: f"{TOPICS.device} {one['name']}" for key, one in components.items() if "name" in one}

    def _entities(self) -> dict[str, dict[str, Any]]:
        entities = self.instance.entities()
        return {key: entities[name] for key, name in self._names().items() if name in entities}

    def _states(self) -> dict[str, str]:
        return {key: entity["state"] for key, entity in self._entities().items()}

    def _from_the_wire(self) -> dict[str, object]:
        """What the entities should show, told by other code than the templates."""
        names = (TOPICS.info, TOPICS.state, TOPICS.latest, TOPICS.health)
        info, state, latest, health = map(self.room.newest, names)
        people = latest["people"] or {}
        shares = window_shares(WindowPayload.model_validate(latest))
        by_label = shares.by_label if shares else {}
        percent = {label: round(100 * by_label[label].share, 2) if shares else None for label in info["labels"]}
        return {
            "faces": latest["faces"]["mean"],
            "suppressed": latest["withheld"] is not None and latest["withheld"]["what"] == "figures",
            **{f"share_{identifier(label)}": share for label, share in percent.items()},
            **{f"emotion_{identifier(label)}": people.get(label) for label in (*info["labels"], "unknown")},
            "sensing": state["mode"] != "paused",
            "connectivity": self.room.sent(TOPICS.availability)[-1] == b"online",
            "problem": state["mode"] in ("camera_lost", "throttled"),
            "alerts": self.room.newest(TOPICS.alerts)["number"],
            "mode": state["mode"],
            "fps": health["fps"],
            "temperature": health["temperature_c"],
            "memory": health["rss_mb"],
            "outbox": health["outbox_depth"],
        }


def _equal(shown: str | None, value: object) -> bool:
    """Whether Home Assistant's word for a state means a value."""
    if isinstance(value, bool):
        return shown == ("on" if value else "off")
    if isinstance(value, (int, float)):
        with suppress(ValueError):
            return float(shown or "nothing") == value
        return False
    return shown == ("unknown" if value is None else value)


def live(check: Check) -> None:
    """Figures, the switch, the end of the daemon."""
    check.step("the daemon starts")
    with check.room.daemon():
        check.expect("running")
        check.step("the switch")
        check.command("turn_off", b"on")
        paused = {"sensing": False, "mode": "paused", "connectivity": True, "problem": False}
        check.expect("paused", {**paused, "faces": "unavailable", "emotion_unknown": "unavailable"})
        check.command("turn_on", b"off")
        check.expect("on again", {"sensing": True, "mode": "running", "connectivity": True, "problem": False})
    check.step("the daemon has stopped")
    check.expect("stopped", check.everywhere("unavailable", connectivity=False))


def come_back(check: Check) -> None:
    """Suppressed figures, and a Home Assistant that forgot us while the broker did, too."""
    check.step("the daemon starts again, in a room where every window is suppressed")
    with check.room.daemon("privacy.min_faces=1000"):
        check.expect("suppressed")
        check.step("Home Assistant restarts, and the broker has lost the announcement")
        check.instance.stop()
        check.room.send(ENTRY, b"", retain=True)
        announced = check.room.announced()
        check.instance.start()
        check.expect("HA restarted")
        if check.room.announced() == announced or not check.room.sent(birth_topic("homeassistant")):
            raise CheckError(f"nothing was announced after {birth_topic('homeassistant')}")


def miss_values(check: Check) -> None:
    """Old figures go, absent ones are unknown, emotions that are not named any more disappear; all without a word."""
    check.step("nobody counts, and the broker says online: no old figure may stand there")
    check.room.send(TOPICS.availability, b"online", retain=True)
    check.expect("expired", {"faces": "unavailable", "suppressed": "unavailable", "emotion_unknown": "unavailable"})
    check.step("messages without the values that are asked for")
    for payload in ODD:
        for topic in (TOPICS.latest, TOPICS.state, TOPICS.health, TOPICS.alerts):
            check.room.send(topic, payload)
        time.sleep(0.3)
    check.expect("no values", check.everywhere(None, connectivity=True))
    Console(width=160).print(check.table())
    check.step("the same device without emotions")
    info = Info.model_validate({**check.room.newest(TOPICS.info), "labels": []})
    check.room.send(ENTRY, discovery(info, TOPICS), retain=True)
    everywhere = check.everywhere(None)
    gone = sum(key.startswith(("emotion_", "share_")) for key in everywhere)
    left = len(everywhere) - gone
    wait_until(lambda: len(check.instance.entities()) == left > 0, 20, f"{gone} entities to go, {left} to stay")
    check.room.send(TOPICS.availability, b"offline", retain=True)  # as the daemon had left it
    if check.log():
        raise CheckError("Home Assistant complains")


def be_refused(check: Check) -> None:
    """Sees that bad announcements are noticed, so that silence means something."""
    entry = check.room.newest(ENTRY)
    known = check.instance.entities().keys()
    one, two = (f"homeassistant/device/{name}/config" for name in ("bad_one", "bad_two"))
    check.step("an announcement without identifiers is rejected")
    check.room.send(one, json.dumps({**entry, "device": {"name": "bad one"}}).encode())
    wait_until(lambda: "Invalid MQTT device discovery payload for bad_one" in check.log(), 10, "a rejection")
    check.step("an announcement whose template cannot do without a value gets a warning")
    sensor = {"platform": "sensor", "name": "Bad", "unique_id": "bad", "state_topic": TOPICS.latest}
    sensor["value_template"] = "{{ value_json.people.happy }}"
    device = {"name": "bad two", "identifiers": ["bad"]}
    check.room.send(two, json.dumps({**entry, "device": device, "components": {"bad": sensor}}).encode())
    wait_until(lambda: check.instance.entities().keys() - known == {"bad two Bad"}, 20, "its entity, and no other")
    check.room.send(TOPICS.latest, b'{"people": null}')
    wait_until(lambda: "has no attribute 'happy'" in check.log(), 10, "its warning")
    check.room.send(two, b"")
    wait_until(lambda: check.instance.entities().keys() == known, 10, "its entity to go")


def go(check: Check) -> None:
    """Sees that the device leaves without a trace or a word."""
    before = check.log()
    check.step("edge unregister --all")
    check.room.unregister()
    wait_until(lambda: not check.instance.entities(), 20, "the entities to go")
    if check.log() != before:
        raise CheckError("Home Assistant complains")
    check.step("no entity is left, and nothing was said about it")


def main() -> int:
    """Run it all; 0 when everything was as it should be."""
    with tempfile.TemporaryDirectory(prefix="edge-homeassistant-") as name:
        folder = Path(name)
        (folder / "hass").mkdir()
        room = Room(folder)
        instance = HomeAssistant(Path(sys.argv[1]), folder / "hass", free_port())
        check = Check(instance, room)
        try:
            room.start()
            check.step("Home Assistant starts")
            instance.start()
            instance.add_mqtt(room.port)
            for part in (live, come_back, miss_values, be_refused, go):
                part(check)
        except CheckError as error:
            print(f"FAILED: {error}", file=sys.stderr)
            print(f"--- Home Assistant ---\n{check.log()[-4000:]}\n--- daemon ---\n{room.log()}", file=sys.stderr)
            return 1
        finally:
            instance.stop()
            room.stop()
    print("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
