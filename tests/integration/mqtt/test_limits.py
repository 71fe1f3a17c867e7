"""docs/mosquitto/limits.nft, end-unread.sh beside it, docs/district.nft and dashboard.nft, each in its own network."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.load.fleet.plugin_broker import missing
from tests.load.fleet.school import find
from tests.support.paths import ROOT

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network and load rules into it"),
    pytest.mark.skipif(
        any(find(name) is None for name in ("nft", "ip", "unshare")), reason="nftables is not installed"
    ),
]


@pytest.fixture(autouse=True)
def _network() -> None:
    inside = ["unshare", "--net", "nft"]
    if subprocess.run([*inside, "list", "ruleset"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network")
    answer = (
        "table inet t {\nchain c {\ntype filter hook input priority 0\ntcp dport 1 synproxy mss 1460 sack-perm\n}\n}\n"
    )
    if subprocess.run([*inside, "-f", "-"], input=answer, capture_output=True, text=True, check=False).returncode:
        pytest.skip("this kernel has no nft_synproxy")


def figures_of(module: str, *options: str) -> dict[str, int]:
    """What a module of tests.load says of rules that held."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    done = subprocess.run(
        [sys.executable, "-m", module, *options], cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures: dict[str, int] = json.loads(done.stdout)
    return figures


def test_forged_packets_do_not_switch_the_limits_off() -> None:
    """Sixty-six thousand are more than a set of the rules holds; a set that is full once let everybody through."""
    figures = figures_of("tests.load.forged_packets")
    assert figures["before"] > 16_000, figures  # it is no wall either
    assert figures["after"] > 16_000, figures
    assert figures["senders"] <= 2, figures
    assert figures["called"] == 3, figures  # whoever forged two hundred in a machine's name took none of its calls


def test_no_machine_goes_on_opening_connections() -> None:
    """Each may cost the broker memory for good, also one without a password."""
    through = figures_of("tests.load.refused_connects", "--calls")["through"]
    assert 200 <= through <= 210  # forty rooms behind one address are no attack


def test_no_machine_takes_all_places_of_a_database_or_a_web_server_without_a_word() -> None:
    """And nobody takes those of a machine in its name, which drops what it has not asked for."""
    figures = figures_of("tests.load.silent_connections")
    database = {"one machine": 20, "another": 20, "not listed": 0, "forged": 20}
    of_pages = dict.fromkeys(("one machine", "another", "forged", "port 80"), 200)
    assert figures == {**database, **{f"pages, {name}": most for name, most in of_pages.items()}}


@pytest.mark.skipif(bool(missing()) or find("ss") is None, reason="Mosquitto or iproute2 is not installed")
@pytest.mark.parametrize("options", [[], ["--no-destroy"]], ids=["by the kernel", "by limits.nft"])
def test_who_does_not_read_answers_is_ended(options: list[str]) -> None:
    """The broker keeps in memory what it has answered, and has no bound for that."""
    figures = figures_of("tests.load.unread_answers", *options)
    assert (figures["hostile"], figures["others"], figures["missing"]) == (True, 0, 0), figures
