"""A publisher without a camera, and windows for it: what the MQTT tests share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

from edge.aggregation.payload_builder import compose_window
from edge.aggregation.windows import Window
from edge.contract.payloads import Info, ModelNames, State, WindowPayload
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


def window(faces: int = 7) -> WindowPayload:
    counts = {"happy": faces, "unknown": 0}
    return compose_window(
        Window(0, 1, 1, counts, faces, faces, 0, 1.0, faces, faces), device="room-9", end=datetime.now(timezone.utc),
        suppressed=False, clock_synced=True, models=ModelNames(faces="f", emotions="e"),
    )  # fmt: skip
