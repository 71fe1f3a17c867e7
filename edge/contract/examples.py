"""One room, as it looks on the wire: an example of every payload, for the documentation."""

from __future__ import annotations

from pydantic import BaseModel

from edge.contract.payloads import (
    Alert,
    Alerts,
    Answer,
    HealthPayload,
    Info,
    NamedAlert,
    Payload,
    State,
    WindowPayload,
)

_NAMES = {"faces": "yunet-2023mar-1280x736-int8@e28c6482a905", "emotions": "mobilenet-v4-forked-48@a2e55d98a69b"}
_POSE = "front-landmarks-1@d275bef1b779"
_MODEL = {**_NAMES, "pose": f"front, {_POSE}"}
_ESTIMATE = {
    "angry": (0.01, 0.0, 0.04),
    "disgust": (0.0, 0.0, 0.01),
    "fear": (0.01, 0.0, 0.03),
    "happy": (0.23, 0.17, 0.29),
    "neutral": (0.66, 0.58, 0.73),
    "sad": (0.03, 0.0, 0.07),
    "surprise": (0.06, 0.03, 0.1),
}

WINDOW = WindowPayload.model_validate(
    {
        "device": "room-204", "mode": "emotions", "epoch": "6f1c9a2e", "seq": 18342, "replayed": False,
        "window": {"start": "2026-10-04T08:15:00.000Z", "end": "2026-10-04T08:15:10.000Z", "seconds": 10.0},
        "frames": 28,
        "faces": {"total": 767, "mean": 27.39, "min": 24, "max": 30},
        "facing": {"front": 511, "away": 225, "unknown": 31},
        "counts": {
            "angry": 4, "disgust": 0, "fear": 1, "happy": 131, "neutral": 338, "sad": 8, "surprise": 17, "unknown": 268,
        },
        "unclassified": {"too_small": 31, "away": 225, "unclear": 12},
        "people": {
            "angry": 0.14, "disgust": 0.0, "fear": 0.04, "happy": 4.68, "neutral": 12.07, "sad": 0.29, "surprise": 0.61,
            "unknown": 9.57,
        },
        "estimate": {name: dict(zip(("share", "low", "high"), of, strict=True)) for name, of in _ESTIMATE.items()},
        "estimate_absent": None,
        "withheld": None,
        "quality": {"coverage": 0.98, "clock_synced": True},
        "model": _MODEL,
    }
)  # fmt: skip
_NO_EMOTIONS = dict.fromkeys(("counts", "unclassified", "people", "estimate"))
SUPPRESSED = WindowPayload.model_validate(
    {
        **WINDOW.model_dump(by_alias=True), **_NO_EMOTIONS, "seq": 18343, "facing": None,
        "faces": dict.fromkeys(("total", "mean", "min", "max")),
        "withheld": {"what": "figures", "reason": "few_people"},
    }
)  # fmt: skip
EMOTIONS_WITHHELD = WindowPayload.model_validate(
    {
        **WINDOW.model_dump(by_alias=True), **_NO_EMOTIONS, "seq": 18344,
        "facing": {"front": 84, "away": 652, "unknown": 31}, "withheld": {"what": "emotions", "reason": "few_front"},
    }
)  # fmt: skip
FACING = WindowPayload.model_validate(
    {
        **WINDOW.model_dump(by_alias=True), **_NO_EMOTIONS, "mode": "facing", "model": {**_MODEL, "emotions": None},
    }
)  # fmt: skip
HEADCOUNT = WindowPayload.model_validate(
    {
        **WINDOW.model_dump(by_alias=True), **_NO_EMOTIONS, "mode": "headcount", "facing": None,
        "model": {**_MODEL, "emotions": None, "pose": None},
    }
)  # fmt: skip
STATE = State(mode="running", reason="started", since="2026-10-04T06:00:02.117Z")
PAUSED = State(mode="paused", reason="paused by Mrs Doe, over MQTT", since="2026-10-04T09:45:00.004Z")
INFO = Info.model_validate(
    {
        "device": "room-204", "mode": "emotions", "version": "0.1.0", "python": "3.11.2",
        "runtime": "ai-edge-litert 2.3.0", "camera": "usb",
        "models": {
            kind: {"name": name.partition("@")[0], "sha256": name.partition("@")[2].ljust(64, "0")}
            for kind, name in {**_NAMES, "pose": _POSE}.items()
        },
        "labels": list(_ESTIMATE), "estimate": "from emotions.calibration.json, ferplus, 3372 pictures",
        "window_seconds": 10.0,
        "privacy": {
            "min_faces": 5, "round_to": 1,
            "schedule": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "12:00", "to": "13:00"}],
            "time_zone": None, "trust_clock": False, "allow_remote_resume": True,
        },
        "deployment": {
            "responsible": "Jane Doe, head of research, jane@example.org",
            "legal_basis": "ethics vote 2026-17, written consent of all participants",
        },
        "masked": 0.14, "place": "5b1f09aa",
    }
)  # fmt: skip
HEALTH = HealthPayload(
    time="2026-10-04T08:15:12.410Z", uptime=8110.3, fps=2.8, stages_ms={"detect": 61.2, "classify": 88.9},
    faces_per_frame=27.39, temperature_c=61.8, throttled_bits=0, under_voltage=False, load=0.31, disk_free_mb=21804.0,
    rss_mb=171.4, outbox_depth=0,
)  # fmt: skip
ALERT = Alert(
    problem="no frame for 5 s from usb:0", remedy="check the cable of the camera", since="2026-10-04T08:17:40.250Z"
)
ALERTS = Alerts(number=1, alerts=[NamedAlert(id="camera", **dict(ALERT))])
DONE = Answer(status="ok", error=None, id=7)
REFUSED = Answer(
    status="error", error="interval: allowed is a number from 1 to 3600, in seconds", id="a lamp in the hall"
)

EXAMPLES: dict[type[BaseModel], dict[str, Payload]] = {
    WindowPayload: {
        "figures": WINDOW,
        "withheld": SUPPRESSED,
        "emotionsWithheld": EMOTIONS_WITHHELD,
        "facing": FACING,
        "headcount": HEADCOUNT,
    },
    State: {"running": STATE, "paused": PAUSED},
    Info: {"info": INFO},
    HealthPayload: {"health": HEALTH},
    Alert: {"camera": ALERT},
    Alerts: {"one": ALERTS, "none": Alerts(number=0, alerts=[])},
    Answer: {"done": DONE, "refused": REFUSED},
}
"""Examples of each model by name."""
