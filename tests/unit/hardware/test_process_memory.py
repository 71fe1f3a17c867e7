"""How much more memory a process may take: for a while, and from now on."""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT

PROGRAM = """
import threading
import numpy as np
from edge.hardware.process_memory import limit_memory, limited_memory

def ask(megabytes):
    try:
        np.empty(megabytes * 1_000_000, np.uint8)
        print(megabytes, "taken")
    except MemoryError:
        print(megabytes, "refused")

from_now_on = threading.Thread(target=limit_memory, args=(400_000_000,))
with limited_memory(200_000_000):
    ask(100)
    ask(300)
    with limited_memory(800_000_000):
        ask(300)
    from_now_on.start()
    from_now_on.join(0.2)  # it has to wait: what it set now would end with this
from_now_on.join()
ask(300)
ask(500)
with limited_memory(800_000_000):
    ask(500)
"""
EXPECTED = ["100 taken", "300 refused", "300 refused", "300 taken", "500 refused", "500 refused"]


def test_the_lower_of_two_limits_counts_and_one_that_ends_takes_no_other_with_it() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
    assert done.stdout.splitlines() == EXPECTED
