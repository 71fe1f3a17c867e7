"""`edge record`: every window once, into a SQLite file, whatever happens to us, to the broker and to the network."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import logging
import re
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.status import Status

from edge.cli import set_up_logging
from edge.cli.subscriber import add_broker_arguments, subscriber_settings
from edge.daemon.sd_notify import Notifier
from edge.daemon.signals import Signals
from edge.errors import EXIT_FAILED, EXIT_OK
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.database import Database
from edge.recording.recorder import Recorder, topics
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
CLIENT_ID_PATTERN = r"[^+#/\x00-\x1f\x7f]{1,64}"

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--database", type=Path, required=True, metavar="FILE", help="SQLite file; created if missing")
    add_broker_arguments(parser)
    parser.add_argument(
        "--client-id",
        type=_client_id,
        metavar="ID",
        help="MQTT client id of the durable session (default: from this machine's name and the file's)",
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
    settings = replace(settings, client_id=args.client_id or default_client_id(args.database))
    if args.forget:
        return _forget(settings)
    unwanted = topics(prefix, ["+"]) if devices != ["+"] else []
    session = Session(settings, topics(prefix, devices), unwanted)
    database = Database(args.database, prefix)
    recorder = Recorder(session, database, prefix, devices, keep_days=args.keep_days)
    notifier = Notifier.from_environment()
    signals = Signals()
    signals.install()
    try:
        with _terminal() as status:
            recorder.start()
            notifier.ready()
            logger.info("recording into %s as %s", args.database, settings.client_id)
            line_at, before = time.monotonic() + LINE_EVERY, 0
            while not signals.stop.is_set():
                recorder.step()
                notifier.progress()
                text = _in_words(recorder, session)
                notifier.status(text)
                if status is not None:
                    status.update(text)
                elif time.monotonic() >= line_at:
                    logger.info("%s, %d in the last minute", text, recorder.stored - before)
                    line_at, before = line_at + LINE_EVERY, recorder.stored
        notifier.stopping()
    finally:
        session.stop()
        database.stop()
    return EXIT_OK


def default_client_id(path: Path) -> str:
    """The same for the same file on the same machine, at every start; short enough for every broker."""
    name = f"{socket.gethostname()}:{path.absolute()}"
    return f"edge-record-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:10]}"


def _in_words(recorder: Recorder, session: Session) -> str:
    words = [f"{recorder.total or 0:,} windows, {recorder.stored:,} of them new"]
    if recorder.newer:
        words.append(f"{recorder.newer:,} of a newer version of edge, stored as they came: upgrade this recorder")
    if recorder.invalid:
        words.append(f"{recorder.invalid:,} invalid messages")
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
