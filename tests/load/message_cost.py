"""A million messages of each kind from one room: whether the last cost what the first did, and what is on the disk.

python -m tests.load.message_cost                    some minutes for each kind
python -m tests.load.message_cost --messages 100000

Everything that the recorder does with a message, except the network. Exit status 1 when the last tenth took over twice
the time of the first, memory passed 200 MB, or the file passed what one device may add.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from edge.recording.allowance import FULL_OUTBOX, HOUR, PER_HOUR, Allowance
from edge.recording.database import Database
from edge.recording.recordable import bytes_of, examine
from tests.support.hostile import DEVICE, KINDS, delivery
from tests.support.recordings import NOW

BATCH = 200
MEMORY_MB = 200
ALLOWED = 2.0  # times


def feed(kind: str, messages: int, folder: Path, *, bounded: bool) -> tuple[list[float], float]:
    """Feed so many; returns the CPU seconds of each tenth, and the megabytes of the file."""
    database = Database(folder / f"{kind}-{bounded}.sqlite", "classroom")
    database.start()
    allowance = Allowance(lambda _device, _messages: None)
    tenths = []
    for tenth in range(10):
        spent = 0.0
        for first in range(tenth * messages // 10, (tenth + 1) * messages // 10, BATCH):
            deliveries = [delivery(kind, n) for n in range(first, first + BATCH)]
            began = time.process_time()
            found = []
            for each in deliveries:
                if bounded and not allowance.admits(DEVICE, bytes_of(each), time.monotonic()):
                    continue
                try:
                    found.append(examine("classroom", each))
                except ValueError:
                    continue
            database.store([each for each in found if each is not None], NOW)
            spent += time.process_time() - began
        tenths.append(spent)
    database.stop()
    return tenths, sum(file.stat().st_size for file in folder.glob(f"{kind}-{bounded}.sqlite*")) / 1e6


def main() -> int:
    """Feed each kind, without and with the allowance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=list(KINDS), action="append")
    args = parser.parse_args()
    failed = False
    for kind in args.kind or KINDS:
        for bounded in (False, True):
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                tenths, size = feed(kind, args.messages, Path(folder), bounded=bounded)
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            most = (FULL_OUTBOX + PER_HOUR * (time.monotonic() - began) / HOUR) / 1e6
            failed |= tenths[-1] > ALLOWED * tenths[0] or memory > MEMORY_MB or (bounded and size > 1.1 * most)
            print(
                f"{kind}{', with the allowance' if bounded else ''}: first tenth {tenths[0]:.2f} s, last "
                f"{tenths[-1]:.2f} s; file {size:.0f} MB; memory {memory:.0f} MB",
                flush=True,
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
