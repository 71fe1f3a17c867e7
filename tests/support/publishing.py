"""A publisher without a camera, and windows for it: what the MQTT tests share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from edge.contract.payloads import Info, State, WindowBody
from edge.contract.timestamps import format_timestamp
from edge.contract.topics import Topics
from edge.delivery.publisher import Publisher

TOPICS = Topics("classroom", "room-9")
STATE = State(mode="running", reason="started", since="2026-10-04T08:15:00.000Z")
INFO = Info.model_validate(
    {
        "device": "room-9", "mode": "emotions", "version": "0", "python": "3", "runtime": "none", "camera": "sample",
        "models": {kind: {"name": "m", "sha256": "0" * 64} for kind in ("faces", "emotions")},
        "labels": ["happy"], "estimate": "none", "window_seconds": 1,
        "privacy": {
            "min_faces": 5, "round_to": 1, "schedule": [], "time_zone": None, "trust_clock": False,
            "allow_remote_resume": True,
        },
        "deployment": {"responsible": "", "legal_basis": ""},
    }
)  # fmt: skip

Start = Callable[..., Publisher]


def window(faces: int = 7, device: str = "room-9") -> WindowBody:
    """A window of one frame with so many happy faces."""
    end = datetime.now(timezone.utc)
    return WindowBody.model_validate(
        {
            "device": device, "mode": "emotions",
            "window": {
                "start": format_timestamp(end - timedelta(seconds=1)), "end": format_timestamp(end), "seconds": 1,
            },
            "frames": 1, "faces": {"total": faces, "mean": faces, "min": faces, "max": faces}, "facing": None,
            "counts": {"happy": faces, "unknown": 0}, "unclassified": {"too_small": 0, "away": None, "unclear": 0},
            "people": {"happy": faces, "unknown": 0}, "estimate": None, "estimate_absent": "uncalibrated",
            "withheld": None, "quality": {"coverage": 1, "clock_synced": True},
            "model": {"faces": "f", "emotions": "e", "pose": None},
        }
    )  # fmt: skip
