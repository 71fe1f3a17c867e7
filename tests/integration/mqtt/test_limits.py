"""docs/mosquitto/limits.nft in a network of its own: packets of nobody do not switch it off."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.load.fleet.school import find
from tests.support.paths import ROOT

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network and load rules into it"),
    pytest.mark.skipif(
        any(find(name) is None for name in ("nft", "ip", "unshare")), reason="nftables is not installed"
    ),
]


def test_forged_packets_do_not_switch_the_limits_off() -> None:
    """Sixty-six thousand are more than a set of the rules holds; a set that is full once let everybody through."""
    if subprocess.run(["unshare", "--net", "nft", "list", "ruleset"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network")
    command = [sys.executable, "-m", "tests.load.forged_packets"]
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["before"] > 16_000, figures  # it is no wall either
    assert figures["after"] > 16_000, figures
    assert figures["senders"] <= 2, figures
