"""`edge export`: windows of a recording as Parquet files, one for each day."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.cli.database_arguments import add_database_arguments, named_database, tell_caveat
from edge.cli.report_output import explained
from edge.errors import EXIT_OK, ConfigError
from edge.recording.stores import make_reader
from edge.text import counted

if TYPE_CHECKING:
    from edge.reporting.export import Stock

EXAMPLES = """examples:
  edge export --database school.sqlite --output windows                     every day
  edge export --database school.sqlite --output windows --from 2026-11-16 --to 2026-11-20
  edge export --database postgresql://edge_reader@db/edge --school north --output district/school=north

Days are of UTC: windows/day=2026-11-20/windows.parquet. Run again, it writes only the days that changed and
removes those that the recording no longer has; with --from and --to it looks at these days only. Days before 2024 and
after tomorrow are left out unless --from or --to names them. The columns, and how to read them: docs/parquet.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_database_arguments(parser, "--school", "recording of `edge record`")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="made if missing")
    parser.add_argument("--from", dest="first", type=_day, metavar="2026-11-16", help="the first day (default: of all)")
    parser.add_argument("--to", dest="last", type=_day, metavar="2026-11-20", help="the last day (default: of all)")


def main(args: argparse.Namespace) -> int:
    """Write what has changed."""
    if args.first and args.last and args.last < args.first:
        raise ConfigError(f"--to {args.last} is before --from {args.first}", "--to is the last day")
    try:
        from edge.reporting.export import export, stock_of  # noqa: PLC0415 - --help needs no pyarrow
    except ImportError as error:
        raise ConfigError(
            f"edge export needs pyarrow, which cannot be used here ({error})",
            "pip install 'edge-emotions[parquet]', into the environment of edge; it has none for 32-bit ARM",
        ) from None
    recording, span = make_reader(named_database(args, default_school=True), "edge export"), (args.first, args.last)
    try:
        recording.start()
        tell_caveat(recording)
        stock, left_out = stock_of(recording, *span, datetime.now(timezone.utc).date())
        total = _windows(stock)
        with explained(args.output), _progress(total) as told:
            done = export(recording, stock, left_out, args.output, span, told)
    finally:
        recording.stop()
    rest = {day: left_out[day] for day in left_out.keys() - {*done.written, *done.same}}
    print(
        f"{args.output}: {counted(len(done.written), 'day')} written with {counted(done.windows, 'window')}, "
        f"{len(done.same):,} as before" + "".join(f"; {day} removed: nothing is recorded of it" for day in done.removed)
    )
    if number := _windows(rest):
        print(
            f"{counted(number, 'window')} of days before 2024 or after tomorrow: left out; name these days to have them"
        )
    return EXIT_OK


def _windows(stock: Stock) -> int:
    return sum(each.windows for devices in stock.values() for each in devices.values())


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; else nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TextColumn("windows"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda windows: progress.advance(task, windows)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: write it as 2026-11-20") from None
