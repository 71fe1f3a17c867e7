"""Messages that `edge watch` gets, and the picture it draws of them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from io import StringIO
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from edge.cli.board import View, render
from edge.cli.inbox import Inbox
from edge.cli.terminal_palette import terminal_palette
from edge.contract.payloads import WindowPayload
from edge.text import NO_BREAK

NOW = datetime(2026, 10, 4, 8, 15, 13, tzinfo=timezone.utc)
COUNTS = {"angry": 9, "disgust": 0, "fear": 4, "happy": 171, "neutral": 452, "sad": 38, "surprise": 52, "unknown": 41}


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def window(device: str = "room-1", seq: int = 1, *, suppressed: bool = False, **changes: Any) -> dict[str, Any]:
    end = NOW - timedelta(seconds=3)
    total = sum(changes.get("counts", COUNTS).values())
    mean = round(total / 28, 2)
    shown: dict[str, Any] = {
        "faces": {"total": total, "mean": mean, "min": min(24, int(mean)), "max": 30},
        "counts": COUNTS,
        "people": {name: round(count / 28, 2) for name, count in COUNTS.items()},
    }
    hidden = {"faces": dict.fromkeys(shown["faces"]), "counts": None, "people": None}
    quality = {"coverage": 0.98, "too_small": None if suppressed else 0, "clock_synced": True}
    return {
        "schema": "edge.window/1",
        "device": device,
        "epoch": "6f1c9a2e",
        "seq": seq,
        "replayed": False,
        "window": {"start": stamp(end - timedelta(seconds=10)), "end": stamp(end), "seconds": 10.0},
        "frames": 28,
        "estimate": None,
        "suppressed": suppressed,
        "quality": quality,
        "model": {"faces": "f@000000000000", "emotions": "e@000000000000"},
        **(hidden if suppressed else shown),
        **changes,
    }


def state(mode: str, reason: str = "") -> bytes:
    return json.dumps({"mode": mode, "reason": reason, "since": stamp(NOW)}).encode()


def send(inbox: Inbox, device: str = "room-1", kind: str = "window", **changes: Any) -> WindowPayload | None:
    return inbox.receive(f"classroom/{device}/{kind}", json.dumps(window(device, **changes)).encode())


def room(*devices: str, **changes: Any) -> Inbox:
    inbox = Inbox("classroom")
    for device in devices:
        inbox.receive(f"classroom/{device}/availability", b"online")
        inbox.receive(f"classroom/{device}/state", state("running"))
        send(inbox, device, **changes)
    return inbox


VIEW = View(terminal_palette("dark", {}))


def picture(inbox: Inbox, width: int = 80, height: int = 24, foot: str = "", view: View = VIEW) -> str:
    """What the terminal shows; no line may be wider than it, and none too many."""
    console = Console(width=width, height=height, file=StringIO(), force_terminal=False)
    devices = inbox.devices.values()
    drawn = render(devices, (width, height), NOW, prefix=inbox.prefix, head="edge watch", foot=foot, view=view)
    with console.capture() as capture:
        console.print(drawn)
    text = capture.get()
    assert all(cell_len(row) <= width for row in text.splitlines())
    assert len(text.splitlines()) <= height
    assert "\x1b" not in text
    return text.replace(NO_BREAK, " ")
