"""A store that also takes over what another store has: once, however often it is asked to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from edge.contract.timestamps import format_timestamp
from edge.errors import ConfigError
from edge.recording.deleted_spans import MOST, span_of
from edge.recording.postgres import device_messages
from edge.recording.postgres.deletion_requests import SOUND_DELETIONS
from edge.recording.postgres.rollups import count_as_arrived, take_rollups
from edge.recording.postgres.store import PostgresStore, Row
from edge.recording.rollups import Bucket, bucket_of

MOST_TAKEN = MOST // 2  # times that were deleted: the rest is for those of edge delete
AT_ONCE = 100  # messages of up to 64 KB
KNOWN_DELETIONS = f'SELECT asked, by, device, start, "end" {SOUND_DELETIONS}'
TAKE_DELETION = """
INSERT INTO edge.deletions (school, asked, by, device, start, "end", windows, finished)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""


class TakingStore(PostgresStore):
    """A school in a database, into which a file moves."""

    def store_rows(self, device: str, rows: Sequence[Row], now: datetime, instead: Sequence[Bucket] = ()) -> int:
        """Store windows of a device that another store has.

        Args:
            device: Whose.
            rows: The windows.
            now: The time of day. Roll-ups count as changed when their windows came.
            instead: What these and others add up to, which the other store has not any more; taken as it is, unless
                there already is something of that time.

        Returns:
            How many windows were new.

        Raises:
            ConfigError, AwayError: As `store`.
        """
        with self._kept.used(storing=True) as connection:
            self._devices.prepare(connection, self._school, (device,))
            number = self._devices[device]
            rows = self._prepared(connection, rows, now, [(number, each.series) for each in instead])
            with connection.transaction():
                self._lock(connection, (device,))
                self._load_deleted(connection, now)
                instead = [each for each in instead if not self._was_deleted(device, each)]
                changed = min([now, *(each.end for each in instead)])
                taken = bool(instead) and take_rollups(connection, self._series_of, number, instead, changed)
                new = self._add_rows(connection, rows, now, add_up=not taken)
                count_as_arrived(connection, number, (bucket_of(row.record.start) for row in rows))
                return new

    def take_deletions(self, rows: Iterable[tuple[Any, ...]], now: datetime) -> None:
        """Know what was deleted on request, all or nothing.

        Args:
            rows: Checked, of asked, by, device, start, end, windows and finished.
            now: The time of day.

        Raises:
            ConfigError: The school would have so many that its recorders might soon not know them all; or as `store`.
            AwayError: As `store`.
        """
        with self._kept.used(storing=True) as connection, connection.transaction(), connection.cursor() as cursor:
            connection.execute("LOCK TABLE edge.deletions IN SHARE ROW EXCLUSIVE MODE")
            known = set(cursor.execute(KNOWN_DELETIONS, (self._school,)))
            new = {row[:5]: row for row in rows if row[:5] not in known}  # once, in the order in which they were asked
            cursor.executemany(TAKE_DELETION, [(self._school, *row) for row in new.values()])
            self._load_deleted(connection, now)
            if new and self._deleted.number > MOST_TAKEN:
                raise ConfigError(
                    f"with those of the file the school would have {self._deleted.number:,} times that were deleted on "
                    f"request; more than {MOST_TAKEN:,} are not copied",
                    "another program changed the file: see edge delete --list",
                )

    def take_others(
        self,
        states: Iterable[tuple[Any, ...]],
        availability: Iterable[tuple[Any, ...]],
        newer: Iterable[tuple[Any, ...]],
        places: Iterable[tuple[Any, ...]],
        now: datetime,
    ) -> None:
        """Take over what another store has beside windows, checked, in its order. Raises as `store`."""
        with self._kept.used(storing=True) as connection:
            for rows, statement, gone in (
                (states, device_messages.TAKE_STATE, self._at(1)),
                (availability, device_messages.TAKE_AVAILABILITY, self._at(1)),
                (newer, device_messages.TAKE_NEWER, self._newer_gone),
                (places, device_messages.TAKE_PLACE, self._at(2)),
            ):
                # A room may have stored gigabytes of them; each part may be taken over again.
                left = iter(rows)
                while found := list(itertools.islice(left, AT_ONCE)):
                    self._devices.prepare(connection, self._school, (row[0] for row in found))
                    with connection.transaction(), connection.cursor() as cursor:
                        self._lock(connection, {row[0] for row in found})
                        self._load_deleted(connection, now)
                        wanted = [(self._devices[row[0]], *row[1:]) for row in found if not gone(row)]
                        cursor.executemany(statement, wanted)

    def _was_deleted(self, device: str, bucket: Bucket) -> bool:
        """Whether some of what a roll-up adds up was deleted on request."""
        return any(self._deleted.covers(device, run.start, run.end) for run in bucket.runs)

    def _at(self, place: int) -> Callable[[tuple[Any, ...]], bool]:
        """Whether the moment that stands at a place of a row was deleted on request."""
        return lambda row: self._deleted.covers_moment(row[0], format_timestamp(row[place]))

    def _newer_gone(self, row: tuple[Any, ...]) -> bool:
        """The same of a window of a schema that we do not know: by what it says, else by when it came."""
        device, _, received, payload = row
        if span_of(payload) is None:
            return self._deleted.covers_moment(device, format_timestamp(received))
        return self._deleted.covers_newer(device, payload)
