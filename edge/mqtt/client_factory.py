"""A paho client for a broker: user, password, TLS, session."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.config.broker_url import BrokerUrl, Protocol
from edge.contract.channels import MAX_PACKET, SESSION_EXPIRY, WILL_DELAY
from edge.errors import ConfigError
from edge.files.bounded_read import MAX_TLS_FILE, read_file
from edge.mqtt import problem
from edge.mqtt.bounded_client import BoundedClient
from edge.mqtt.broker_limits import NO_LIMITS, BrokerLimits
from edge.mqtt.properties import of_will


@dataclass(frozen=True)
class BrokerSettings:
    """How to reach a broker. `password` is never part of the representation.

    Attributes:
        protocol: The version of MQTT: 5, 3.1.1, or auto: 5, and 3.1.1 where the broker does not know it.
        connect_timeout: Seconds for name, TCP and TLS. Names may be slow to resolve; more is a thread that died.
        handshake_timeout: Seconds until the broker has to answer CONNECT.
        answer_timeout: Seconds until the broker has to answer a message or a subscription.
        remedies: What to do about some of the broker's reason codes, where that is not what a device would do.
        nothing_listens: What to do where the address refuses the connection, if that is not the usual.
        whereabouts: Says where the broker is by now, of one that may move; told whether we are connected. None: `url`.
    """

    url: BrokerUrl
    client_id: str
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    keepalive: int = 30
    protocol: Protocol = "auto"
    connect_timeout: float = 60.0
    handshake_timeout: float = 10.0
    answer_timeout: float = 30.0
    remedies: Mapping[int, str] = field(default_factory=dict)
    nothing_listens: str = problem.REACH_REMEDY
    whereabouts: Callable[[bool], BrokerUrl] | None = None

    def __repr__(self) -> str:
        return f"BrokerSettings({self.url}, user {self.username!r})"


@dataclass(frozen=True)
class SessionOptions:
    """What the broker keeps of us, and what it may send us.

    Attributes:
        will_topic: Where the broker says `offline`, retained, when we vanish.
        keep: Whether the broker keeps the session while we are away; False ends one that it has kept.
        expiry: For how many seconds (MQTT 5; under 3.1.1 the broker decides, and one with a will is not kept).
        receive_maximum: Messages that may be on their way to us and not acknowledged (MQTT 5); None: no limit.
        manual_acknowledgement: Whether a message is acknowledged only by `Connection.acknowledge`.
        marks_waiting: Whether `IncomingMessage.waited` is found out: by identifiers of subscriptions (MQTT 5).
    """

    will_topic: str | None = None
    keep: bool = False
    expiry: int = 0
    receive_maximum: int | None = None
    manual_acknowledgement: bool = False
    marks_waiting: bool = False


CLEAN_SESSION = SessionOptions()


def device_session(will_topic: str) -> SessionOptions:
    """Of a device: it outlives short breaks, so that the will is not sent at each."""
    return SessionOptions(will_topic, keep=True, expiry=SESSION_EXPIRY, marks_waiting=True)


def connect_options(protocol: MQTTProtocolVersion, session: SessionOptions) -> dict[str, Any]:
    """Options of paho's connect."""
    if protocol != MQTTProtocolVersion.MQTTv5:
        return {}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session.expiry
    properties.MaximumPacketSize = MAX_PACKET
    if session.receive_maximum is not None:
        properties.ReceiveMaximum = session.receive_maximum
    return {"clean_start": not session.keep, "properties": properties}


def make_client(
    settings: BrokerSettings, protocol: MQTTProtocolVersion, session: SessionOptions = CLEAN_SESSION,
    limits: BrokerLimits = NO_LIMITS,
) -> BoundedClient:  # fmt: skip
    """A client for one connection, with user, password and TLS set up; it never reconnects or acknowledges by itself.

    Args:
        settings: Where and as whom.
        protocol: MQTT 5 or 3.1.1.
        session: What the broker keeps of us.
        limits: What the broker is known to take: a will beyond that is refused.

    Raises:
        ConfigError: The TLS files cannot be used.
    """
    options: dict[str, Any] = {"reconnect_on_failure": False}
    if protocol != MQTTProtocolVersion.MQTTv5:
        options["clean_session"] = not session.keep or session.will_topic is not None
    client = BoundedClient(CallbackAPIVersion.VERSION2, settings.client_id, protocol=protocol, **options)
    client.reconnect_delay_set(0, 0)  # even so paho would wait before it ends its thread
    client.manual_ack_set(True)
    if session.will_topic:
        will = of_will(WILL_DELAY) if protocol == MQTTProtocolVersion.MQTTv5 else None
        client.will_set(session.will_topic, "offline", qos=min(1, limits.qos), retain=limits.retain, properties=will)
    if settings.username:
        client.username_pw_set(settings.username, settings.password)
    if settings.url.tls:
        client.tls_set_context(_tls_context(settings))
    return client


def check_tls_files(settings: BrokerSettings) -> None:
    """Raises ConfigError where the TLS files cannot be used."""
    if settings.url.tls:
        _tls_context(settings)


def _tls_context(settings: BrokerSettings) -> ssl.SSLContext:
    try:
        for file in filter(None, (settings.ca_file, settings.certificate_file, settings.key_file)):
            read_file(Path(file), MAX_TLS_FILE)  # OpenSSL would wait for a FIFO, and read a device for ever
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file:
            # An encrypted key must be an error, not a question on a terminal that nobody looks at.
            context.load_cert_chain(settings.certificate_file, settings.key_file, password=lambda: "")
    except OSError as error:
        files = ", ".join(filter(None, (settings.ca_file, settings.certificate_file, settings.key_file)))
        unusable = problem.tls_files(files, error)
        raise ConfigError(unusable.text, unusable.remedy) from None
    return context
