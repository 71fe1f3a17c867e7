"""`edge announce`: the one program that tells Home Assistant of all rooms of a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge.cli import read_config, set_up_logging
from edge.cli.subscriber import add_broker_arguments, add_client_id_argument, subscriber_settings
from edge.daemon.sd_notify import Notifier
from edge.daemon.signals import Signals
from edge.errors import EXIT_OK
from edge.mqtt.room_announcer import RoomAnnouncer

if TYPE_CHECKING:
    import argparse

EXAMPLES = """examples:
  edge announce                                     the broker and prefix of the configuration
  edge announce --client-id edge-announcer --set mqtt.username=announcer
  edge announce --device room-1 --device room-2     no other rooms

Reads what each room says about itself, and removes rooms whose `info` is gone. Nobody else then needs the right to
publish below homeassistant/device. docs/home-assistant.md: why, as a service, which rights.
"""

TICK = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_broker_arguments(parser)
    add_client_id_argument(parser, "that the broker wants of this user (default: a new one each time)")


def main(args: argparse.Namespace) -> int:
    """Announce until Ctrl-C or SIGTERM."""
    settings, prefix, devices = subscriber_settings(args, "announce", args.client_id)
    announcer = RoomAnnouncer(settings, prefix, devices, read_config(args).homeassistant.prefix)
    signals, notifier = Signals(), Notifier.from_environment()
    signals.install()
    set_up_logging()
    announcer.start()
    notifier.ready()
    try:
        while not signals.stop.is_set():
            announcer.step(TICK)
            notifier.progress()
            notifier.status(announcer.status)
    finally:
        notifier.stopping()
        announcer.stop()
    return EXIT_OK
