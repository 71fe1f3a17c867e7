"""Commands that only subscribe load no numpy, no OpenCV and no model code."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "cv2",
    "tflite_runtime",
    "ai_edge_litert",
    "matplotlib",
    "edge.vision",
    "edge.cameras",
    "edge.aggregation",
)
MODULES = {
    "watch": "edge.cli.watch",
    "record": "edge.cli.record",
    "dashboard": "edge.cli.dashboard, edge.web.dashboard.server, edge.web.dashboard.school",
}


@pytest.mark.parametrize("command", MODULES)
def test_a_command_that_only_subscribes_is_light(command: str) -> None:
    code = f"import sys, {MODULES[command]}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
