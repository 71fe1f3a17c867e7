"""Messages in paho's terms, with what only MQTT 5 can say beside topic and payload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.contract.channels import MAX_RESPONSE_TOPIC
from edge.mqtt.publish_packet import Publish

MAX_PAYLOAD = 128 * 1024  # bytes; nothing that this program subscribes to is nearly as long


class Receipt(NamedTuple):
    """What a message is acknowledged with: over which connection it came, and under which id there."""

    attempt: int
    message_id: int
    qos: int


@dataclass(frozen=True)
class IncomingMessage:
    """A message that was subscribed to."""

    topic: str
    payload: bytes
    retained: bool  # published with the retain flag; under MQTT 3.1.1 only known of one that was stored
    response_topic: str | None  # where it wants to be answered (MQTT 5), if one can publish there
    correlation: bytes | None
    receipt: Receipt | None = field(default=None, compare=False)
    waited: bool = False  # at the broker, in a session that it kept: sent before this connection could hear it


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


def incoming(message: Publish, attempt: int = 0, *, waited: bool = False) -> IncomingMessage | None:
    """A message as it came over the connection of that number; None when its topic is not even text."""
    try:
        topic = message.topic.decode()
    except UnicodeDecodeError:
        return None
    response = _topic_to_answer(message.response_topic) if message.response_topic else None
    receipt = Receipt(attempt, message.message_id, message.qos)
    # One byte more than allowed is enough to see that it is too long; MQTT 3.1.1 has no way to refuse the rest.
    payload = message.payload[: MAX_PAYLOAD + 1]
    return IncomingMessage(topic, payload, message.retained, response, message.correlation, receipt, waited)


def _topic_to_answer(data: bytes) -> str | None:
    """What can be published to; None for anything else."""
    try:
        topic = data.decode()
    except UnicodeDecodeError:
        return None
    return topic if len(topic) <= MAX_RESPONSE_TOPIC and not set("+#\0\ufeff") & set(topic) else None


def subscribe(
    client: paho.Client, topic: str, *, mqtt5: bool, quietly: bool = False, identifier: int | None = None
) -> int | None:
    """Ask for a topic; under MQTT 5 a retained message shows itself as one also when it is sent just now.

    Args:
        client: Who asks.
        topic: A topic or a filter.
        mqtt5: Whether MQTT 5 is spoken.
        quietly: Without being sent what is retained there (MQTT 5 only).
        identifier: What the broker adds to each message that comes by it (MQTT 5 only); None: nothing.

    Returns:
        The message id that the broker answers with; None when the connection has just ended.
    """
    if mqtt5:
        handling = SubscribeOptions.RETAIN_DO_NOT_SEND if quietly else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        options = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=handling)
        extra = None
        if identifier is not None:
            extra = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
            extra.SubscriptionIdentifier = identifier
        return client.subscribe(topic, options=options, properties=extra)[1]
    return client.subscribe(topic, qos=1)[1]
