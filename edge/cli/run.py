"""`edge run`: the daemon."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, read_config, set_up_logging

if TYPE_CHECKING:
    import argparse

    from edge.mqtt.payloads import WindowPayload

EXAMPLES = """examples:
  edge run
  edge run --config /etc/edge/config.yaml
  edge run --set camera.source=sample:25 --set window.seconds=5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="no line per window")


def main(args: argparse.Namespace) -> int:
    """Run until the input ends or a signal comes."""
    set_up_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    config = read_config(args)
    # Only now, for it takes a slow board seconds, in which a signal must already be heard.
    from edge.daemon import Daemon  # noqa: PLC0415

    Daemon(config, stop, on_window=_ignore if args.quiet else _print_window, on_ready=_print_lines).run()
    return 0


def _ignore(_window: WindowPayload) -> None:
    pass


def _print_lines(lines: list[str]) -> None:
    for line in lines:
        _print(line)


def _print_window(window: WindowPayload) -> None:
    """One line per window: when, how many, which."""
    line = f"{window.window.end[11:19]}Z  #{window.seq:<6} "
    if window.suppressed or window.people is None:
        line += "suppressed: too few people for figures"
    else:
        shares = sorted(window.people.items(), key=lambda item: -item[1])
        line += f"{window.faces.mean:5.1f} faces   " + "  ".join(f"{name} {n:.1f}" for name, n in shares if n >= 0.05)
    if window.quality.coverage < 0.9:
        line += f"   ({100 * window.quality.coverage:.0f} % of the time seen)"
    _print(line)


def _print(line: str) -> None:
    # The daemon outlives the terminal, pipe or file that it prints to.
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)
