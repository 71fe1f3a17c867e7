"""The epoch of this device's own outbox, also while its daemon holds it: how it knows itself at a broker."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from edge.daemon.paths import outbox_path
from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.config.schema import Config


def own_epoch(config: Config) -> str | None:
    """The epoch, None where there is no outbox, or none that can be read; nothing is changed."""
    try:
        # Immutable: no lock is asked for, and no file made beside it. The epoch is written once, at the beginning.
        address = f"{outbox_path(config).resolve().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=0)) as database:
            row = database.execute("SELECT name FROM epoch").fetchone()
    except (OSError, sqlite3.Error, ConfigError):
        return None
    return None if row is None else str(row[0])
