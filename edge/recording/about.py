"""What a file says of itself, in its table `about`: read by name and checked here, as others may have written it."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from collections.abc import Callable

from edge.contract.timestamps import PATTERN, parse_timestamp
from edge.contract.topics import NAME_PATTERN
from edge.recording import journal_mark, location, retention_time

PREFIX = "prefix"  # the first level of the topics of its devices
IDENTITY = "recording"  # which recording it is, whatever the file is called
CLIENT_ID = "client_id"  # of its session at the broker
FORMER_CLIENT_ID = "former_client_id"  # of a session of version 0.1 that is still to be ended
RETENTION_FROM = "retention_from"  # when the default retention begins to apply
KEPT_ALL = "kept_all"  # it is older than the default retention
NAMELESS_TO = "nameless_to"  # the last state that was looked at for names
LOCATION, RETENTION_TIME, MARK = location.KEY, retention_time.KEY, journal_mark.KEY
ROLLUPS_FROM = "rollups_from"  # device and time from which on windows are still to be added up

STORED_ID_PATTERN = "edge-record-[0-9a-f]{10,16}"
"""Of a client id that a recording keeps: a prepared one might have a room's, which the recorder would cut off."""

SELECT = f"SELECT substr(value, 1, {location.LONGEST}) FROM about WHERE key = ?"  # noqa: S608


def new_client_id() -> str:
    """A random client id, which nobody can guess: whoever knows one can take its session over."""
    return f"edge-record-{secrets.token_hex(8)}"


class StrangeError(sqlite3.DataError):
    """The file has something that `edge record` does not make."""


def known(database: sqlite3.Connection, key: str) -> str | None:
    """What is kept under a name, as we write it; None: nothing. Raises StrangeError, as all that SQLite raises."""
    found = database.execute(SELECT, (key,)).fetchone()
    if found is None:
        return None
    try:
        if isinstance(found[0], str):
            CHECKS[key](found[0])
            return found[0]
    except (ValueError, TypeError, RecursionError):
        pass
    raise StrangeError(f"its {key} cannot be one")


def keep(database: sqlite3.Connection, key: str, value: str) -> None:
    """Keep this under a name, in place of what was there."""
    database.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, value))


def forget(database: sqlite3.Connection, *keys: str) -> None:
    """Keep nothing under these names any more."""
    database.executemany("DELETE FROM about WHERE key = ?", ((key,) for key in keys))


def check(database: sqlite3.Connection) -> None:
    """Raises StrangeError for a value that we do not write; names that we do not know may be of a newer version."""
    for key in CHECKS:
        known(database, key)


def _like(pattern: str) -> Callable[[str], None]:
    def check_text(text: str) -> None:
        if not re.fullmatch(pattern, text):
            raise ValueError

    return check_text


def _check_moment(text: str) -> None:
    _like(PATTERN)(text)
    parse_timestamp(text)


def _check_device_and_time(text: str) -> None:
    device, begin = json.loads(text)
    for each in (device, begin):
        if not isinstance(each, str):
            raise TypeError
        each.encode()  # a half character cannot be asked for


def _accept(_text: str) -> None:
    """Whoever reads it goes on without one that cannot be used."""


CHECKS: dict[str, Callable[[str], object]] = {
    PREFIX: _like(NAME_PATTERN),
    IDENTITY: _like("[0-9a-f]{32}"),
    CLIENT_ID: _like(STORED_ID_PATTERN),
    FORMER_CLIENT_ID: _like(STORED_ID_PATTERN),
    LOCATION: location.Location.of,
    RETENTION_FROM: _check_moment,
    MARK: _like(journal_mark.PATTERN),
    RETENTION_TIME: _accept,
    KEPT_ALL: _accept,
    NAMELESS_TO: _like("[0-9]{1,18}"),
    ROLLUPS_FROM: _check_device_and_time,
}
