"""A paho client for a broker: user, password, TLS, session; and why a connection failed, in words."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.errors import ConfigError
from edge.urls import BrokerUrl

SESSION_EXPIRY = 60  # seconds; must outlast the will's delay, or the end of the session sends the will at once
REFUSAL_REMEDY = "check mqtt.username, mqtt.password_file and the broker's access list"


@dataclass(frozen=True)
class BrokerSettings:
    """How to reach a broker. `password` is never part of the representation."""

    url: BrokerUrl
    client_id: str
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    keepalive: int = 30
    mqtt5: bool = True  # False: begin with 3.1.1, for a broker that is known to be old

    def __repr__(self) -> str:
        return f"BrokerSettings({self.url}, user {self.username!r})"


def refusal(settings: BrokerSettings, reason: str) -> str:
    """The sentence for a broker that answered and said no."""
    who = f"user {settings.username!r}" if settings.username else "a client without user name"
    return f"broker {settings.url} refuses {who}: {reason}"


def explain(error: BaseException | None) -> str:
    """Why a connection could not be made, in words for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); set mqtt.ca_file"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error}); is it an mqtts port?"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def connect_options(protocol: MQTTProtocolVersion, *, keep: bool) -> dict[str, Any]:
    """Options of connect: with `keep`, and under MQTT 5, the session outlives short breaks."""
    if protocol != MQTTProtocolVersion.MQTTv5 or not keep:
        return {}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY
    return {"clean_start": False, "properties": properties}


def make_client(settings: BrokerSettings, protocol: MQTTProtocolVersion) -> paho.Client:
    """A client with user, password and TLS set up. Raises ConfigError for unusable TLS files."""
    options = {} if protocol == MQTTProtocolVersion.MQTTv5 else {"clean_session": True}
    client = paho.Client(CallbackAPIVersion.VERSION2, settings.client_id, protocol=protocol, **options)  # type: ignore[arg-type]
    if settings.username:
        client.username_pw_set(settings.username, settings.password)
    if settings.url.tls:
        try:
            context = ssl.create_default_context(cafile=settings.ca_file)
            if settings.certificate_file:
                # An encrypted key must be an error, not a question on a terminal that nobody looks at.
                context.load_cert_chain(settings.certificate_file, settings.key_file, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(filter(None, (settings.ca_file, settings.certificate_file, settings.key_file)))
            raise ConfigError(f"TLS files cannot be used ({files})", explain(error)) from None
        client.tls_set_context(context)
    return client
