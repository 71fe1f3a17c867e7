"""A school, a district: so many rooms at one Mosquitto on this machine; what it costs, and that nothing is lost.

python -m tests.load.fleet                          1000 rooms, two minutes, and kill -9 of the broker in the middle
python -m tests.load.fleet --rooms 200 --seconds 60 --no-restart
python -m tests.load.fleet --plain --json fleet.json

The rooms are everything of the daemon behind the camera: outbox, publisher, commands. The broker is set up by the files
in docs/mosquitto: the plugin, with a user for each room, and without --plain TLS. Exit status 1 when a window was lost,
and 3 when none was but p99 is not below 250 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from edge.errors import EdgeError
from tests.load.fleet.course import Fleet
from tests.load.fleet.report import Plan

EXIT_SLOW = 3
MEMORY = Path("/dev/shm")  # noqa: S108 - every file there gets a folder that nobody could know


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.fleet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", type=_whole, default=1000, help="default: %(default)s")
    parser.add_argument("--window", type=_seconds, default=10.0, help="seconds of each window (default: %(default)g)")
    parser.add_argument(
        "--seconds", type=_seconds, default=120.0, help="of listening, without start and end (default: %(default)g)"
    )
    parser.add_argument("--outage", type=_seconds, default=2.0, help="seconds without a broker (default: %(default)g)")
    parser.add_argument(
        "--restart", action=argparse.BooleanOptionalAction, default=True, help="kill the broker in the middle"
    )
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument(
        "--outboxes", type=Path, metavar="FOLDER", default=MEMORY if MEMORY.is_dir() else None,
        help="where the rooms keep their windows; each would have a disk of its own (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    args = parser.parse_args()
    plan = Plan(args.rooms, args.window, args.seconds, args.restart, args.outage, not args.plain)
    began = time.monotonic()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="edge-fleet-") as folder,
            tempfile.TemporaryDirectory(prefix="edge-fleet-", dir=args.outboxes) as outboxes,
        ):
            say = lambda text: print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)  # noqa: E731
            report = Fleet(plan, Path(folder), Path(outboxes), say).run()
        if args.json:
            args.json.write_text(report.to_json() + "\n")
    except (EdgeError, OSError) as error:
        print(f"fleet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    report.print(Console(width=None if sys.stdout.isatty() else 120))
    return 1 if report.lost else EXIT_SLOW if report.slow else 0


def _whole(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 9999:
        raise argparse.ArgumentTypeError("1 to 9999")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.5 <= number <= 86400:
        raise argparse.ArgumentTypeError("0.5 to 86400 seconds")
    return number


if __name__ == "__main__":
    sys.exit(main())
