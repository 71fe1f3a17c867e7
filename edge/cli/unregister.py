"""`edge unregister`: remove this device from Home Assistant, or all its retained messages from the broker."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config
from edge.contract.alerts import ALERTS
from edge.contract.commands import REQUESTS
from edge.daemon.broker_check import NO_ALERT
from edge.daemon.paths import command_settings, topics
from edge.daemon.running_broker import running_broker
from edge.errors import EXIT_OK, EdgeError
from edge.mqtt.home_assistant_entities import config_topic
from edge.mqtt.problem import ProblemCode
from edge.mqtt.sync_client import SyncClient

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

EXAMPLES = """examples:
  edge unregister                                   Home Assistant forgets this device and its entities
  edge unregister --all                             and the broker forgets everything that it keeps of it
  edge unregister --set device.name=room-7          a device that had another name

Stop the daemon first: one that runs announces itself again.
"""

RETAINED_SECONDS = 5.0  # at most, for all retained messages
SETTLE = 1.0  # seconds without a message after which all retained ones have come
NOT_OURS = "run this as the user whose daemon it is, with the options (--set) that it was started with"
EMBEDDED_REMEDY = "the embedded broker runs only with the daemon, and keeps nothing"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument(
        "--all", action="store_true", help="also remove all else that the broker keeps under the name of this device"
    )


def main(args: argparse.Namespace) -> int:
    """Remove, look again, and list what was removed."""
    config = read_config(args)
    names = topics(config)
    always = [config_topic(config.homeassistant.prefix, names)]
    filters = [*always, names.availability]
    if args.all:
        always += [names.info, names.state, names.latest, names.health, names.alerts, names.availability]
        # No daemon retains these. An old answer that somebody left is taken for the one to the next command.
        always += [names.window, *(names.response(name) for name in REQUESTS)]
        filters = [*always, names.alert("+")]
        always += [names.alert(name) for name in (*ALERTS, NO_ALERT)]
    own, embedded = running_broker(config, "-unregister"), config.mqtt.broker == "embedded"
    client = SyncClient(own or command_settings(config, "-unregister"))
    try:
        _connect(client, embedded=embedded)
        found = _retained(client, filters)
        running = found.get(names.availability) == b"online"
        _refuse_strange(names.device, strange=embedded and running and own is None)
        # Also what we do not see: we may be allowed to write there and not to read.
        doomed = [*always, *sorted(found.keys() - {*always, names.availability})]
        refused = client.publish([(topic, b"") for topic in doomed], retain=True)
        not_ours = refused.pop(always[0], None) if args.all else None
        for problem in refused.values():
            raise problem.to_error()
        left = _retained(client, filters).keys() & set(doomed)
    finally:
        client.stop()
    removed = [topic for topic in doomed if topic in found and topic not in left]
    for topic in removed:
        print(f"removed {topic}")
    if not_ours is not None:
        left.discard(always[0])
    if left:
        remedy = "stop the daemon first, it is running" if running else "may this user write there?"
        raise EdgeError(f"still on the broker: {', '.join(sorted(left))}", remedy)
    if not_ours is not None:
        print(f"edge: {not_ours.text}: `edge announce` removes it, if it announces the rooms there", file=sys.stderr)
    if not removed:
        print(f"nothing to remove: the broker shows nothing of {names.prefix}/{names.device} there")
    if client.problem is not None:
        print(f"edge: {client.problem}", file=sys.stderr)
    if running:
        print(f"edge: {names.device} is running and announces itself again: stop it first", file=sys.stderr)
    return EXIT_OK


def _refuse_strange(device: str, *, strange: bool) -> None:
    """Where the embedded broker would be, another user's daemon of the same name may be running."""
    if strange:
        raise EdgeError(f"the {device} that is running there is not this one: nothing was removed", NOT_OURS)


def _connect(client: SyncClient, *, embedded: bool) -> None:
    if client.connect() or client.problem is None:
        return
    if embedded and client.problem.code is ProblemCode.UNREACHABLE:
        raise EdgeError(client.problem.text, EMBEDDED_REMEDY)
    raise client.problem.to_error()


def _retained(client: SyncClient, filters: Iterable[str]) -> dict[str, bytes]:
    """What the broker keeps there; a running daemon may have sent it just now."""
    client.subscribe(filters)
    found: dict[str, bytes] = {}
    for message in client.messages(SETTLE, RETAINED_SECONDS):
        found[message.topic] = message.payload
    return {topic: payload for topic, payload in found.items() if payload}
