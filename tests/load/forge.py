"""A machine that forges packets, sends as fast as it can, or connects and says nothing, for others of tests.load.

python -m tests.load.forge rst HOST PORT PACKETS     ends connections that there never were, each of another address
python -m tests.load.forge syn HOST PORT PACKETS ADDRESS     asks for connections in the name of an address
python -m tests.load.forge flood HOST PORT ADDRESS SECONDS
python -m tests.load.forge hold HOST PORT COUNT ADDRESS...     so many connections of each, all at once
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import socket
import struct
import sys
import time
from collections.abc import Iterator, Sequence

from tests.load.elsewhere import FORGED_PORTS

FIRST_FORGED = ipaddress.IPv4Address("10.16.0.0")
SYN, RST, DATA_WORDS, WINDOW, TIME_TO_LIVE = 2, 4, 5, 0, 64
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # what waits to be sent is forgotten


def forge(host: str, port: int, packets: int, flags: int, senders: Iterator[ipaddress.IPv4Address]) -> None:
    """Send so many packets of TCP, each from the next sender, and from the next port."""
    to = socket.inet_aton(host)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as wire:
        for number, address in zip(range(packets), senders, strict=False):
            sender = address.packed
            ports = (FORGED_PORTS[number % len(FORGED_PORTS)], port)
            head = struct.pack("!HHIIBBH", *ports, number, 0, DATA_WORDS << 4, flags, WINDOW)
            about = sender + to + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
            segment = head + struct.pack("!HH", _checksum(about + head), 0)
            shape = struct.pack("!BBHHHBBH", 0x45, 0, 40, number & 0xFFFF, 0, TIME_TO_LIVE, socket.IPPROTO_TCP, 0)
            wire.sendto(shape + sender + to + segment, (host, 0))


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def flood(host: str, port: int, address: str, seconds: float) -> None:
    """Send from an address of this machine, for so long."""
    with socket.create_connection((host, port), timeout=10, source_address=(address, 0)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        wire.settimeout(0.1)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                wire.send(bytes(16384))


def hold(host: str, port: int, count: int, addresses: Sequence[str]) -> None:
    """Ask for so many connections from each address, and hold what there is until all have been asked for."""
    with contextlib.ExitStack() as held:
        for address in addresses:
            for _ in range(count):
                with contextlib.suppress(OSError):  # refused, or not answered
                    held.enter_context(socket.create_connection((host, port), 0.1, (address, 0)))


if __name__ == "__main__":
    what, where, door, *rest = sys.argv[1:]
    if what == "rst":
        forge(where, int(door), int(rest[0]), RST, (FIRST_FORGED + number for number in itertools.count()))
    elif what == "syn":
        forge(where, int(door), int(rest[0]), SYN, itertools.repeat(ipaddress.IPv4Address(rest[1])))
    elif what == "hold":
        hold(where, int(door), int(rest[0]), rest[1:])
    else:
        flood(where, int(door), rest[0], float(rest[1]))
