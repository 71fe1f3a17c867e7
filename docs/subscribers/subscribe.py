# /// script
# dependencies = ["paho-mqtt>=2"]
# ///
"""Prints every window of every room once: python subscribe.py [mqtt://HOST:PORT]."""

import json
import sys
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

seen: deque[tuple[str, str, int]] = deque(maxlen=5000)
broker = urlsplit(sys.argv[1] if len(sys.argv) > 1 else "mqtt://127.0.0.1:1883")
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.on_connect = lambda client, *_: client.subscribe("classroom/+/window", qos=1)


REASONS = {"few_people": "too few people", "few_near": "too few near enough", "few_front": "too few face the camera"}


def describe(window: dict[str, Any]) -> str:
    """Faces, and shares of emotions: the estimate, else counts over named faces. Withheld is not told, never zero."""
    counts, withheld = window["counts"], window["withheld"]
    reason = f"not told ({REASONS.get(withheld['reason'], withheld['reason'])})" if withheld else ""
    if window["faces"]["mean"] is None:
        return reason
    faces = f"{window['faces']['mean']:.1f} faces"
    if counts is None:
        return f"{faces}  {reason}".rstrip()
    named = {label: n for label, n in counts.items() if label != "unknown"}
    shares = {label: n / (sum(named.values()) or 1) for label, n in named.items()} if any(named.values()) else {}
    shares = {label: each["share"] for label, each in (window["estimate"] or {}).items()} or shares
    basis = ("estimated" if window["estimate"] else "counted") if shares else "no named faces"
    return "  ".join([faces, *(f"{label} {100 * share:.0f} %" for label, share in shares.items()), basis])


@client.message_callback()
def show(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
    """Print a window, if it is no repeat."""
    window = json.loads(message.payload)
    name = window["device"], window["epoch"], window["seq"]
    if name not in seen:
        seen.append(name)
        print(window["window"]["end"], window["device"], describe(window), flush=True)


client.connect(broker.hostname or "127.0.0.1", broker.port or 1883)
client.loop_forever()
