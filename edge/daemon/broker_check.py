"""Whether the daemon would be well at its broker: a real round trip, with its own topics, before it starts."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from edge.contract.filters import by_name
from edge.contract.topics import Topics, birth_topic
from edge.daemon.own_epoch import epoch_in, own_epoch
from edge.daemon.paths import broker_settings, topics
from edge.daemon.running_broker import daemon_runs, running_broker
from edge.daemon.telemetry import info
from edge.errors import EdgeError
from edge.mqtt import problem
from edge.mqtt.broker_limits import publish_bytes
from edge.mqtt.embedded_broker import EmbeddedBroker
from edge.mqtt.home_assistant_entities import config_topic, discovery
from edge.mqtt.problem import NOT_MQTT, PORT_REMEDY, REFUSAL_REMEDY
from edge.mqtt.reason_codes import CREDENTIALS
from edge.mqtt.sync_client import SyncClient

if TYPE_CHECKING:
    from edge.config.broker_url import BrokerUrl
    from edge.config.schema import Config
    from edge.mqtt.broker_limits import BrokerLimits
    from edge.mqtt.client_factory import BrokerSettings
    from edge.mqtt.problem import Problem
    from edge.vision.model_set import ModelSet

NO_ALERT = "check"  # an alert that no device has: to clear it disturbs nobody
ROOMS_SECONDS = 1.0  # after which no further retained message is expected
MAX_ROOMS = 1000
OTHER_OPTIONS = (
    "; started for this check, as the broker of the daemon that runs was not found: give the options (--set) that the "
    "daemon was started with"
)


def check_broker(config: Config, models: ModelSet | None, password: str | None = None) -> str:
    """Try the broker of a configuration, as the daemon uses it, or will use it; takes seconds.

    An embedded broker is that of the daemon that runs; where none does, one is started for the moment.

    Args:
        config: The configuration.
        models: Named in what is announced to Home Assistant; None: that message is not measured.
        password: In place of the one that the configuration names.

    Returns:
        What was found.

    Raises:
        EdgeError: It cannot be used; says why, and what to do.
    """
    if config.mqtt.broker != "embedded":
        return _round_trip(config, models, _as_check(settings_with(config, password, "-check")))
    if (settings := running_broker(config, "-check")) is not None:
        return f"embedded, of the daemon that runs, {_round_trip(config, models, settings)}"
    missed = OTHER_OPTIONS if daemon_runs(config) else ""
    broker = EmbeddedBroker(config.mqtt.embedded_port)
    try:
        return f"embedded, {_round_trip(config, models, broker_settings(config, broker.start(), '-check'))}{missed}"
    finally:
        broker.stop()


def takes_any_client_id(config: Config) -> bool:
    """Whether the broker lets us connect with an id that it cannot know; False also where it cannot be asked.

    Raises:
        ConfigError: A file of the connection cannot be read.
    """
    client = SyncClient(replace(broker_settings(config), client_id=f"edge-check-{secrets.token_hex(8)}"))
    try:
        return client.connect()
    finally:
        client.stop()


def rooms_at(config: Config, password: str | None = None) -> set[str]:
    """The other rooms that a broker knows under the prefix of a configuration, online or not; at most 1000.

    What is there of this device itself is none: its newest window has the epoch of the outbox here.

    Raises:
        EdgeError: It cannot be asked.
    """
    if config.mqtt.broker == "embedded":
        return set()
    client = SyncClient(settings_with(config, password, "-rooms"))
    everybody, own = Topics(config.device.prefix, "+").availability, topics(config).latest
    found: set[str] = set()
    ours = False
    try:
        if not client.connect():
            raise _no_connection(broker_settings(config).url, client.problem)
        client.subscribe([everybody])
        if client.problem is not None:
            raise client.problem.to_error()
        client.subscribe([own])  # where that is refused, nothing comes
        for message in client.messages(ROOMS_SECONDS):
            if message.topic == own:
                ours = epoch_in(message.payload) == own_epoch(config)
            elif message.payload in (b"online", b"offline"):
                found.add(message.topic.split("/")[-2])
            if len(found) >= MAX_ROOMS:
                break
    finally:
        client.stop()
    return found - {config.device.name} if ours else found


def settings_with(config: Config, password: str | None, purpose: str) -> BrokerSettings:
    """How to reach the broker, with a password that is not in its file yet. Raises ConfigError."""
    if password is None:
        return broker_settings(config, purpose=purpose)
    # Its file may not exist yet.
    mqtt = config.mqtt.model_copy(update={"password_file": None})
    settings = broker_settings(config.model_copy(update={"mqtt": mqtt}), purpose=purpose)
    return replace(settings, password=password)


def _as_check(settings: BrokerSettings) -> BrokerSettings:
    """The same with what to do where a user is for the daemon's client id alone."""
    if not settings.username or settings.username.endswith("-check"):
        return settings
    remedy = (
        f"{REFUSAL_REMEDY}; if its users have one client id each (dynamic-security.sh, docs/scale.md), try as the user "
        f"for checks: edge check --set mqtt.username={settings.username}-check"
    )
    return replace(settings, remedies=dict.fromkeys(CREDENTIALS, remedy))


def _round_trip(config: Config, models: ModelSet | None, settings: BrokerSettings) -> str:
    """Connect, subscribe as the daemon will, publish, and compare what the broker takes with what we send."""
    names = topics(config)
    filters = [names.commands]
    if config.homeassistant.discovery:
        filters.append(birth_topic(config.homeassistant.prefix))
    client = SyncClient(settings)
    try:
        if not client.connect():
            raise _no_connection(settings.url, client.problem)
        if not client.limits.wildcards:
            filters = [topic for each in filters for topic in by_name(names, each)]
        for topic in filters:
            client.subscribe([topic])
            if client.problem is not None:
                raise client.problem.to_error()
        milliseconds = _exchange(client, names.alert(NO_ALERT))
        _compare(client.limits, config, models, settings.url)
    finally:
        client.stop()
    found = f"{settings.url}: MQTT {5 if client.protocol5 else '3.1.1'}, round trip {milliseconds:.0f} ms"
    if client.protocol5 or config.mqtt.broker == "embedded":
        return found
    return f"{found}; under 3.1.1 a broker does not say which messages it refuses: look for a window with edge watch"


def _compare(limits: BrokerLimits, config: Config, models: ModelSet | None, url: BrokerUrl) -> None:
    """Raises EdgeError where the broker takes less than the daemon sends."""
    if not limits.qos:
        raise problem.no_acknowledgement(url).to_error()
    if not limits.retain:
        raise problem.no_retain(url).to_error()
    if limits.packet_bytes is None or models is None or not config.homeassistant.discovery:
        return
    topic, size = _announcement(config, models, topics(config))
    if size > limits.packet_bytes:
        found = problem.too_large(url, topic, size, limits.packet_bytes)
        # Every topic in it has the name: a hundred of them.
        _, least = _announcement(config, models, Topics(config.device.prefix, "r"))
        shorter = "choose a shorter device.name, or " if least <= limits.packet_bytes else ""
        raise EdgeError(found.text, f"{shorter}{found.remedy}, or set homeassistant.discovery: false")


def _announcement(config: Config, models: ModelSet, names: Topics) -> tuple[str, int]:
    """The topic of what Home Assistant is told, and the size of the packet."""
    topic = config_topic(config.homeassistant.prefix, names)
    return topic, publish_bytes(topic, discovery(info(config, config.camera.source, models, None), names), None)


def _no_connection(url: BrokerUrl, found: Problem | None) -> EdgeError:
    if found is None or found.code in NOT_MQTT:
        return EdgeError(f"broker {url} speaks neither MQTT 5 nor 3.1.1", f"is it an MQTT broker? {PORT_REMEDY}")
    return found.to_error()


def _exchange(client: SyncClient, topic: str) -> float:
    """Milliseconds from publish to the broker's answer; what is sent clears an alert, as the daemon does."""
    began = time.perf_counter()
    for refused in client.publish([(topic, b"")]).values():
        raise refused.to_error()
    return (time.perf_counter() - began) * 1000
