"""The address of a page, as it is printed."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from edge.cli.page import address, print_address
from tests.support.paths import ROOT

TOKEN = "correct-horse-battery"


class Terminal(io.StringIO):
    """A terminal that remembers what it was shown."""

    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, host: str, *, secret: bool, out: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stdout", out)
    print_address(host, 8787, TOKEN, secret=secret)
    return out.getvalue()


def test_a_terminal_is_shown_the_whole_address_and_beyond_this_machine_a_qr_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near = printed(monkeypatch, "127.0.0.1", secret=True, out=Terminal())
    assert near == f"  http://127.0.0.1:8787/?token={TOKEN}\n"
    far = printed(monkeypatch, "192.168.1.5", secret=True, out=Terminal())
    assert far.startswith(f"  http://192.168.1.5:8787/?token={TOKEN}\n")
    assert far.count("\n") > 15
    assert set("\u2580\u2584\u2588") & set(far)


def test_behind_a_proxy_its_address_is_what_a_phone_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for out, token in ((Terminal(), TOKEN), (io.StringIO(), "(what is in the token file)")):
        monkeypatch.setattr(sys, "stdout", out)
        print_address("127.0.0.1", 8080, TOKEN, secret=True, public="https://school.example/rooms/")
        lines = out.getvalue().splitlines()
        assert lines[:2] == [
            f"  http://127.0.0.1:8080/?token={token}",
            f"  https://school.example/rooms/?token={token}  (through the proxy)",
        ]
        assert (len(lines) > 15) == out.isatty()


def test_a_log_is_not_told_the_token_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = printed(monkeypatch, "192.168.1.5", secret=True, out=io.StringIO())
    assert TOKEN not in kept
    assert kept.count("\n") == 1
    assert TOKEN in printed(monkeypatch, "192.168.1.5", secret=False, out=io.StringIO())


def test_addresses_that_mean_every_network_are_named_as_others_see_them() -> None:
    assert address("::1", 80, None) == "http://[::1]:80/"
    assert "0.0.0.0" not in address("0.0.0.0", 80, None)


def test_a_network_that_leads_nowhere_else_has_addresses_too() -> None:
    lan = "ip link add lan0 type veth peer name lan1 && ip addr add 192.168.1.10/24 dev lan0 && ip link set lan0 up"
    alone = ["unshare", "--net", "sh", "-c", f'ip link set lo up && {lan} && exec "$@"', "sh"]
    try:
        subprocess.run([*alone, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespace can be made here")
    code = "from edge.cli.page import address; print(address('0.0.0.0', 8080, None))"
    done = subprocess.run([*alone, sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "http://192.168.1.10:8080/\n"
