"""`edge unregister`: remove this device from Home Assistant, or all its retained messages from the broker."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config
from edge.daemon.paths import broker_settings, topics
from edge.errors import EXIT_OK, EdgeError, RefusedError
from edge.mqtt.home_assistant_entities import config_topic
from edge.mqtt.problem import ProblemCode
from edge.mqtt.visit import Visit

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from edge.config.broker_url import BrokerUrl

EXAMPLES = """examples:
  edge unregister                                   Home Assistant forgets this device and its entities
  edge unregister --all                             and the broker forgets everything that it keeps of it
  edge unregister --set device.name=room-7          a device that had another name

Stop the daemon first: one that runs announces itself again.
"""

READ_SECONDS = 5.0
SETTLE = 1.0  # seconds without a message after which all retained ones have come


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument(
        "--all", action="store_true", help="also remove availability, info, state, latest, health and alerts"
    )


def main(args: argparse.Namespace) -> int:
    """Remove, look again, and list what was removed."""
    # What goes wrong is an error or `visit.problem`: one line, not a log line too.
    logging.getLogger("edge.mqtt").addHandler(logging.NullHandler())
    config = read_config(args)
    names = topics(config)
    always = [config_topic(config.homeassistant.prefix, names)]
    look = [*always, names.availability]
    if args.all:
        always += [names.info, names.state, names.latest, names.health, names.availability]
        look = [*always, names.alert("+")]
    settings = broker_settings(config, purpose="-unregister")
    visit = Visit(settings)
    try:
        _connect(visit, embedded=config.mqtt.broker == "embedded")
        found = _retained(visit, look)
        running = found.get(names.availability) == b"online"
        # Also what we do not see: we may be allowed to write there and not to read.
        doomed = [*always, *sorted(found.keys() - {*always, names.availability})]
        _remove(visit, settings.url, doomed)
        left = _retained(visit, look).keys() & set(doomed)
    finally:
        visit.stop()
    removed = [topic for topic in doomed if topic in found and topic not in left]
    for topic in removed:
        print(f"removed {topic}")
    if left:
        remedy = "stop the daemon first, it is running" if running else "may this user write there?"
        raise EdgeError(f"still on the broker: {', '.join(sorted(left))}", remedy)
    if not removed:
        print(f"nothing to remove: the broker shows nothing of {names.prefix}/{names.device} there")
    if visit.problem is not None:
        print(f"edge: {visit.problem}", file=sys.stderr)
    if running:
        print(f"edge: {names.device} is running and announces itself again: stop it first", file=sys.stderr)
    return EXIT_OK


def _connect(visit: Visit, *, embedded: bool) -> None:
    try:
        visit.connect()
    except EdgeError as error:
        problem = visit.problem
        if embedded and problem is not None and problem.code is ProblemCode.UNREACHABLE:
            remedy = "the embedded broker runs only with the daemon, and keeps nothing"
            raise EdgeError(error.problem, remedy) from None
        raise


def _retained(visit: Visit, filters: Iterable[str]) -> dict[str, bytes]:
    """What the broker keeps there; a running daemon may have sent it just now."""
    visit.subscribe(filters)
    found: dict[str, bytes] = {}
    until = time.monotonic() + READ_SECONDS
    while time.monotonic() < until and (message := visit.receive(SETTLE)) is not None:
        found[message.topic] = message.payload
    return {topic: payload for topic, payload in found.items() if payload}


def _remove(visit: Visit, url: BrokerUrl, names: Iterable[str]) -> None:
    """Have the broker forget topics; raises RefusedError where it says that it will not."""
    sent = {visit.publish(name, b"", retain=True): name for name in names}
    waiting = set(sent)
    while waiting:
        mid, refusal = visit.answer()
        if refusal:
            raise RefusedError(f"broker {url} keeps {sent[mid]}: {refusal}", "check its access list")
        waiting.discard(mid)
