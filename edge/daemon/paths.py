"""What the configuration means on this machine: broker settings with the password, paths, lifetimes."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import replace
from pathlib import Path

from edge.config.broker_url import BrokerUrl, Protocol
from edge.config.schema import Config
from edge.contract.channels import Lifetimes
from edge.contract.topics import Topics
from edge.delivery.outbox import MEGABYTE, Outbox
from edge.errors import ConfigError
from edge.files.home import home_folder
from edge.files.secret_file import read_secret
from edge.mqtt.client_factory import BrokerSettings

logger = logging.getLogger(__name__)

TAKEN = {
    "edge-daemon": "edge.service",
    "edge-dashboard": "edge-dashboard.service",
    "edge-record": "the edge-record.service of docs/record.md",
}
"""Users and state folders of other services, which edge@daemon, edge@dashboard and edge@record would share."""


def topics(config: Config) -> Topics:
    """The topics of this device."""
    return Topics(config.device.prefix, config.device.name)


def lifetimes(config: Config) -> Lifetimes:
    """Message expiry as the MQTT contract says."""
    return Lifetimes(config.outbox.max_age_hours * 3600, 3 * config.window.seconds, 3 * config.health.seconds)


def make_outbox(config: Config) -> Outbox:
    """The outbox of this device, not yet opened."""
    return Outbox(outbox_path(config), config.outbox.max_megabytes * MEGABYTE, chosen=config.outbox.path is not None)


def outbox_path(config: Config) -> Path:
    """`outbox.path`, else systemd's state directory, else the user's.

    Raises:
        ConfigError: The user has none, or the instance has the name of another service.
    """
    path, state = _outbox_path(config), Path(os.environ.get("STATE_DIRECTORY", "")).name
    if state in TAKEN and not path.exists():  # an instance that has run under such a name goes on
        name = state.removeprefix("edge-")
        raise ConfigError(
            f"an instance called {name} would share user and files with {TAKEN[state]}",
            "give it another name, such as /etc/edge/hall.yaml and edge@hall.service",
        )
    return path


def _outbox_path(config: Config) -> Path:
    if config.outbox.path:
        return Path(config.outbox.path)
    state = os.environ.get("STATE_DIRECTORY")
    if state:
        return Path(state) / "outbox.sqlite"
    state, home = os.environ.get("XDG_STATE_HOME", ""), home_folder()
    if not Path(state).is_absolute():  # as the XDG specification wants it
        if home is None:
            raise ConfigError(
                f"user {os.getuid()} has no home folder for the outbox", "set outbox.path, or HOME in the environment"
            )
        state = f"{home}/.local/state"
    name = re.sub(r"[^\w.-]", "_", f"{config.device.prefix}-{config.device.name}")
    return Path(state) / "edge" / f"{name}.sqlite"


def pause_path(config: Config) -> Path:
    """The file beside the outbox that is there while the daemon is paused."""
    return _beside_outbox(config, ".pause")


def masks_path(config: Config) -> Path:
    """The file beside the outbox that says for which picture the masks were accepted."""
    return _beside_outbox(config, ".masks")


def place_key_path(config: Config) -> Path:
    """The file beside the outbox with the key of `place` in `info`."""
    return _beside_outbox(config, ".key")


def cameras_path(masks: Path) -> Path:
    """The file beside that of the masks, with the camera that `camera.source: auto` found first, and theirs."""
    return masks.with_suffix(".camera")


def _beside_outbox(config: Config, ending: str) -> Path:
    outbox = outbox_path(config)
    # Only a usual ending makes room: outboxes called hall.1 and hall.2 must not share a pause.
    return outbox.with_suffix(ending) if outbox.suffix == ".sqlite" else outbox.with_name(f"{outbox.name}{ending}")


def place_path(config: Config) -> Path:
    """The file beside the outbox with the figures of this place that somebody chose to keep."""
    return pause_path(config).with_suffix(".place")


def client_id(config: Config, purpose: str = "") -> str:
    """Of a client of this device; `purpose` is added, so that a second one does not push the daemon out."""
    return f"edge-{config.device.prefix}-{config.device.name}{purpose}"


def broker_settings(
    config: Config, url: BrokerUrl | None = None, purpose: str = "", *, protocol: Protocol | None = None
) -> BrokerSettings:
    """How to reach the broker.

    Args:
        config: The configuration.
        url: Where the embedded broker listens.
        purpose: Added to the client id, so that a second client does not push the daemon out.
        protocol: What the embedded broker speaks, else as configured.

    Raises:
        ConfigError: The password cannot be read.
    """
    mqtt = config.mqtt
    if url is None:
        url = (
            BrokerUrl("127.0.0.1", mqtt.embedded_port, tls=False)
            if mqtt.broker == "embedded"
            else BrokerUrl.parse(mqtt.broker)
        )
    return BrokerSettings(
        url=url,
        client_id=client_id(config, purpose),
        username=mqtt.username,
        password=_password(mqtt.password_file) if mqtt.username else None,
        ca_file=mqtt.ca_file,
        certificate_file=mqtt.certificate_file,
        key_file=mqtt.key_file,
        keepalive=mqtt.keepalive,
        protocol=protocol or mqtt.protocol,
    )


def command_settings(config: Config, purpose: str) -> BrokerSettings:
    """The same for a command beside the daemon. Raises ConfigError as `broker_settings`.

    An embedded broker wants no password, and who listens in its place may be somebody else.
    """
    settings = broker_settings(config, purpose=purpose)
    return replace(settings, username=None, password=None) if config.mqtt.broker == "embedded" else settings


def _password(file: str | None) -> str | None:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(file) if file else Path(credentials) / "mqtt-password" if credentials else None
    if path is None or (not file and not path.exists()):
        return None
    password = read_secret(path, "mqtt.password_file")
    if file and not password:  # systemd's is empty where there is none
        logger.warning("%s (mqtt.password_file) is empty: the password belongs into it", path)
    return password
