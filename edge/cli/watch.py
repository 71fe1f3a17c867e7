"""`edge watch`: what one or many devices publish, live in the terminal, or as lines for scripts."""

from __future__ import annotations

import argparse
import logging
import queue
import re
import secrets
import signal
import sys
import time
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from edge.cli import add_config_arguments, read_config, set_up_logging
from edge.cli.board import render
from edge.cli.inbox import MAX_DEVICES, MAX_PAYLOAD, Inbox
from edge.cli.summary import clean, line
from edge.config import NAME_PATTERN
from edge.errors import EXIT_FAILED, EXIT_OK
from edge.mqtt.connection import Connection, Incoming
from edge.settings import broker_settings
from edge.urls import BrokerUrl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from edge.mqtt.client import BrokerSettings
    from edge.mqtt.payloads import WindowPayload

EXAMPLES = """examples:
  edge watch                                        the broker and prefix of the configuration
  edge watch --broker mqtt://192.168.1.10:1883 --device room-1 --device room-2
  edge watch --once --timeout 20                    one line per device, for scripts; 1 if nothing came
  edge watch | tee mood.log                         one line per window
"""

MAX_WAITING = 1000  # messages; whoever sends more at once than we can read loses some
TOPICS = ("window", "latest", "state", "availability")
TICK = 0.5
SETTLE = 1.0  # seconds without a new device after which all retained messages have come


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument(
        "--broker",
        type=_url,
        metavar="URL",
        help="mqtt://host:port, without user and password (default: of the configuration, with them)",
    )
    parser.add_argument("--prefix", type=_name, help="first level of the topics (default: of the configuration)")
    parser.add_argument("--device", type=_name, action="append", metavar="NAME", help="repeatable (default: all)")
    parser.add_argument("--once", action="store_true", help="print one window per device and exit")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="how long --once waits (default: 30)"
    )


def main(args: argparse.Namespace) -> int:
    """Watch until Ctrl-C."""
    config = read_config(args)
    settings = broker_settings(config, args.broker, f"-watch-{secrets.token_hex(4)}")
    if args.broker and str(args.broker) != config.mqtt.broker:
        # A password is for the broker it was configured for.
        settings = replace(settings, username=None, password=None)
    inbox = Inbox(args.prefix or config.device.prefix)
    subscriber = _Subscriber(settings, inbox, args.device or ["+"])
    # A service manager or `timeout` must not leave the terminal on its second screen.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    live = sys.stdout.isatty() and not args.once and not Console().is_dumb_terminal
    if not live:
        set_up_logging(logging.WARNING)
    try:
        subscriber.connection.start()
        if args.once:
            return _once(subscriber, args.timeout, args.device or ())
        if live:
            _draw(subscriber, str(settings.url))
        _print_lines(subscriber)
    except KeyboardInterrupt:
        if args.once:
            raise
    finally:
        subscriber.connection.stop()
        for trouble in subscriber.troubles():
            print(f"edge: {trouble}", file=sys.stderr)
    return EXIT_OK


class _Subscriber:
    """The connection, and a queue from its thread to ours."""

    def __init__(self, settings: BrokerSettings, inbox: Inbox, devices: Sequence[str]) -> None:
        self.inbox = inbox
        self.lost = 0
        self._queue: queue.Queue[tuple[str, bytes]] = queue.Queue(MAX_WAITING)
        topics = [f"{inbox.prefix}/{device}/{topic}" for device in devices for topic in TOPICS]
        self.connection = Connection(
            settings, None, on_connected=lambda: self.connection.subscribe(topics), on_message=self._put
        )

    def poll(self, seconds: float) -> list[WindowPayload]:
        """The new windows of the next seconds. Raises RefusedError."""
        deadline = time.monotonic() + seconds
        windows = []
        while (left := deadline - time.monotonic()) > 0:
            try:
                window = self.inbox.receive(*self._queue.get(timeout=left))
            except queue.Empty:
                break
            if window is not None:
                windows.append(window)
        self.connection.maintain()
        if self.connection.refused is not None and not self.connection.ever_connected:
            raise self.connection.refused
        return windows

    def troubles(self) -> list[str]:
        """What a person who looks at the figures should know."""
        inbox, found = self.inbox, []
        if inbox.invalid:
            found.append(f"{inbox.invalid} invalid message{'s' * (inbox.invalid > 1)}")
        if self.lost:
            found.append(f"{self.lost} messages lost: too many at once")
        if inbox.full:
            found.append(f"only the first {MAX_DEVICES} devices are kept")
        return found

    def _put(self, incoming: Incoming) -> None:
        try:
            self._queue.put_nowait((incoming.topic, incoming.payload[: MAX_PAYLOAD + 1]))
        except queue.Full:
            self.lost += 1


class _LastProblem(logging.Handler):
    """Keeps the last warning of the connection; a log line would tear the picture."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage() if record.levelno >= logging.WARNING else ""


def _draw(subscriber: _Subscriber, url: str) -> None:
    """The live picture, until KeyboardInterrupt."""
    problem = _LastProblem()
    logger = logging.getLogger("edge")
    logger.addHandler(problem)
    logger.setLevel(logging.INFO)
    console = Console()
    inbox, connection = subscriber.inbox, subscriber.connection

    def picture() -> RenderableType:
        protocol = "MQTT 5" if connection.protocol5 else "MQTT 3.1.1"
        head = f"edge watch  {url}  {protocol if connection.connected else 'not connected'}  "
        return render(
            inbox.devices.values(),
            console.size,
            datetime.now(timezone.utc),
            prefix=inbox.prefix,
            head=head + f"devices: {len(inbox.devices)}  Ctrl-C ends",
            foot="   ".join(filter(None, [problem.text, *subscriber.troubles()])),
        )

    with Live(console=console, screen=True, auto_refresh=False, get_renderable=picture) as live:
        while True:
            subscriber.poll(TICK)
            live.refresh()


def _print_lines(subscriber: _Subscriber) -> None:
    """One line per window, until KeyboardInterrupt."""
    while True:
        for window in subscriber.poll(TICK):
            print(line(subscriber.inbox.prefix, window), flush=True)


def _once(subscriber: _Subscriber, timeout: float, wanted: Sequence[str]) -> int:
    """One line per device; 1 if there was none, or none of a device that was asked for."""
    devices = subscriber.inbox.devices
    known, since = 0, time.monotonic()
    deadline = since + timeout
    missing = list(wanted)
    while (now := time.monotonic()) < deadline:
        subscriber.poll(min(TICK, deadline - now))
        if len(devices) > known:
            known, since = len(devices), now
        # Of devices that nobody named, those are waited for that say they are at work.
        names = wanted or [name for name, device in devices.items() if device.at_work]
        missing = [name for name in names if name not in devices or devices[name].window is None]
        if names and not missing and (wanted or now - since > SETTLE):
            break
    windows = [device.window for _, device in sorted(devices.items()) if device.window is not None]
    for window in windows:
        print(line(subscriber.inbox.prefix, window), flush=True)
    if missing or not windows:
        whom = ", ".join(map(clean, missing)) or "any device"
        print(f"edge: no window from {whom} in {timeout:g} s", file=sys.stderr)
    return EXIT_FAILED if not windows or (wanted and missing) else EXIT_OK


def _url(text: str) -> BrokerUrl:
    try:
        return BrokerUrl.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise argparse.ArgumentTypeError("a name has 1 to 64 characters, without + # / and control characters")
    return text
