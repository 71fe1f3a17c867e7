"""Recordings of a lesson and of a week, and the report on them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from edge.cli import run_command_line
from edge.recording.database import Database
from edge.recording.recordable import examine
from edge.recording.session import Delivery
from edge.recording.window_record import WindowRecord
from edge.reporting.lesson_statistics import LessonSummary, minutes, summarize_minutes
from edge.reporting.totals import add_up

MONDAY = datetime(2026, 11, 16, 7, 0, tzinfo=timezone.utc)  # eight o'clock in Vienna
MINUTE = timedelta(minutes=1)


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def message(seq: int, start: datetime, **changes: Any) -> dict[str, Any]:
    """A window of a minute with 25 faces in ten frames."""
    happy = round(60 + 30 * math.sin(seq / 20))
    counts = {"angry": 10, "happy": happy, "neutral": 160 - happy, "sad": 60, "unknown": 20}
    shares = {name: n / 230 for name, n in counts.items() if name != "unknown"}
    estimate = {n: {"share": s, "low": max(0, s - 0.05), "high": min(1, s + 0.05)} for n, s in shares.items()}
    shown = {
        "faces": {"total": 250, "mean": 25.0, "min": 22, "max": 28},
        "counts": counts, "people": {name: n / 10 for name, n in counts.items()}, "estimate": estimate,
    }  # fmt: skip
    return {
        "schema": "edge.window/1", "device": "room-1", "epoch": "6f1c9a2e", "seq": seq, "replayed": False,
        "window": {"start": stamp(start), "end": stamp(start + MINUTE), "seconds": 60.0}, "frames": 10,
        **shown, "suppressed": False, "quality": {"coverage": 0.5, "too_small": 0, "clock_synced": True},
        "model": {"faces": "f@1", "emotions": "e@2"}, **changes,
    }  # fmt: skip


HIDDEN = {
    "suppressed": True, "faces": dict.fromkeys(("total", "mean", "min", "max")), "counts": None, "people": None,
    "estimate": None, "quality": {"coverage": 0.5, "too_small": None, "clock_synced": True},
}  # fmt: skip


def state(mode: str, since: datetime, reason: str = "asked over MQTT") -> dict[str, Any]:
    return {"mode": mode, "reason": reason, "since": stamp(since)}


def figures(frames: int, counts: dict[str, int]) -> dict[str, Any]:
    """What a window says about people."""
    people = {name: n / frames for name, n in counts.items()}
    total = sum(counts.values())
    faces = {"total": total, "mean": round(total / frames, 2), "min": 1, "max": 9}
    return {"frames": frames, "faces": faces, "counts": counts, "people": people}


def summarize(windows: Sequence[WindowRecord]) -> LessonSummary:
    """The summary of a lesson from its windows alone."""
    return summarize_minutes(add_up(windows), minutes(windows))


def record(path: Path, messages: list[tuple[str, Any]], device: str = "room-1") -> Path:
    """A file as `edge record` writes it."""
    database = Database(path, "classroom")
    database.start()
    for topic, content in messages:
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        found = examine("classroom", Delivery(f"classroom/{device}/{topic}", payload, 1, 1, 1))
        assert found is not None
        database.store([found], MONDAY)
    database.stop()
    return path


def lesson() -> list[tuple[str, Any]]:
    """An hour with everything in it: minutes 10-12 hidden, 20-24 paused, 30-33 lost, 40-44 the device off."""
    found: list[tuple[str, Any]] = [("state", state("running", MONDAY, "started"))]
    number = 0
    for minute in range(60):
        start = MONDAY + minute * MINUTE
        if minute == 20:
            found.append(("state", state("paused", start)))
        if minute == 25:
            found.append(("state", state("running", start, "resumed")))
        if 20 <= minute < 25 or 40 <= minute < 45:
            continue
        number += 1
        if not 30 <= minute < 34:
            found.append(("window", message(number, start, **(HIDDEN if 10 <= minute < 13 else {}))))
    return found


def report(*arguments: object) -> int:
    return run_command_line(["report", *map(str, arguments)])
