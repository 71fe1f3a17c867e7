"""Windows as a recorder gets them, a device that sends them, and what is in the recorder's file."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

StartEdge = Callable[..., subprocess.Popen[str]]

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=timezone.utc)
EPOCH = "6f1c9a2e"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def message(seq: int, device: str = "room-1", *, suppressed: bool = False, **changes: Any) -> dict[str, Any]:
    """A window of ten seconds, the seq-th since NOW."""
    start = NOW + timedelta(seconds=10 * seq)
    counts = {"happy": 3 * seq, "neutral": 20, "unknown": 1}
    total = sum(counts.values())
    return {
        "schema": "edge.window/1", "device": device, "epoch": EPOCH, "seq": seq, "replayed": False,
        "window": {"start": stamp(start), "end": stamp(start + timedelta(seconds=10)), "seconds": 10.0},
        "frames": 10,
        "faces": dict.fromkeys(("total", "mean", "min", "max"))
        if suppressed
        else {"total": total, "mean": total / 10, "min": 1, "max": max(9, -(-total // 10))},
        "counts": None if suppressed else counts,
        "people": None if suppressed else {name: n / 10 for name, n in counts.items()},
        "estimate": None if suppressed else {"happy": {"share": 0.2, "low": 0.1, "high": 0.3}},
        "suppressed": suppressed,
        "quality": {"coverage": 0.98, "too_small": None if suppressed else 0, "clock_synced": True},
        "model": {"faces": "f@1", "emotions": "e@2"},
        **changes,
    }  # fmt: skip


class Sender:
    """A device as a client of its own; `send` returns when the broker has the message."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, content: Any, topic: str = "classroom/room-1/window", *, retain: bool = False) -> None:
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._client.publish(topic, payload, 1, retain).wait_for_publish(20)

    def stop(self) -> None:
        self._client.disconnect()
        with contextlib.suppress(AttributeError):  # as in edge.mqtt.bounded_client
            self._client.loop_stop()


def address(port: int) -> str:
    return f"mqtt://127.0.0.1:{port}"


def rows(path: Path, query: str = "SELECT seq FROM windows ORDER BY seq") -> list[Any]:
    """What is in the file, while it may be in use; of one column only its values."""
    if not path.exists():
        return []
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        found = database.execute(query).fetchall()
    except sqlite3.OperationalError as error:  # not yet made
        assert "no such table" in str(error)
        return []
    finally:
        database.close()
    return [row[0] if len(row) == 1 else row for row in found]


def lines_of(process: subprocess.Popen[str], word: str) -> str:
    """Read its log up to a line with a word."""
    assert process.stderr is not None
    read = ""
    for line in process.stderr:
        read += line
        if word in line:
            return read
    pytest.fail(f"no {word!r} in: {read}")


def recording(edge: StartEdge, path: Path, port: int, *arguments: str) -> subprocess.Popen[str]:
    """A recorder that the broker knows."""
    process = edge("record", "--database", str(path), "--broker", address(port), *arguments)
    lines_of(process, "connected to broker")
    return process
