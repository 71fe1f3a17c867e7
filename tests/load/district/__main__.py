"""A district: so many rooms at one Mosquitto, recorders, one PostgreSQL; what it costs, and that every window is there.

python -m tests.load.district                                          400 rooms, a minute
python -m tests.load.district --rooms 4000 --minutes 3
python -m tests.load.district --rooms 4000 --minutes 1 --faults        kill -9 of everything in turn, a full disk
python -m tests.load.district --rooms 4000 --minutes 1 --fault away --away 600     ten minutes without a database

Rooms are the payload code of the daemon; what a school's bridge would bring comes over a few connections of its own.
The broker is set up by docs/mosquitto as a district's; each recorder keeps one school,
or with --share all keep the same. Exit status 1 when a window is
not there exactly once, or not added up; 3 when all are, but a target was missed. A full disk needs root.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from edge.errors import EdgeError
from tests.load.district import faults
from tests.load.district.course import District
from tests.load.district.report import Plan

EXIT_SLOW = 3


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.district", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", type=int, default=400, help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=1.0, help="of peace (default: %(default)g)")
    parser.add_argument("--recorders", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--share", action="store_true", help="recorders share one school (default: one for each)")
    parser.add_argument("--window", type=float, default=10.0, help="seconds of each window (default: %(default)g)")
    parser.add_argument("--faults", action="store_true", help="all of them, one after the other")
    parser.add_argument("--fault", choices=faults.NAMES, action="append", default=[], help="this one; repeatable")
    parser.add_argument("--outage", type=float, default=5.0, help="seconds that a fault lasts (default: %(default)g)")
    parser.add_argument("--away", type=float, default=60.0, help="seconds without database (default: %(default)g)")
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    args = parser.parse_args()
    chosen = faults.NAMES if args.faults else tuple(args.fault)
    plan = Plan(
        args.rooms, args.minutes, args.recorders, args.share, args.window, chosen, args.outage, args.away,
        not args.plain,
    )  # fmt: skip
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="edge-district-") as folder:
            say = lambda text: print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)  # noqa: E731
            report = District(plan, Path(folder), say).run()
        if args.json:
            args.json.write_text(report.to_json() + "\n")
    except (EdgeError, OSError) as error:
        print(f"district: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    report.print(Console(width=None if sys.stdout.isatty() else 140))
    return 1 if report.problems else EXIT_SLOW if report.slow else 0


if __name__ == "__main__":
    sys.exit(main())
