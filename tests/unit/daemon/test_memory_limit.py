"""How much memory the daemon may take once compressed video is decoded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

PROGRAM = """
import sys
import numpy as np
from edge.config.schema import Config
from edge.daemon.memory_limit import MORE, open_camera_within_limits
declared = {"responsible": "us", "legal_basis": "test"}
before = np.empty(MORE * 3 // 2, np.uint8)  # as the buffers of many threads
config = Config.model_validate({"camera": {"source": sys.argv[1]}, "deployment": declared})
open_camera_within_limits(sys.argv[1], config)
try:
    some = np.empty(MORE // 2, np.uint8)
    np.empty(MORE, np.uint8)
    print("taken")
except MemoryError:
    print("refused")
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [("rtsp://camera.local/main", "refused"), ("file:/tmp/film.mp4", "refused"), ("sample", "taken")],
)
def test_no_more_than_a_gigabyte_beside_what_was_there(source: str, expected: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, source], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert done.stdout.strip() == expected
