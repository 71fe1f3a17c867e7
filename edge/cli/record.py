"""`edge record`: every window once, into a file or a database, whatever happens to us, the broker and the network."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.status import Status

from edge.cli import set_up_logging
from edge.cli.copy_school import copy_from
from edge.cli.database_arguments import add_database_arguments, named_database
from edge.cli.recording_arguments import MOST_DAYS, add_recording_arguments, days, recording_task
from edge.cli.subscriber import add_broker_arguments, subscriber_settings
from edge.contract.topics import NAME_PATTERN
from edge.daemon.garbage import settle
from edge.daemon.sd_notify import Notifier
from edge.daemon.signals import Signals
from edge.errors import EXIT_FAILED, EXIT_OK, ConfigError
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.recording_service import RecordingService, client_ids
from edge.recording.retention import DEFAULT_DAYS
from edge.recording.session import KEPT, Session
from edge.recording.stores import Target, make_shared_sessions, make_store

EXAMPLES = """examples:
  edge record --database school.sqlite                       broker and prefix of the configuration
  edge record --database school.sqlite --broker mqtt://192.168.1.10:1883 --device room-1
  edge record --database school.sqlite --keep-days 365       delete what is older (default: 400 days)
  edge record --database school.sqlite --keep-windows-days 90     then only five-minute sums, as long as --keep-days
  edge record --database school.sqlite --forget              end the session at the broker
  edge record --database postgresql://edge_recorder@db/edge --school north      a district: docs/district.md
  edge record --database postgresql://edge_recorder@db/edge --school north --share main   ... one of several recorders

A window is acknowledged when it is on the disk, and the broker keeps messages while the recorder is stopped.
`edge report` draws what is in the file. docs/record.md: as a service, what the broker needs, the tables.
"""

FORGET_SECONDS = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_database_arguments(parser, "--school", "SQLite file; created if missing")
    parser.add_argument(
        "--copy-from", type=Path, metavar="FILE", help="copy a SQLite file into the database, and end; once or again"
    )
    add_broker_arguments(parser)
    add_recording_arguments(parser)
    parser.add_argument(
        "--keep-daily-days",
        type=days,
        metavar="N",
        help="with postgresql://: keep what whole days add up to for longer than --keep-days (default: as long)",
    )
    parser.add_argument(
        "--share",
        type=_share,
        metavar="GROUP",
        help="with postgresql://: be one of several recorders of this school, on any hosts, each with the same GROUP",
    )
    parser.add_argument(
        "--forget",
        action="store_true",
        help=f"end the session at the broker (else it is kept for {KEPT // 86400} days)",
    )


def main(args: argparse.Namespace) -> int:
    """Record until Ctrl-C or SIGTERM."""
    settings, prefix, devices = subscriber_settings(args, "record")
    target = named_database(args)
    task = recording_task(args, target, settings, prefix, devices)
    task = replace(task, share=_checked_share(args, target), daily_days=_checked_days(args, target))
    if args.copy_from:
        return copy_from(args.copy_from, target, prefix)
    if args.forget:
        names = [args.client_id] if args.client_id else _known_client_ids(target, prefix)
        return max(_forget(replace(settings, client_id=name)) for name in names)
    signals, notifier = Signals(), Notifier.from_environment()
    signals.install()
    with _terminal() as status:
        notifier.ready()
        settle()
        RecordingService(task, lambda text: _tell(text, notifier, status)).run(signals.stop)
    notifier.stopping()
    return EXIT_OK


def _checked_share(args: argparse.Namespace, target: Target) -> str | None:
    if args.share is not None:
        make_shared_sessions(target, args.share)  # refuses a file
    if args.share is not None and args.client_id:
        raise ConfigError("--share and --client-id exclude each other", "recorders of a share have ids of their own")
    share: str | None = args.share
    return share


def _checked_days(args: argparse.Namespace, target: Target) -> int | None:
    """How many days; all: as many as a calendar has."""
    if args.keep_daily_days is None:
        return None
    if isinstance(target, Path):
        raise ConfigError(
            f"{target} is a file, which keeps days as long as their five minutes",
            "--keep-daily-days needs --database postgresql://user@host/name",
        )
    kept = DEFAULT_DAYS if args.keep_days is None else args.keep_days or MOST_DAYS
    found: int = args.keep_daily_days or MOST_DAYS
    if found < kept:
        raise ConfigError(
            f"--keep-daily-days {found} is less than the {kept} days of --keep-days",
            "days are kept at least as long as what they are made of",
        )
    return found


def _share(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise argparse.ArgumentTypeError("a group has 1 to 64 characters, without + # / and control characters")
    return text


def _tell(text: str, notifier: Notifier, status: Status | None) -> bool:
    notifier.progress()
    notifier.status(text)
    if status is not None:
        status.update(text)
    return status is not None


def _known_client_ids(target: Target, prefix: str) -> list[str]:
    """The sessions of a recording that there is. Raises ConfigError, DiskError."""
    if isinstance(target, Path) and not target.exists():
        raise ConfigError(f"{target} does not exist", "give the --client-id of the session to forget")
    store = make_store(target, prefix)
    store.start()
    try:
        return [*filter(None, client_ids(store, target)), *store.shared_client_ids()]
    finally:
        store.stop()


@contextlib.contextmanager
def _terminal() -> Iterator[Status | None]:
    """A live line with the log above it; without a terminal, only the log."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        set_up_logging()
        yield None
        return
    with console.status("starting") as status:
        set_up_logging()  # only now, so that it writes above the live line
        yield status


def _forget(settings: BrokerSettings) -> int:
    set_up_logging(logging.WARNING)
    session = Session(settings, (), keep=False)
    session.start()
    deadline = time.monotonic() + FORGET_SECONDS
    while not session.connected and time.monotonic() < deadline:
        session.poll(0.1)
    done = session.connected
    session.stop()
    if not done:
        print(f"edge: no answer from broker {settings.url} in {FORGET_SECONDS:g} s", file=sys.stderr)
        return EXIT_FAILED
    print(f"broker {settings.url} keeps nothing for {settings.client_id} any more")
    return EXIT_OK
