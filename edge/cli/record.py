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
from edge.cli.numbers import whole_number
from edge.cli.recording_arguments import MOST_DAYS, add_recording_arguments, days, recording_task
from edge.cli.subscriber import add_broker_arguments, add_client_id_argument, subscriber_settings, tell_of_own_broker
from edge.contract.topics import NAME_PATTERN
from edge.daemon.garbage import settle
from edge.daemon.sd_notify import Notifier
from edge.daemon.signals import Signals
from edge.errors import EXIT_FAILED, EXIT_OK, ConfigError
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.recording_service import RecordingService, client_ids
from edge.recording.recording_task import RecordingTask
from edge.recording.retention import DEFAULT_DAYS
from edge.recording.session import KEPT, Session
from edge.recording.shared_recording import PATIENCE
from edge.recording.stores import Target, make_shared_sessions, make_store, nobody_records, refuse_missing
from edge.recording.window_store import WindowStore

EXAMPLES = """examples:
  edge record --database school.sqlite                       broker and prefix of the configuration
  edge record --database school.sqlite --broker mqtt://192.168.1.10:1883 --device room-1
  edge record --database school.sqlite --keep-days 365       delete what is older (default: 400 days)
  edge record --database school.sqlite --keep-windows-days 90     then only five-minute sums, as long as --keep-days
  edge record --database school.sqlite --keep-free 0         use the last of a small disk (default: docs/record.md)
  edge record --database school.sqlite --forget              end the session at the broker
  edge record --database postgresql://edge_recorder@db/edge --school north      a district: docs/district.md
  edge record --database postgresql://edge_recorder@db/edge --school north --share main   ... one of several recorders

A window is acknowledged when it is on the disk, and the broker keeps messages while the recorder is stopped.
`edge report` draws what is in the file. docs/record.md: as a service, what the broker needs, the tables.
"""

FORGET_SECONDS = 20.0
MOST_RECORDERS = 99


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_database_arguments(parser, "--school", "SQLite file; created if missing")
    parser.add_argument(
        "--copy-from",
        type=Path,
        metavar="FILE",
        help="copy a SQLite file into the database, and end; once or again (if it came without its -wal, which is gone "
        "for good: --if-copy continue)",
    )
    add_broker_arguments(parser)
    add_client_id_argument(parser, "of the durable session (default: a random one, kept beside the windows)")
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
        "--recorders",
        type=whole_number(1, MOST_RECORDERS, "recorders"),
        metavar="N",
        help="with --share and --client-id, where the broker takes one id of each user: for how many recorders it has "
        "users, NAME and NAME-1 to NAME-N of one password, who connect with the ids ID and ID-1 to ID-N",
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
    _check_share(args, target)
    daily_days = _checked_days(args, target)
    task = replace(task, share=args.share, recorders=args.recorders or 0, daily_days=daily_days)
    if args.copy_from:
        return copy_from(args.copy_from, target, prefix, args.if_copy)
    if args.forget:
        return _forget_all(task)
    signals, notifier = Signals(), Notifier.from_environment()
    signals.install()
    tell_of_own_broker(settings)
    with _terminal() as status:
        settle()
        RecordingService(task, lambda text: _tell(text, notifier, status), notifier.ready).run(signals.stop)
    notifier.stopping()
    return EXIT_OK


def _check_share(args: argparse.Namespace, target: Target) -> None:
    if args.share is not None:
        make_shared_sessions(target, args.share)  # refuses a file
    if args.recorders and not (args.share and args.client_id):
        raise ConfigError("--recorders needs --share and --client-id", "the ids of the recorders begin with that one")
    if args.share and args.client_id and not args.recorders:
        raise ConfigError("--share with --client-id needs --recorders", "say for how many of them the broker has users")


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


def _forget_all(task: RecordingTask) -> int:
    """End the sessions that were named, or all of a recording. Raises BusyError, ConfigError, DiskError."""
    owner = "edge record --forget"
    if task.share and not task.client_id:
        refuse_missing(task.target, owner)
        return _forget_stored(task)
    with nobody_records(task.target, task.prefix, owner):
        if task.client_id:
            return max(_forget(task.settings_of(name)) for name in (task.client_id, *task.shared_ids))
        return _forget_stored(task)


def _forget_stored(task: RecordingTask) -> int:
    """End what the recording knows; of a share what nobody has, beside who records. Raises ConfigError, DiskError."""
    store = make_store(task.target, task.prefix)
    store.start()
    try:
        ordinary = client_ids(store, task)  # refuses a copy
        code = EXIT_OK if task.share else max(_forget(task.settings_of(name)) for name in ordinary if name)
        for name in _sessions_to_end(store, task.share):
            ended = _forget(task.settings_of(name))
            if ended == EXIT_OK:
                store.forget_shared(name)
            code = max(code, ended)
        return code
    finally:
        store.stop()


def _sessions_to_end(store: WindowStore, share: str | None) -> Iterator[str]:
    """The client ids of the sessions of several recorders; of one share those that have been nobody's for a while."""
    names = store.shared_client_ids(share)
    if share is None:
        yield from names
        return
    if not names:
        print(f"share {share} has no session that nobody has")
        return
    print(f"waiting {PATIENCE:g} s for recorders of share {share} that are just starting again", file=sys.stderr)
    time.sleep(PATIENCE)
    for name in names:
        if name in store.shared_client_ids(share):
            yield name


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
