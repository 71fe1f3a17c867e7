# /// script
# dependencies = ["paho-mqtt>=2"]
# ///
"""Prints every window of every room once: python subscribe.py [mqtt://HOST:PORT]."""

import json
import sys
from collections import deque
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

seen: deque[tuple[str, str, int]] = deque(maxlen=5000)
broker = urlsplit(sys.argv[1] if len(sys.argv) > 1 else "mqtt://127.0.0.1:1883")
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.on_connect = lambda client, *_: client.subscribe("classroom/+/window", qos=1)


@client.message_callback()
def show(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
    """Print a window, if it is no repeat."""
    window = json.loads(message.payload)
    name = window["device"], window["epoch"], window["seq"]
    if name not in seen:
        seen.append(name)
        figures = "too few people" if window["suppressed"] else window["people"] or window["faces"]
        print(window["window"]["end"], window["device"], json.dumps(figures), flush=True)


client.connect(broker.hostname or "127.0.0.1", broker.port or 1883)
client.loop_forever()
