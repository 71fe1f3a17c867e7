"""`edge watch`: what one or many devices publish, live in the terminal, or as lines for scripts."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import sys
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from edge.cli import set_up_logging
from edge.cli.board import View, nobody_wanted, render, wanted
from edge.cli.inbox import MAX_DEVICES, Inbox
from edge.cli.machine_lines import machine_lines
from edge.cli.numbers import real_number
from edge.cli.subscriber import add_broker_arguments, add_client_id_argument, subscriber_settings
from edge.cli.summary import line
from edge.cli.terminal_palette import GROUNDS, terminal_palette
from edge.errors import EXIT_FAILED, EXIT_OK
from edge.mqtt.subscription import Subscription
from edge.reporting.machine_report import in_order
from edge.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from edge.contract.payloads import WindowPayload

EXAMPLES = """examples:
  edge watch                                        the broker and prefix of the configuration
  edge watch --broker mqtt://192.168.1.10:1883 --device room-1 --device room-2
  edge watch --machines --only troubled             which rooms are in trouble, and what to do
  edge watch --find "floor 2"                       rooms with these words in name, state or alerts
  edge watch --once --timeout 20                    one line per device, for scripts; 1 if nothing came
  edge watch | tee mood.log                         one line per window
"""

TICK = 0.5
MOST_SECONDS = 86400  # --timeout
SETTLE = 1.0  # seconds without a new device after which all retained messages have come


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_broker_arguments(parser)
    add_client_id_argument(parser, "that the broker wants of this user (default: a new one each time)")
    parser.add_argument(
        "--machines",
        action="store_true",
        help="frames, temperature, power, unsent windows, clock, version of each room",
    )
    parser.add_argument("--only", choices=["troubled"], default="", help="no other rooms")
    parser.add_argument("--find", default="", metavar="TEXT", help="rooms whose name, state or alerts have these words")
    parser.add_argument(
        "--ground",
        choices=GROUNDS,
        default="auto",
        help="colours for a light or a dark terminal (default: %(default)s)",
    )
    parser.add_argument("--once", action="store_true", help="print one window per device and exit")
    parser.add_argument(
        "--timeout",
        type=real_number(0, MOST_SECONDS, "seconds"),
        default=30.0,
        metavar="SECONDS",
        help="how long --once waits (default: 30)",
    )


def main(args: argparse.Namespace) -> int:
    """Watch until Ctrl-C."""
    settings, prefix, devices = subscriber_settings(args, "watch", args.client_id)
    watch = _Watch(Subscription(settings, prefix, devices), Inbox(prefix))
    view = View(terminal_palette(args.ground, os.environ), args.machines, args.only, args.find)
    # A service manager or `timeout` must not leave the terminal on its second screen.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    live = sys.stdout.isatty() and not args.once and not Console().is_dumb_terminal
    if not live:
        set_up_logging(logging.WARNING)
    try:
        watch.subscription.start()
        if args.machines and not live:
            return _machines(watch, args.timeout, view)
        if args.once:
            return _once(watch, args.timeout, args.device or (), view)
        if live:
            _draw(watch, str(settings.url), view)
        _print_lines(watch)
    except KeyboardInterrupt:
        if args.once:
            raise
    finally:
        watch.subscription.stop()
        for trouble in watch.troubles():
            print(f"edge: {trouble}", file=sys.stderr)
    return EXIT_OK


class _Watch:
    """The subscription, and what it has received."""

    def __init__(self, subscription: Subscription, inbox: Inbox) -> None:
        self.subscription = subscription
        self.inbox = inbox

    def poll(self, seconds: float) -> list[WindowPayload]:
        """The new windows of the next seconds. Raises RefusedError."""
        received = (self.inbox.receive(topic, payload) for topic, payload in self.subscription.poll(seconds))
        return [window for window in received if window is not None]

    def troubles(self) -> list[str]:
        """What a person who looks at the figures should know."""
        inbox, lost, found = self.inbox, self.subscription.lost, []
        if inbox.newer:
            names = ", ".join(map(printable, sorted(inbox.newer)[:3])) + (", ..." if len(inbox.newer) > 3 else "")
            found.append(f"{names} use a newer version of edge: upgrade this reader")
        if inbox.invalid:
            found.append(f"{inbox.invalid} invalid message{'s' * (inbox.invalid > 1)}")
        if lost:
            found.append(f"{lost} messages lost: too many at once")
        if inbox.full:
            found.append(f"only the first {MAX_DEVICES} devices are kept")
        return found


def _draw(watch: _Watch, url: str, view: View) -> None:
    """The live picture, until KeyboardInterrupt."""
    # A log line would tear the picture; the connection's problem is part of it.
    logging.getLogger("edge").addHandler(logging.NullHandler())
    console = Console()
    inbox, subscription = watch.inbox, watch.subscription

    def picture() -> RenderableType:
        problem = subscription.problem
        head = f"edge watch  {url}  {f'MQTT {subscription.protocol}' if subscription.connected else 'not connected'}  "
        return render(
            inbox.devices.values(),
            console.size,
            datetime.now(timezone.utc),
            prefix=inbox.prefix,
            view=view,
            head=head + f"devices: {len(inbox.devices)}  Ctrl-C ends",
            foot="   ".join(filter(None, [str(problem or ""), *watch.troubles()])),
        )

    with Live(console=console, screen=True, auto_refresh=False, get_renderable=picture) as live:
        while True:
            watch.poll(TICK)
            live.refresh()


def _print_lines(watch: _Watch) -> None:
    """One line per window, until KeyboardInterrupt."""
    while True:
        for window in watch.poll(TICK):
            print(line(watch.inbox.prefix, window), flush=True)


def _machines(watch: _Watch, timeout: float, view: View) -> int:
    """The table of machines once, as text; 1 if nothing came."""
    known, since = 0, time.monotonic()
    deadline = since + timeout
    while (now := time.monotonic()) < deadline and (not known or now - since < SETTLE):
        watch.poll(min(TICK, deadline - now))
        if len(watch.inbox.devices) > known:
            known, since = len(watch.inbox.devices), now
    milliseconds = round(time.time() * 1000)
    reports = in_order(device.report(milliseconds) for device in watch.inbox.devices.values())
    shown = [each for each in reports if wanted(each, view)]
    if reports and not shown:
        print(f"edge: {nobody_wanted([each.name for each in reports], view)}", file=sys.stderr)
    for text in machine_lines(shown, shutil.get_terminal_size((120, 24)).columns, milliseconds, view.palette):
        print(text.plain.rstrip())
    return EXIT_OK if reports else EXIT_FAILED


def _once(watch: _Watch, timeout: float, asked: Sequence[str], view: View) -> int:
    """One line per device; 1 if there was none, or none of a device that was asked for."""
    devices = watch.inbox.devices
    known, since = 0, time.monotonic()
    deadline = since + timeout
    missing = list(asked)
    while (now := time.monotonic()) < deadline:
        watch.poll(min(TICK, deadline - now))
        if len(devices) > known:
            known, since = len(devices), now
        # Of devices that nobody named, those are waited for that say they are at work.
        names = asked or [name for name, device in devices.items() if device.at_work]
        missing = [name for name in names if name not in devices or devices[name].window is None]
        if names and not missing and (asked or now - since > SETTLE):
            break
    windows, milliseconds = 0, round(time.time() * 1000)
    for _, device in sorted(devices.items()):
        if device.window is not None and wanted(device.report(milliseconds), view):
            windows += 1
            state = "" if device.at_work else f"  [now {device.status}]"
            print(f"{line(watch.inbox.prefix, device.window)}{state}", flush=True)
    if not windows and (seen := sorted(name for name, device in devices.items() if device.window is not None)):
        print(f"edge: {nobody_wanted(seen, view)}", file=sys.stderr)
    elif missing or not windows:
        whom = ", ".join(map(printable, missing)) or "any device"
        print(f"edge: no window from {whom} in {timeout:g} s", file=sys.stderr)
    return EXIT_FAILED if not windows or (asked and missing) else EXIT_OK
