"""Messages of a room whose password somebody else has, one kind after the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

from edge.recording.session import Delivery
from tests.support.recordings import NOW, message, stamp

DEVICE = "bad"


def _state(n: int) -> bytes:
    since = stamp(NOW + timedelta(seconds=n))
    return json.dumps({"mode": "paused", "reason": f"{n} " + "x" * 500, "since": since}).encode()


def _newer(n: int) -> bytes:
    return json.dumps({"schema": "edge.window/9", "device": DEVICE, "n": n, "more": "x" * 400}).encode()


KINDS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "availability": ("availability", lambda n: b"online" if n % 2 else b"offline"),
    "state": ("state", _state),
    "window": ("window", lambda n: json.dumps(message(n + 1, DEVICE)).encode()),
    "newer": ("window", _newer),
    "invalid": ("window", lambda n: b'{"schema": "edge.window/2"' + b" " * (n % 500)),
}
"""By name: the last level of the topic, and the payload of the n-th message."""


def delivery(kind: str, n: int) -> Delivery:
    topic, payload = KINDS[kind]
    return Delivery(f"classroom/{DEVICE}/{topic}", payload(n), n % 65535 + 1, 1, 1)
