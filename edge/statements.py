"""What the daemon says about itself: info, state and health."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from edge import __version__, health
from edge.clock import stamp
from edge.mqtt import payloads
from edge.vision.tflite import runtime_version

if TYPE_CHECKING:
    from datetime import datetime

    from edge.config import Config
    from edge.vision.models import Models

KINDS = {"sample": "sample", "usb": "usb", "file": "file", "images": "images"}


def info(config: Config, source: str, models: Models) -> payloads.Info:
    """What is running here; `source` is the one in use, where the configuration may say `auto`."""
    faces, emotions = models.detector.card, models.classifier.card
    return payloads.Info(
        device=config.device.name,
        version=__version__,
        python=platform.python_version(),
        runtime=runtime_version(),
        camera=KINDS.get(source.partition(":")[0], "usb" if source.startswith("/dev/") else "stream"),
        models=payloads.Models(
            faces=payloads.ModelInfo(name=faces.name, sha256=faces.sha256),
            emotions=payloads.ModelInfo(name=emotions.name, sha256=emotions.sha256),
        ),
        labels=list(models.classifier.labels),
        estimate=models.calibration,
        window_seconds=config.window.seconds,
        privacy=payloads.Policy(
            min_faces=config.privacy.min_faces,
            round_to=config.privacy.round_to,
            allow_remote_resume=config.privacy.allow_remote_resume,
        ),
        deployment=payloads.Responsible(
            responsible=config.deployment.responsible, legal_basis=config.deployment.legal_basis
        ),
    )


def how_it_is(
    meter: health.Meter, now: float, uptime: float, time: datetime, outbox_depth: int
) -> payloads.HealthPayload:
    """Health since the last call; times in monotonic seconds, `time` is the time of day."""
    fps, stages, faces = meter.read(now)
    rss = health.rss_megabytes()
    return payloads.HealthPayload(
        time=stamp(time),
        uptime=round(uptime, 1),
        fps=round(fps, 2),
        stages_ms={name: round(ms, 2) for name, ms in stages.items()},
        faces_per_frame=faces,
        temperature_c=health.temperature(),
        throttled_bits=health.throttled_bits(),
        rss_mb=None if rss is None else round(rss, 1),
        outbox_depth=outbox_depth,
    )
