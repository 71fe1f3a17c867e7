"""Who changed what the room is subject to, and when: one line of JSON each, in the journal. Nothing about people in it.

To read them under systemd: `journalctl -u edge -o cat | grep '^{"audit":'`
"""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timezone
from typing import Any, Literal

from pydantic import BaseModel

from edge import __version__
from edge.config.address_redaction import without_password
from edge.config.schema import Config
from edge.contract.timestamps import format_timestamp

LOGGER = "edge.audit"
SECRETIVE = ("camera", "mqtt")  # sections whose addresses may hold a password: only that they changed is logged

Event = Literal["start", "stop", "pause", "resume", "configuration", "access"]

logger = logging.getLogger(LOGGER)


def record(event: Event, by: str, now: datetime, **facts: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Write one line.

    Args:
        event: What happened.
        by: Who wanted it, in words.
        now: The time of day.
        facts: More about it, nothing secret and nothing about people.
    """
    logger.info(json.dumps({"audit": event, "time": format_timestamp(now), "by": by, **facts}, ensure_ascii=False))


def start(config: Config) -> None:
    """Write that the daemon starts, for whom, and under which policy."""
    record(
        "start",
        "systemd" if "INVOCATION_ID" in os.environ else f"user {os.getuid()}",
        datetime.now(timezone.utc),
        version=__version__,
        device=f"{config.device.prefix}/{config.device.name}",
        mode=config.mode,
        camera=without_password(config.camera.source),
        privacy=config.privacy.model_dump(mode="json", by_alias=True),
        deployment=config.deployment.model_dump(mode="json"),
    )


def changes(old: Config, new: Config) -> dict[str, Any]:
    """What differs between two configurations: `{"privacy.min_faces": [5, 1], "mqtt.broker": "changed"}`."""
    found: dict[str, Any] = {}
    for section in Config.model_fields:
        before, after = getattr(old, section), getattr(new, section)
        if not isinstance(before, BaseModel):
            if before != after:
                found[section] = [before, after]
            continue
        was, now = (part.model_dump(mode="json", by_alias=True) for part in (before, after))
        found |= {
            f"{section}.{key}": "changed" if section in SECRETIVE else [was[key], now[key]]
            for key in was
            if was[key] != now[key]
        }
    return found
