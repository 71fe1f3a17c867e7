"""What the commands that only read MQTT share: which broker, which prefix, which devices."""

from __future__ import annotations

import argparse
import re
import secrets
from dataclasses import replace

from edge.cli import add_config_arguments, read_config
from edge.config.broker_url import BrokerUrl
from edge.contract.topics import NAME_PATTERN
from edge.daemon.paths import broker_settings
from edge.mqtt.client_factory import BrokerSettings


def add_broker_arguments(parser: argparse.ArgumentParser) -> None:
    """--config, --set, --broker, --prefix and --device."""
    add_config_arguments(parser)
    parser.add_argument(
        "--broker",
        type=_url,
        metavar="URL",
        help="mqtt://host:port, without user and password (default: of the configuration, with them)",
    )
    parser.add_argument("--prefix", type=_name, help="first level of the topics (default: of the configuration)")
    parser.add_argument("--device", type=_name, action="append", metavar="NAME", help="repeatable (default: all)")


def subscriber_settings(args: argparse.Namespace, client: str) -> tuple[BrokerSettings, str, list[str]]:
    """Where and as whom, the prefix, and the devices, `+` for all.

    Args:
        args: What `add_broker_arguments` declared.
        client: What the client id ends with, before something random.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    config = read_config(args)
    settings = broker_settings(config, args.broker, f"-{client}-{secrets.token_hex(4)}")
    if args.broker and str(args.broker) != config.mqtt.broker:
        # A password is for the broker it was configured for.
        settings = replace(settings, username=None, password=None)
    return settings, args.prefix or config.device.prefix, args.device or ["+"]


def _url(text: str) -> BrokerUrl:
    try:
        return BrokerUrl.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise argparse.ArgumentTypeError("a name has 1 to 64 characters, without + # / and control characters")
    return text
