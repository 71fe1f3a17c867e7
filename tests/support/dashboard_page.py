"""A room on the dashboard, and what its page shows."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.simulated_school import Classroom


class Room:
    """One simulated room that publishes."""

    def __init__(self, port: int, name: str = "room-1", **options: Any) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.name = name
        self.begun = datetime.now(timezone.utc)
        self.classroom = Classroom(name, 1, **options)
        self.say("availability", b"online", retain=True)
        self.say("state", self.classroom.state().to_json(), retain=True)

    def say(self, kind: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(f"classroom/{self.name}/{kind}", payload, 1, retain=retain).wait_for_publish(20)

    def window(self, seq: int, ago: float | None = None, *, suppressed: bool = False, **changes: Any) -> dict[str, Any]:
        """Publish one, also as the latest; returns it. It ends now, or so many seconds before the room began."""
        end = datetime.now(timezone.utc) if ago is None else self.begun - timedelta(seconds=ago)
        told = json.loads(self.classroom.window(seq, end, suppressed=suppressed).to_json()) | changes
        counts = told["counts"]
        if changes.keys() & {"faces", "counts"} and "facing" not in changes:
            told["facing"] = None
        if "counts" in changes and counts and "unclassified" not in changes:
            told["unclassified"] = {"too_small": 0, "away": None, "unclear": counts.get("unknown", 0)}
        elif "faces" in changes and counts and told["faces"]["total"] is not None:  # they sum up
            told["counts"] = {**dict.fromkeys(counts, 0), "neutral": told["faces"]["total"]}
            told["unclassified"] = {"too_small": 0, "away": 0, "unclear": 0}
        if not told["replayed"]:
            self.say("latest", json.dumps(told).encode(), retain=True)
        self.say("window", json.dumps(told).encode())
        return dict(told)


def see(page: Any, selector: str, words: str) -> None:
    """Wait until an element shows words."""
    page.locator(selector, has_text=words).first.wait_for()


def wait_until_heard(address: str) -> None:
    """Wait until a dashboard has subscribed: its page is there before, and misses what nothing retains.

    A page that wants a token is not waited for.
    """
    with httpx.stream("GET", f"{address}events", timeout=20) as events:
        if events.status_code != httpx.codes.OK:
            return
        for line in events.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["connected"]:
                return
    raise AssertionError(f"{address} ended its events")
