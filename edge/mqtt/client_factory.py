"""A paho client for a broker: user, password, TLS, session; and why a connection failed, in words."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.config.broker_url import BrokerUrl
from edge.contract.channels import MAX_PACKET, SESSION_EXPIRY, WILL_DELAY
from edge.errors import ConfigError
from edge.mqtt.properties import of_will


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


def explain(error: BaseException | None) -> str:
    """Why a connection could not be made, in words for a person, with a remedy where there is one."""
    return "; ".join(filter(None, explain_parts(error)))


def explain_parts(error: BaseException | None) -> tuple[str, str]:
    """Why a connection could not be made, and the remedy, "" where this error names none."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})", _certificate_remedy(error)
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error})", "is it an mqtts port?"
    if isinstance(error, socket.gaierror):
        # The resolver says "try again" where it cannot be reached, and "not known" where the name is wrong.
        return f"its name is not found ({error.strerror})", "check mqtt.broker, and the network's name server"
    text = str(error)
    if isinstance(error, ConnectionRefusedError):
        text = "nothing listens there"
    elif isinstance(error, TimeoutError):
        text = "no answer"
    elif isinstance(error, OSError):
        text = error.strerror or text
    return text, ""


def _certificate_remedy(error: ssl.SSLCertVerificationError) -> str:
    # The numbers are OpenSSL's: not yet valid, expired, another host name, another IP address.
    return {
        9: "is this machine's clock right?",
        10: "renew it, or set this machine's clock",
        62: "write the host in mqtt.broker as the certificate has it",
        64: "write the host in mqtt.broker as the certificate has it",
    }.get(error.verify_code, "set mqtt.ca_file")


def connect_options(protocol: MQTTProtocolVersion, *, keep: bool) -> dict[str, Any]:
    """Options of connect: with `keep`, and under MQTT 5, the session outlives short breaks."""
    if protocol != MQTTProtocolVersion.MQTTv5 or not keep:
        return {}
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY
    properties.MaximumPacketSize = MAX_PACKET
    return {"clean_start": False, "properties": properties}


def make_client(
    settings: BrokerSettings, protocol: MQTTProtocolVersion, will_topic: str | None = None, *, clean: bool = True
) -> paho.Client:
    """A client for one connection, with user, password and TLS set up; it never reconnects by itself.

    Args:
        settings: Where and as whom.
        protocol: MQTT 5 or 3.1.1.
        will_topic: Where the broker says `offline`, retained, when the client vanishes.
        clean: Under MQTT 3.1.1, whether the broker forgets the session when the connection ends.

    Raises:
        ConfigError: The TLS files cannot be used.
    """
    options: dict[str, Any] = {"reconnect_on_failure": False}
    if protocol != MQTTProtocolVersion.MQTTv5:
        options["clean_session"] = clean
    client = paho.Client(CallbackAPIVersion.VERSION2, settings.client_id, protocol=protocol, **options)
    client.reconnect_delay_set(0, 0)  # even so paho would wait before it ends its thread
    if will_topic:
        will = of_will(WILL_DELAY) if protocol == MQTTProtocolVersion.MQTTv5 else None
        client.will_set(will_topic, "offline", qos=1, retain=True, properties=will)
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
