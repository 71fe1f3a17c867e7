"""`edge run`: the daemon."""

from __future__ import annotations

import contextlib
import faulthandler
import queue
import sys
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from edge.cli import add_config_arguments, as_called, config_file, print_nowhere, read_config, set_up_logging
from edge.cli.summary import part_withheld, withheld_reason
from edge.contract.labels import adjective
from edge.daemon.daemon_lock import started_with
from edge.daemon.malloc import give_back_at_once, wipe_freed
from edge.daemon.native_stderr import limit_native_stderr
from edge.daemon.signals import Signals

if TYPE_CHECKING:
    import argparse

    from edge.contract.payloads import WindowPayload

MAX_LINES = 100

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
    stderr = limit_native_stderr()
    set_up_logging()
    faulthandler.enable(stderr)  # the journal then says where it hung when the watchdog ended it
    signals = Signals()
    signals.install()
    config, mark = read_config(args), started_with(config_file(args))
    give_back_at_once()
    wipe_freed()
    # Only now, for it takes a slow board seconds, in which a signal must already be heard.
    from edge.daemon import audit  # noqa: PLC0415
    from edge.daemon.composition import Machine, build_daemon  # noqa: PLC0415
    from edge.daemon.former_name import adopt_former_files  # noqa: PLC0415
    from edge.daemon.memory_limit import open_camera_of_daemon  # noqa: PLC0415
    from edge.daemon.sd_notify import Notifier  # noqa: PLC0415

    printer, ended = _Printer(), "the input ended"
    on_window = (lambda _window: None) if args.quiet else lambda window: printer.put(_in_words(window))
    # Beside the lines of the audit, which are for programs; where nobody watches these are enough.
    on_pause = (lambda text: printer.put(as_called(text))) if sys.stdout.isatty() else (lambda _text: None)
    kept = not sys.stderr.isatty()  # whoever looks on knows that it starts, and reads why it ends in plain words
    if kept:
        audit.start(config)
    adopt_former_files(config)
    try:
        build_daemon(
            config, signals, lambda: read_config(args, "refused"),
            on_window=on_window, on_ready=lambda lines: printer.put(as_called("\n".join(lines))),
            on_pause=on_pause,
            notifier=Notifier.from_environment(), machine=Machine(open_camera=open_camera_of_daemon),
            mark=mark,
        ).run()  # fmt: skip
        if signals.stop.is_set():
            ended = "a signal"
    except BaseException as error:
        ended = str(error) or type(error).__name__
        raise
    finally:
        if kept:
            audit.record("stop", ended, datetime.now(timezone.utc))
        printer.finish()
    return 0


class _Printer:
    """Prints in a thread of its own: a terminal that is held (Ctrl-S) or a full pipe must not hold up the daemon."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_LINES)
        self._thread = threading.Thread(target=self._run, name="printer", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Print a line soon; lines that nobody takes are dropped."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def finish(self) -> None:
        """Print what waits, for a moment."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(0.3)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                print(line, flush=True)
            except (OSError, ValueError):  # the daemon outlives the pipe or file that it prints to
                with contextlib.suppress(OSError, ValueError):
                    print_nowhere()


def _in_words(window: WindowPayload) -> str:
    """One line per window: when, how many, which."""
    line = f"{window.window.end[11:19]}Z  #{window.seq:<6} "
    if window.withheld is not None and window.withheld.what == "figures":
        line += f"withheld: {withheld_reason(window)} for figures"
    else:
        people = sorted((window.people or {}).items(), key=lambda item: -item[1])
        shown = [f"{adjective(label)} {number:.1f}" for label, number in people if number >= 0.05]
        if window.facing is not None and window.mode == "facing":
            shown.append(f"{window.facing.front / window.frames:.1f} to the front")
        line += f"{window.faces.mean:5.1f} faces   " + "  ".join(filter(None, [*shown, part_withheld(window)]))
        line = line.rstrip()
    if window.quality.coverage < 0.9:
        line += f"   ({100 * window.quality.coverage:.0f} % of the time seen)"
    return line
