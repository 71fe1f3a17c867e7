"""A network of an attacker's own, from which we are reached over a wire, with rules of nftables at our end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import Counter

from tests.support.paths import ROOT

OURS, THEIRS = "10.9.0.1", ("10.9.0.2", "10.9.0.3")
FORGED_PORTS = range(1024, 2048)
# As a machine's own firewall, for what is forged in its name: an answer to what it has not asked for is dropped.
FIREWALL = f"""
table inet own {{
    chain input {{
        type filter hook input priority filter; policy accept;
        tcp dport {FORGED_PORTS[0]}-{FORGED_PORTS[-1]} drop
    }}
}}
"""
INSIDE = "EDGE_TEST_INSIDE_ITS_NETWORK"


def inside(module: str) -> int | None:
    """Run a module once more with a network of its own, in which nothing of this machine can be changed. Needs root.

    Returns:
        Its exit status; None for the module that is inside.
    """
    if INSIDE in os.environ:
        return None
    command = ["unshare", "--mount", "--net", sys.executable, "-m", module, *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, INSIDE: "1"}, check=False).returncode


class Elsewhere:
    """The attacker's network, at the other end of the wire.

    Args:
        rules: What is loaded at our end, as nft reads it; empty: nothing.
    """

    def __init__(self, rules: str) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        time.sleep(0.5)
        there = f"nsenter -t {self._holder.pid} -n"
        for command in (
            "ip link set lo up",
            "ip link add veth0 type veth peer name veth1",
            f"ip link set veth1 netns {self._holder.pid}",
            f"ip addr add {OURS}/24 dev veth0",
            "ip link set veth0 up",
            *(f"{there} ip addr add {address}/24 dev veth1" for address in THEIRS),
            f"{there} ip link set veth1 up",
            # As in a school: from there any address may come, and the kernel drops none (rp_filter of Debian).
            "ip route add default dev veth0",
        ):
            subprocess.run(command.split(), check=True)
        for place, loaded in ([], f"flush ruleset\n{rules}"), (there.split(), FIREWALL):
            subprocess.run([*place, "nft", "-f", "-"], input=loaded, text=True, check=True)

    def run(self, module: str, *arguments: str) -> str:
        """What a module says that runs there."""
        command = ["nsenter", "-t", str(self._holder.pid), "-n", sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout

    def held(self, port: int, tried: int, forged: int = 0) -> Counter[str]:
        """How many connections of each of their addresses reach us.

        Args:
            port: Ours.
            tried: How many each asks for.
            forged: How many packets come before, which ask for one in the name of the first address.
        """
        # Once the kernel has a connection it takes a place of the server; nobody needs to answer.
        with socket.create_server((OURS, port), backlog=1000) as server:
            self.run("tests.load.forge", "syn", OURS, str(port), str(forged), THEIRS[0])
            self.run("tests.load.forge", "hold", OURS, str(port), str(tried), *THEIRS)
            return _accepted(server)

    def stop(self) -> None:
        """End it, and its wire, which the kernel removes some time after the network."""
        subprocess.run(["ip", "link", "delete", "veth0"], check=True)
        self._holder.kill()
        self._holder.wait()


def _accepted(server: socket.socket) -> Counter[str]:
    server.setblocking(False)
    came: Counter[str] = Counter()
    while True:
        try:
            wire, (address, _) = server.accept()
        except BlockingIOError:
            return came
        wire.close()
        came[address] += 1
