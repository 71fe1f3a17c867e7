"""The epoch of this device's own outbox, also while its daemon holds it: how it knows itself at a broker."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from edge.daemon.paths import outbox_path
from edge.delivery.outbox_tables import ForeignFileError, read_only
from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.config.schema import Config


def own_epoch(config: Config) -> str | None:
    """The epoch, None where there is no outbox, or none that can be read; nothing is changed."""
    try:
        with read_only(outbox_path(config)) as database:  # the epoch is written once, at the beginning
            row = database.execute("SELECT name FROM epoch").fetchone()
    except (OSError, sqlite3.Error, ConfigError, ForeignFileError):
        return None
    return None if row is None else str(row[0])


def epoch_in(window: bytes) -> str:
    """The epoch in the payload of a window; empty where it has none."""
    try:
        return str(json.loads(window)["epoch"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
