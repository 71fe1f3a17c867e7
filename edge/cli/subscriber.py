"""What the commands that only read MQTT share: which broker, which prefix, which devices."""

from __future__ import annotations

import argparse
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import replace

from edge.cli import add_config_arguments, program, read_config
from edge.config.broker_url import BrokerUrl
from edge.config.host_names import is_loopback
from edge.config.schema import Config
from edge.contract.topics import NAME_PATTERN
from edge.daemon.paths import command_settings
from edge.daemon.running_broker import Whereabouts
from edge.mqtt import reason_codes
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.reason_codes import Reason

CLIENT_ID_PATTERN = r"[^+#/\x00-\x1f\x7f]{1,64}"
CREDENTIALS = ("username", "password_file", "certificate_file", "key_file")
"""Keys of `mqtt` that are for the broker they were configured for, and for no other."""
REFUSAL_REMEDY = "check mqtt.username, mqtt.password_file, --client-id and the user's rights at the broker"
FORGETS = "edge's own broker forgets what waits for a recorder when it ends; to record for good, use one of yours"
REMEDIES: Mapping[int, str] = {
    **dict.fromkeys(reason_codes.CREDENTIALS, REFUSAL_REMEDY),
    Reason.CLIENT_IDENTIFIER_NOT_VALID: "the broker does not take this id: give another --client-id",
    Reason.SESSION_TAKEN_OVER: "another program uses the same id: give each its own --client-id",
}


def add_broker_arguments(parser: argparse.ArgumentParser) -> None:
    """--config, --set, --broker, --prefix and --device."""
    add_config_arguments(parser)
    parser.add_argument(
        "--broker",
        type=_url,
        metavar="URL",
        help="mqtt://host:port; user, password_file and certificate for it come from --set mqtt... on this line, never "
        "from the file or the environment (default: the broker of the configuration, with its credentials)",
    )
    parser.add_argument("--prefix", type=_name, help="first level of the topics (default: of the configuration)")
    parser.add_argument("--device", type=_name, action="append", metavar="NAME", help="repeatable (default: all)")


def add_client_id_argument(parser: argparse.ArgumentParser, meaning: str) -> None:
    """--client-id, which a broker may want of a user."""
    parser.add_argument("--client-id", type=_client_id, metavar="ID", help=f"MQTT client id {meaning}")


def subscriber_settings(
    args: argparse.Namespace, client: str, client_id: str | None = None
) -> tuple[BrokerSettings, str, list[str]]:
    """Where and as whom, the prefix, and the devices, `+` for all.

    Args:
        args: What `add_broker_arguments` declared.
        client: What the client id ends with, before something random.
        client_id: Another one, the only one that the broker takes of this user.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    config, configured = _read_config(args)
    elsewhere = args.broker is not None and str(args.broker) != configured
    settings = replace(command_settings(config, f"-{client}-{secrets.token_hex(4)}"), remedies=REMEDIES)
    if config.mqtt.broker == "embedded":  # not always on the port of the configuration: another program may have it
        whereabouts = Whereabouts(config, settings.url)
        settings = replace(settings, url=whereabouts.look(), whereabouts=whereabouts)
    if configured == "embedded" and is_loopback(settings.url.host):  # the daemon itself is the broker
        start = "edge run" if (called := program()) == "edge" else called
        remedy = f"edge is not running here: start {start} in another terminal"
        if elsewhere:  # it may as well be another program's that is to be there
            remedy = f"if edge's own broker is meant, start {start} in another terminal, else see that the broker runs"
        settings = replace(settings, nothing_listens=remedy)
    if client_id is not None:
        settings = replace(settings, client_id=client_id)
    if elsewhere and config.mqtt.password_file is None:
        settings = replace(settings, password=None)  # the one that systemd passes on is for the configured broker
    return settings, args.prefix or config.device.prefix, args.device or ["+"]


def tell_of_own_broker(settings: BrokerSettings) -> None:
    """Say on stderr that the broker keeps nothing for who records, where it is that of a daemon on this machine."""
    if settings.whereabouts is not None:
        print(f"edge: {FORGETS}", file=sys.stderr)


def _read_config(args: argparse.Namespace) -> tuple[Config, str]:
    """The configuration with --broker in it, and which broker is configured."""
    if args.broker is None:
        config = read_config(args)
        return config, config.mqtt.broker
    given = {setting.partition("=")[0] for setting in args.set}
    others = [setting for setting in args.set if not setting.startswith("mqtt.")]
    configured = read_config(argparse.Namespace(config=args.config, set=others), "taken").mqtt.broker  # warned below
    elsewhere = str(args.broker) != configured
    keys = CREDENTIALS if args.broker.tls else (*CREDENTIALS, "ca_file")
    withheld = [f"mqtt.{key}=null" for key in keys if elsewhere and f"mqtt.{key}" not in given]
    overrides = [*args.set, *withheld, f"mqtt.broker={args.broker}"]
    return read_config(argparse.Namespace(config=args.config, set=overrides)), configured


def _url(text: str) -> BrokerUrl:
    try:
        return BrokerUrl.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _client_id(text: str) -> str:
    if not re.fullmatch(CLIENT_ID_PATTERN, text):
        raise argparse.ArgumentTypeError("an id has 1 to 64 characters, without + # / and control characters")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise argparse.ArgumentTypeError("a name has 1 to 64 characters, without + # / and control characters")
    return text
