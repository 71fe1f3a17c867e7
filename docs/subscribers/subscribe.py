# /// script
# dependencies = ["paho-mqtt>=2"]
# ///
"""Prints every window of every room once: python subscribe.py [mqtt://HOST:PORT]."""

import json
import re
import sys
from collections import defaultdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

REASONS = {
    "few_people": "too few people",
    "few_near": "too few near enough",
    "few_front": "too few face the camera",
    "short": "window too short",
}
REMEMBERED = 1000  # windows of each room
ADJECTIVES = {"disgust": "disgusted", "fear": "afraid", "surprise": "surprised"}  # the others are ones already


def describe(window: dict[str, Any]) -> str:
    """Faces, and shares of emotions: the estimate, else counts over named faces. Withheld is not told, never zero."""
    counts, withheld = window["counts"], window["withheld"]
    reason = f"not told ({REASONS.get(withheld['reason'], withheld['reason'])})" if withheld else ""
    if window["frames"] == 0:  # whatever the reason says, nobody knows how many people there were
        return "nothing was seen"
    if window["faces"]["mean"] is None:
        return reason
    faces = f"{window['faces']['mean']:.1f} faces"
    if counts is None:
        return f"{faces}  {reason}".rstrip()
    named = {label: n for label, n in counts.items() if label != "unknown"}
    shares = {label: n / (sum(named.values()) or 1) for label, n in named.items()} if any(named.values()) else {}
    shares = {label: each["share"] for label, each in (window["estimate"] or {}).items()} or shares
    basis = ("estimated" if window["estimate"] else "counted") if shares else "no named faces"
    words = (f"{ADJECTIVES.get(label, label)} {100 * share:.0f} %" for label, share in shares.items())
    return "  ".join([faces, *words, basis])


Identity = tuple[str, int, str]


def read(room: str, payload: bytes) -> tuple[Identity, str]:
    """What a window is known by in its room, and its line. Raises whatever is wrong with it."""
    window = json.loads(payload)
    epoch, seq, start, end = window["epoch"], window["seq"], window["window"]["start"], window["window"]["end"]
    # What is remembered of each window is short, whatever a room sends.
    if not re.fullmatch("[0-9a-f]{8}", epoch) or not re.fullmatch("[0-9T:.Z-]{24}", start):
        raise ValueError
    if type(seq) is not int or not 0 < seq <= 10**9:
        raise ValueError
    datetime.strptime(end, "%Y-%m-%dT%H:%M:%S.%f%z")  # a time, and no other text
    line = f"{end} {room} {describe(window)}"
    if window["device"] != room or not line.isprintable():  # a line break would begin the line of another room
        raise ValueError
    return (epoch, seq, start), line


def main(address: str = "mqtt://127.0.0.1:1883") -> None:
    """Connect, and print until interrupted."""
    sys.stdout.reconfigure(errors="backslashreplace")  # letters that the terminal lacks
    seen: defaultdict[str, dict[Identity, None]] = defaultdict(dict)
    broker = urlsplit(address)
    # Not MQTT 5: paho ends its connection for properties that a room chose and the broker took, each time anew.
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
    client.on_connect = lambda client, *_: client.subscribe("classroom/+/window", qos=1)

    @client.message_callback()
    def show(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        _, room, _ = message.topic.split("/")  # the broker vouches for the topic alone
        try:
            identity, line = read(room, message.payload)
        except Exception:  # noqa: BLE001 - one room's message, whatever it is, does not end the others
            print(f"{room}: left out a message that is no window of this room", file=sys.stderr)
            return
        known = seen[room]
        if identity in known:  # it is a repeat
            return
        known[identity] = None
        if len(known) > REMEMBERED:
            del known[next(iter(known))]
        print(line, flush=True)

    client.connect(broker.hostname or "127.0.0.1", broker.port or 1883)
    client.loop_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
