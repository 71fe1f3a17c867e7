"""What the daemon says about itself: info, state and health."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from edge import __version__
from edge.cameras.masks import Masks
from edge.contract import payloads
from edge.contract.timestamps import format_timestamp
from edge.daemon import metrics
from edge.vision.tflite import runtime_version

if TYPE_CHECKING:
    from datetime import datetime

    from edge.config.schema import Config
    from edge.hardware.board import Readings
    from edge.vision.model_set import ModelSet

KINDS = {"sample": "sample", "usb": "usb", "file": "file", "images": "images"}


def info(config: Config, source: str, models: ModelSet, place: str | None) -> payloads.Info:
    """What is running here.

    Args:
        config: The configuration.
        source: The one in use, where the configuration may say `auto`.
        models: What is used.
        place: See `edge.daemon.place_digest`.
    """
    faces, emotions = models.detector.card, models.classifier.card if models.classifier else None
    return payloads.Info(
        device=config.device.name,
        mode=config.mode,
        version=__version__,
        python=platform.python_version(),
        runtime=runtime_version(),
        camera=KINDS.get(source.partition(":")[0], "usb" if source.startswith("/dev/") else "stream"),
        models=payloads.ModelFiles(
            faces=payloads.ModelInfo(name=faces.name, sha256=faces.sha256),
            emotions=payloads.ModelInfo(name=emotions.name, sha256=emotions.sha256) if emotions else None,
            pose=payloads.ModelInfo(name=models.pose.name, sha256=models.pose.sha256) if models.pose else None,
        ),
        labels=list(models.labels),
        estimate=models.calibration,
        window_seconds=config.window.seconds,
        privacy=payloads.Policy.model_validate(config.privacy.model_dump(mode="json", by_alias=True)),
        deployment=payloads.Responsible(
            responsible=config.deployment.responsible, legal_basis=config.deployment.legal_basis
        ),
        masked=Masks(config.camera.masks).share,
        place=place,
    )


def health(
    meter: metrics.Meter, board: Readings, now: float, time: datetime, outbox_depth: int
) -> payloads.HealthPayload:
    """Health since the last call.

    Args:
        meter: What the stages took.
        board: What the hardware says.
        now: Monotonic seconds.
        time: The time of day.
        outbox_depth: Windows that the broker does not have yet.
    """
    fps, stages, faces = meter.read(now)
    rss = metrics.rss_megabytes()
    return payloads.HealthPayload(
        time=format_timestamp(time),
        uptime=round(now - meter.start, 1),
        fps=round(fps, 2),
        stages_ms={name: round(ms, 2) for name, ms in stages.items()},
        faces_per_frame=faces,
        temperature_c=board.temperature_c,
        throttled_bits=board.throttled_bits,
        under_voltage=board.under_voltage,
        load=board.load,
        disk_free_mb=board.disk_free_mb,
        rss_mb=None if rss is None else round(rss, 1),
        outbox_depth=outbox_depth,
    )
