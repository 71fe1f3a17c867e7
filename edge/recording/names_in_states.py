"""Takes names of people out of what versions up to 0.2 recorded of states: they kept who had paused a room."""

from __future__ import annotations

import sqlite3

from edge.contract.causes import without_names
from edge.recording import about

MANY = 10_000  # states that a start may look at again, as the last one did: most have nothing to write

Value = str | bytes | int | float | None  # another program may have made it of anything

# A row that says the same as another one without the name goes.
_FORGET = """
UPDATE OR REPLACE states SET reason = without_names(reason)
WHERE rowid > ? AND instr(reason, ' by ') AND reason <> without_names(reason)
"""


def forget_names(database: sqlite3.Connection) -> None:
    """Forget the names, within the caller's transaction.

    At each start, since an older version may have gone on; of what came since it was done last, since one room can make
    up as many states as it likes.
    """
    done = int(about.known(database, about.NAMELESS_TO) or 0)
    database.create_function("without_names", 1, _without_names, deterministic=True)
    database.execute(_FORGET, (done,))
    last = database.execute("SELECT coalesce(max(rowid), 0) FROM states").fetchone()[0]
    if not done <= last < done + MANY:  # some may have been deleted, and their numbers are given again
        about.keep(database, about.NAMELESS_TO, str(last))


def _without_names(reason: Value) -> Value:
    return without_names(reason) if isinstance(reason, str) else reason
