"""`edge record`: every window once, into a SQLite file, whatever happens to us, to the broker and to the network."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.status import Status

from edge.cli import set_up_logging
from edge.cli.subscriber import add_broker_arguments, subscriber_settings
from edge.daemon.garbage import settle
from edge.daemon.sd_notify import Notifier
from edge.daemon.signals import Signals
from edge.errors import EXIT_FAILED, EXIT_OK, ConfigError
from edge.files.disk_errors import DiskError
from edge.mqtt.client_factory import BrokerSettings
from edge.mqtt.retained_topics import RetainedTopics
from edge.recording.database import CLIENT_ID_PATTERN, Database
from edge.recording.former_session import FormerSession, former_client_id
from edge.recording.recorder import RETAINED, RETRY, Recorder, report_failing, topics
from edge.recording.session import KEPT, Session

EXAMPLES = """examples:
  edge record --database school.sqlite                       broker and prefix of the configuration
  edge record --database school.sqlite --broker mqtt://192.168.1.10:1883 --device room-1
  edge record --database school.sqlite --keep-days 365       delete what is older
  edge record --database school.sqlite --forget              end the session at the broker

A window is acknowledged when it is on the disk, and the broker keeps messages while the recorder is stopped.
`edge report` draws what is in the file. docs/record.md: as a service, what the broker needs, the tables.
"""

LINE_EVERY = 60.0  # seconds
FORGET_SECONDS = 20.0

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--database", type=Path, required=True, metavar="FILE", help="SQLite file; created if missing")
    add_broker_arguments(parser)
    parser.add_argument(
        "--client-id",
        type=_client_id,
        metavar="ID",
        help="MQTT client id of the durable session (default: a random one, kept in the file)",
    )
    parser.add_argument("--keep-days", type=_days, metavar="N", help="delete what is older (default: keep all)")
    parser.add_argument(
        "--forget",
        action="store_true",
        help=f"end the session at the broker (else it is kept for {KEPT // 86400} days)",
    )


def main(args: argparse.Namespace) -> int:
    """Record until Ctrl-C or SIGTERM."""
    settings, prefix, devices = subscriber_settings(args, "record")
    database = Database(args.database, prefix)
    if args.forget:
        names = [args.client_id] if args.client_id else _known_client_ids(args.database, database)
        return max(_forget(replace(settings, client_id=name)) for name in names)
    signals, notifier = Signals(), Notifier.from_environment()
    signals.install()
    try:
        with _terminal() as status:
            notifier.ready()
            ids = _open(database, args.database, signals, notifier)
            if ids is None:
                return EXIT_OK
            given, former = (args.client_id, None) if args.client_id else ids
            settings = replace(settings, client_id=given)
            rest = FormerSession(settings, former, database, prefix, devices) if former else None
            unwanted = topics(prefix, ["+"]) if devices != ["+"] else []
            retained = RetainedTopics(prefix, RETAINED) if devices == ["+"] else None
            session = Session(settings, topics(prefix, devices), unwanted, retained=retained)
            recorder = Recorder(session, database, prefix, devices, keep_days=args.keep_days)
            logger.info("recording into %s as %s", args.database, given)
            _record(recorder, session, rest, signals, lambda text: _tell(text, notifier, status))
        notifier.stopping()
    finally:
        database.stop()
    return EXIT_OK


def _open(database: Database, path: Path, signals: Signals, notifier: Notifier) -> tuple[str, str | None] | None:
    """Open the file, waiting for a disk that may work again; its client ids, or None when we are to stop."""
    told = False
    while not signals.stop.is_set():
        try:
            database.start()
            return database.client_ids(former_client_id(path))
        except DiskError as error:
            if not told:
                report_failing(error)
            told = True
            notifier.progress()
            signals.stop.wait(RETRY)
    return None


def _record(
    recorder: Recorder, session: Session, rest: FormerSession | None, signals: Signals, tell: Callable[[str], bool]
) -> None:
    """Record until we are to stop.

    Args:
        recorder: Stores what the session brings.
        session: Where messages come from.
        rest: What version 0.1 has left at the broker; None: nothing.
        signals: When to stop.
        tell: Shows how it goes; False where only the log does.
    """
    recorder.start()
    settle()
    session.start()
    started = False
    line_at, before = time.monotonic() + LINE_EVERY, 0
    try:
        while not signals.stop.is_set():
            recorder.step()
            if rest is not None and session.subscribed:
                if not started:
                    rest.start()
                    started = True
                if rest.step():
                    rest = None
            text = _in_words(recorder, session)
            if not tell(text) and time.monotonic() >= line_at:
                logger.info("%s, %d in the last minute", text, recorder.stored - before)
                line_at, before = line_at + LINE_EVERY, recorder.stored
    finally:
        session.stop()
        if rest is not None and started:
            rest.stop()


def _tell(text: str, notifier: Notifier, status: Status | None) -> bool:
    notifier.progress()
    notifier.status(text)
    if status is not None:
        status.update(text)
    return status is not None


def _known_client_ids(path: Path, database: Database) -> list[str]:
    """The sessions of a file that there is. Raises ConfigError, DiskError."""
    if not path.exists():
        raise ConfigError(f"{path} does not exist", "give the --client-id of the session to forget")
    database.start()
    try:
        return [name for name in database.client_ids(former_client_id(path)) if name]
    finally:
        database.stop()


def _in_words(recorder: Recorder, session: Session) -> str:
    words = [f"{recorder.total or 0:,} windows, {recorder.stored:,} of them new"]
    if recorder.newer:
        words.append(f"{recorder.newer:,} of a newer version of edge, stored as they came: upgrade this recorder")
    if recorder.invalid:
        words.append(f"{recorder.invalid:,} invalid messages")
    if recorder.refused:
        words.append(f"{recorder.refused:,} turned away (their devices sent too much)")
    if recorder.failing:
        words.append("the database cannot be written")
    words.append("connected" if session.connected else "not connected")
    return ", ".join(words)


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


def _client_id(text: str) -> str:
    if not re.fullmatch(CLIENT_ID_PATTERN, text):
        raise argparse.ArgumentTypeError("an id has 1 to 64 characters, without + # / and control characters")
    return text


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 36500:
        raise argparse.ArgumentTypeError("1 to 36500 days")
    return days
