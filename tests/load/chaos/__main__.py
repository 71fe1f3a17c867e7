"""Kill broker and daemon again and again, take the network away, and see that no window is lost.

python -m tests.load.chaos                      20 kills of each and an outage of five minutes; about twelve minutes
python -m tests.load.chaos --kills 3 --outage 5
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.load.chaos.storm import storm


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.load.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="of broker and daemon each (default: %(default)s)")
    parser.add_argument("--outage", type=float, default=300.0, help="seconds without a broker (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: %(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edge-chaos-") as folder:
        report = storm(Path(folder), args.kills, args.outage, args.seed, say=print)
    print(report)
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
