"""The rows of series: each room has few, whatever it makes up."""

from __future__ import annotations

import sqlite3

from edge.recording.allowance import MOST_DEVICES
from edge.recording.window_record import Series
from edge.recording.window_sums import OTHER

MOST_SERIES = 20  # of a room: it changes its models some times a year

FIND = "SELECT id FROM series WHERE model_faces = ?2 AND mode = ?1 AND model_emotions IS ?3 AND model_pose IS ?4"
MOST_READ = 20_000  # roll-ups of a room: ten weeks of one model day and night, and no more than a moment on a slow disk
OF_DEVICE = """
SELECT DISTINCT series FROM (SELECT series FROM rollups WHERE device = ? ORDER BY start DESC LIMIT ?) LIMIT ?
"""
INSERT = "INSERT INTO series (mode, model_faces, model_emotions, model_pose) VALUES (?, ?, ?, ?)"


class SeriesIds:
    """Finds the row of a series, or makes it. Of a room that makes up ever more names of models, the rest are one.

    Which ones a room has is read once of its latest roll-ups, and then known: each start may so forget some. Where the
    file forgets some meanwhile, new names are one until the next start.
    """

    def __init__(self) -> None:
        self._of: dict[str, set[int]] = {}

    def find(self, database: sqlite3.Connection, device: str, series: Series) -> int:
        """The row of a series, within the caller's transaction."""
        found = database.execute(FIND, series).fetchone()
        if found:
            return int(found[0])
        known = self._known(database, device)
        if len(known) >= MOST_SERIES:
            series = Series(series.mode, OTHER, None, None)
            found = database.execute(FIND, series).fetchone()
        number = int(found[0] if found else database.execute(INSERT, series).lastrowid or 0)
        known.add(number)
        return number

    def _known(self, database: sqlite3.Connection, device: str) -> set[int]:
        if device not in self._of:
            if len(self._of) >= MOST_DEVICES:
                self._of.clear()
            self._of[device] = {
                int(number) for (number,) in database.execute(OF_DEVICE, (device, MOST_READ, MOST_SERIES))
            }
        return self._of[device]
