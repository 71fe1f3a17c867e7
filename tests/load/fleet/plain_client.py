"""A client of a run that is not ours: what it hears is read by paho alone."""

from __future__ import annotations

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edge.mqtt.client_factory import BrokerSettings


def plain_client(settings: BrokerSettings) -> paho.Client:
    """A client with the user, the password and the certificates of some settings."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2, settings.client_id, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False
    )
    if settings.username:
        client.username_pw_set(settings.username, settings.password)
    if settings.url.tls:
        client.tls_set(settings.ca_file, settings.certificate_file, settings.key_file)
    return client
