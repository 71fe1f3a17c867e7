"""What version 0.1 stored for a room whose name it misread (0123 without quotes was 83) belongs to the right name."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.config.yaml_text import former_reading
from edge.daemon.paths import outbox_path, pause_path
from edge.delivery.outbox_tables import NAMES_AS_TYPED, ForeignFileError, check_tables, checksum, examine
from edge.errors import BusyError, EdgeError
from edge.files.database import connect

if TYPE_CHECKING:
    from edge.config.schema import Config, DeviceConfig

SOME = "SELECT seq, body FROM windows WHERE seq > ? ORDER BY seq LIMIT 500"

logger = logging.getLogger(__name__)


def adopt_former_files(config: Config) -> None:
    """Give outbox and pause of the misread name to the name as it is typed; nothing where it was read right.

    Whoever looks at them calls this first. Files that another process uses, as a daemon of the old version, are left
    alone, and so are those of a device that is really called so.

    Raises:
        EdgeError: There is a pause, and it cannot be moved: the room would start open.
        BusyError: It cannot be moved now: another process uses the outbox beside it.
    """
    device = config.device
    former = device.model_copy(update={"name": former_reading(device.name), "prefix": former_reading(device.prefix)})
    if former == device:
        return
    before = config.model_copy(update={"device": former})
    old, new = outbox_path(before), outbox_path(config)
    try:
        if old != new and new.exists():
            return
        if old.exists() and not _take_over(old, former, device):
            return
        # The outbox last: once it has its name, nobody looks for a pause any more.
        for path, wanted in ((pause_path(before), pause_path(config)), (old, new)):
            if path.exists() and not wanted.exists():
                path.replace(wanted)
    except (OSError, sqlite3.Error) as error:
        _refuse_to_leave(pause_path(before), pause_path(config), error)
        logger.warning("what %s/%s has left in %s stays there: %s", former.prefix, former.name, old, error)


def _in_use(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _refuse_to_leave(pause: Path, wanted: Path, error: Exception) -> None:
    """Raises where there is a pause that would be left behind, so that the room started open."""
    if os.path.lexists(wanted) or not os.path.lexists(pause):
        return
    text = f"the pause {pause} cannot be moved to {wanted} ({error}), and the room would start open"
    if _in_use(error):
        raise BusyError(text, "end what uses the outbox beside it: an edge daemon of before, a backup, sqlite3")
    raise EdgeError(text, "check the disk; move the file by hand, or remove it where nobody wants that pause")


def _take_over(path: Path, former: DeviceConfig, device: DeviceConfig) -> bool:
    try:
        return _rename_windows(path, former, device)
    except sqlite3.OperationalError:
        raise
    # Damaged, or no outbox: it is set aside or refused when it is opened, and a pause beside it still holds.
    except (sqlite3.DatabaseError, ForeignFileError):
        return True


def _rename_windows(path: Path, former: DeviceConfig, device: DeviceConfig) -> bool:
    """Put the right name into the windows that wait; False: this outbox is of a device that is really called so."""
    examine(path)
    with contextlib.closing(connect(path, timeout=0.5, isolation_level=None)) as database:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        check_tables(database)
        if database.execute("PRAGMA user_version").fetchone()[0] >= NAMES_AS_TYPED:
            return False
        columns = {row[1] for row in database.execute("PRAGMA table_info(windows)")}
        for seq, body in _waiting(database):
            with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):  # it stays
                window = json.loads(body)
                if window.get("device") == former.name:
                    text = json.dumps({**window, "device": device.name}, separators=(",", ":"), ensure_ascii=False)
                    database.execute("UPDATE windows SET body = ? WHERE seq = ?", (text, seq))
                    if "checksum" in columns:
                        query = "SELECT schema FROM windows WHERE seq = ? AND checksum IS NOT NULL"
                        for (schema,) in database.execute(query, (seq,)).fetchall():
                            crc = checksum(text, schema)
                            database.execute("UPDATE windows SET checksum = ? WHERE seq = ?", (crc, seq))
        database.execute("COMMIT")
    was, now = f"{former.prefix}/{former.name}", f"{device.prefix}/{device.name}"
    logger.warning(
        "this device is %s now, which version 0.1 read as %s; its outbox %s is kept. To have the broker forget the old "
        "name: edge unregister --all --set device.name=%s --set device.prefix=%s", now, was, path, former.name,
        former.prefix,
    )  # fmt: skip
    return True


def _waiting(database: sqlite3.Connection) -> Iterator[tuple[int, Any]]:
    """The windows that wait, in order, some at a time: they may be changed meanwhile."""
    after = -1
    while rows := database.execute(SOME, (after,)).fetchall():
        yield from rows
        after = rows[-1][0]
