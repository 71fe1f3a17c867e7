"""Messages in paho's terms, with what only MQTT 5 can say beside topic and payload."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.contract.channels import MAX_RESPONSE_TOPIC

MAX_PAYLOAD = 128 * 1024  # bytes; nothing that this program subscribes to is nearly as long


@dataclass(frozen=True)
class IncomingMessage:
    """A message that was subscribed to."""

    topic: str
    payload: bytes
    retained: bool  # published with the retain flag; under MQTT 3.1.1 only known of one that was stored
    response_topic: str | None  # where it wants to be answered (MQTT 5), if one can publish there
    correlation: bytes | None


def of_will(delay: int) -> Properties:
    """The broker waits so many seconds before it sends the will."""
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.WillDelayInterval = delay
    return properties


def of_message(payload: bytes, expiry: float | None, schema: str | None, correlation: bytes | None) -> Properties:
    """Everything that is known about a message.

    Args:
        payload: What is sent; a JSON object is said to be one.
        expiry: Seconds after which it is of no use.
        schema: The name of its schema, as the user property `schema`.
        correlation: What a request wanted to be found in its answer.
    """
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if expiry is not None:
        properties.MessageExpiryInterval = max(1, round(expiry))
    if payload.startswith(b"{"):
        properties.ContentType = "application/json"
        if schema is not None:
            properties.UserProperty = ("schema", schema)
    if correlation is not None:
        properties.CorrelationData = correlation
    return properties


def incoming(message: paho.MQTTMessage) -> IncomingMessage | None:
    """A message as it came; None when its topic is not even text."""
    try:
        topic = message.topic
    except UnicodeDecodeError:
        return None
    response = getattr(message.properties, "ResponseTopic", None)
    if not isinstance(response, str) or not 0 < len(response) <= MAX_RESPONSE_TOPIC or set("+#\0") & set(response):
        response = None
    correlation = getattr(message.properties, "CorrelationData", None)
    # One byte more than allowed is enough to see that it is too long; MQTT 3.1.1 has no way to refuse the rest.
    payload = bytes(message.payload[: MAX_PAYLOAD + 1])
    return IncomingMessage(topic, payload, message.retain, response, correlation)


def subscribe(client: paho.Client, topics: Iterable[str], *, mqtt5: bool) -> None:
    """Ask for topics; under MQTT 5 a retained message shows itself as one also when it is sent just now."""
    for topic in topics:
        if mqtt5:
            client.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=True))
        else:
            client.subscribe(topic, qos=1)
