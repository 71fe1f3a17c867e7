"""Numbers for what would otherwise stand in every row: the school, devices, and models with their mode."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from edge.errors import ConfigError
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.columns import columns
from edge.recording.window_record import Series
from edge.text import printable

MOST = 10_000  # series that are known by heart

FIND_SERIES = """
SELECT DISTINCT e.mode, e.model_faces, e.model_emotions, e.model_pose, e.id FROM edge.series e
JOIN unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS w (mode, faces, emotions, pose)
ON e.mode = w.mode AND e.model_faces = w.faces AND e.model_emotions IS NOT DISTINCT FROM w.emotions
AND e.model_pose IS NOT DISTINCT FROM w.pose
"""
# In one order, so that two recorders never wait for each other.
INSERT_SERIES = """
INSERT INTO edge.series (mode, model_faces, model_emotions, model_pose)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS w (mode, faces, emotions, pose)
ORDER BY mode, faces, emotions, pose ON CONFLICT DO NOTHING
"""
RECORDED = """
SELECT name, id FROM edge.devices d WHERE school = %s AND (
    EXISTS (SELECT 1 FROM edge.rollups WHERE device = d.id) OR EXISTS (SELECT 1 FROM edge.windows WHERE device = d.id)
    OR EXISTS (SELECT 1 FROM edge.daily_rollups WHERE device = d.id AND kept)
) ORDER BY name COLLATE "C" LIMIT %s
"""


def find_school(connection: psycopg.Connection, address: PostgresAddress) -> tuple[int, str]:
    """Number and name of the school that is meant; of the only one where none is named. Raises ConfigError."""
    if connection.execute("SELECT to_regclass('edge.schools')").fetchone() == (None,):
        raise ConfigError(f"{address} holds no recording yet", "edge record --database makes it")
    schools: dict[str, int] = dict(connection.execute("SELECT name, id FROM edge.schools ORDER BY name").fetchall())
    name = address.school or (next(iter(schools)) if len(schools) == 1 else "")
    if name in schools:
        return schools[name], name
    known = ", ".join(printable(each) for each in list(schools)[:20]) or "none"
    if not name:
        raise ConfigError(
            f"{address} holds {len(schools)} schools", f"name one with --school (edge report: --school-name): {known}"
        )
    raise ConfigError(f"{address} has no school {printable(name)!r}", f"it has: {known}")


def make_school(connection: psycopg.Connection, address: PostgresAddress, prefix: str) -> int:
    """The number of the school that is recorded into. Raises ConfigError: it holds the devices below another prefix."""
    name = address.school
    query = "INSERT INTO edge.schools (name, prefix) VALUES (%s, %s) ON CONFLICT DO NOTHING"
    connection.execute(query, (name, prefix))
    found = connection.execute("SELECT id, prefix FROM edge.schools WHERE name = %s", (name,)).fetchone()
    if found is None or found[1] != prefix:
        raise ConfigError(
            f"school {name} of {address} holds the devices below {found[1] if found else ''!r}, not below {prefix!r}",
            "give --prefix, or another --school",
        )
    return int(found[0])


def recorded_devices(connection: psycopg.Connection, school: int, most: int) -> list[tuple[str, int]]:
    """The devices of a school that anything was recorded of, and their numbers, in order, at most so many."""
    return connection.execute(RECORDED, (school, most)).fetchall()


class DeviceIds:
    """The devices of a school. Made in statements of their own, so that no transaction takes a number back."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def prepare(self, connection: psycopg.Connection, school: int, names: Iterable[str]) -> None:
        """Make those that are missing, outside of a transaction."""
        new = sorted(set(names) - self._known.keys())
        if new:
            query = "INSERT INTO edge.devices (school, name) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING"
            connection.execute(query, (school, new))
            found = "SELECT name, id FROM edge.devices WHERE school = %s AND name = ANY(%s)"
            self._known.update(connection.execute(found, (school, new)).fetchall())

    def __getitem__(self, name: str) -> int:
        return self._known[name]

    def forget(self) -> None:
        """Ask the database again."""
        self._known.clear()


class SeriesIds:
    """All series of the database, made as devices are."""

    def __init__(self) -> None:
        self._known: dict[Series, int] = {}

    def prepare(self, connection: psycopg.Connection, wanted: Iterable[Series]) -> None:
        """Make those that are missing, outside of a transaction: recorders would wait for each other."""
        if len(self._known) >= MOST:
            self._known.clear()
        missing = self._find(connection, set(wanted) - self._known.keys())
        if missing:
            connection.execute(INSERT_SERIES, columns(missing))
            self._find(connection, missing)

    def _find(self, connection: psycopg.Connection, wanted: set[Series]) -> set[Series]:
        """Learn their numbers; those that are not there."""
        if not wanted:
            return wanted
        for mode, faces, emotions, pose, number in connection.execute(FIND_SERIES, columns(wanted)).fetchall():
            self._known[Series(mode, faces, emotions, pose)] = number
        return wanted - self._known.keys()

    def __getitem__(self, series: Series) -> int:
        return self._known[series]

    def forget(self) -> None:
        """Ask the database again."""
        self._known.clear()
