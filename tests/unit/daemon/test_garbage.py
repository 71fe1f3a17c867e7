"""What exists at the start is no work for the garbage collector; what is made later still is."""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT

PROGRAM = """
import gc, weakref
from edge.daemon.garbage import settle

class Node: pass

settle()
print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)
node = Node()
node.self = node
gone = weakref.ref(node)
del node
for _ in range(50_000):
    keep = [[] for _ in range(2)]
everything = [[] for _ in range(100_000)]
print(gone() is None)
"""


def test_modules_are_left_out_and_later_cycles_are_found() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]
