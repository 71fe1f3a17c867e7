"""A school's windows in PostgreSQL: every window once, committed before it is acknowledged."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from edge.contract.payloads import WindowPayload
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.contract.validation import DeviceMessage
from edge.errors import BusyError, ConfigError
from edge.recording.about import RETENTION_FROM, STORED_ID_PATTERN, new_client_id
from edge.recording.counted_windows import key_of as window_key
from edge.recording.deleted_spans import DeletedSpans
from edge.recording.device_words import words_of
from edge.recording.location import IfCopy
from edge.recording.postgres import location, pruning, shared_sessions, staging
from edge.recording.postgres.about import decided, keep
from edge.recording.postgres.address import PostgresAddress
from edge.recording.postgres.connection import TOO_LATE
from edge.recording.postgres.counted_windows import find_counted
from edge.recording.postgres.daily_rollups import DailyRollups
from edge.recording.postgres.deletion_requests import newest_request, requests_of
from edge.recording.postgres.device_messages import store_places, store_words
from edge.recording.postgres.kept_connection import KeptConnection
from edge.recording.postgres.long_readers import end_long_readers
from edge.recording.postgres.names import DeviceIds, SeriesIds, make_school, recorded_devices
from edge.recording.postgres.newest_windows import NewestWindows
from edge.recording.postgres.partitions import Partitions, months_ahead
from edge.recording.postgres.rollups import SeriesOfDevices, add_windows
from edge.recording.postgres.schema import migrate, table_number
from edge.recording.postgres.window_rows import series_of, to_row
from edge.recording.retention import Retention
from edge.recording.retention_time import KEY, RetentionTime
from edge.recording.used_numbers import UsedNumbers
from edge.recording.window_record import Series, WindowRecord
from edge.recording.window_row import COLUMNS, window_row
from edge.recording.window_store import IncompleteError

CORRECT = """
UPDATE edge.deletions SET asked = %(until)s::timestamptz,
    "end" = CASE WHEN "end" > %(until)s::timestamptz THEN %(until)s::timestamptz ELSE "end" END
WHERE id = %(number)s
"""
WINDOWS_OF_DEVICES = "SELECT name, least(windows, %s) FROM edge.devices WHERE school = %s AND name = ANY(%s)"
# In one order, so that two recorders never wait for each other.
LOCK_DEVICES = "SELECT tableoid FROM edge.devices WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
COUNT_WINDOWS = """
UPDATE edge.devices d SET windows = windows + n FROM unnest(%s::int4[], %s::int8[]) AS new (device, n) WHERE id = device
"""


class Row(NamedTuple):
    """A window to be stored: the values of `COLUMNS` by name, and as it is added up."""

    values: dict[str, Any]
    record: WindowRecord


class PostgresStore:
    """The windows of one school, written by one thread; other recorders may write beside it.

    Args:
        address: Which database and school.
        prefix: The first level of the topics: one school holds the devices of one.
        progress: Called after each step of bringing the tables up to date.
    """

    def __init__(self, address: PostgresAddress, prefix: str, progress: Callable[[], None] = lambda: None) -> None:
        self._address = address
        self._prefix = prefix
        self._progress = progress
        self._kept = KeptConnection(address, shared_sessions.PURPOSE, self._forget)
        self._school = self._table = 0
        self._devices, self._series, self._partitions = DeviceIds(), SeriesIds(), Partitions()
        self._series_of = SeriesOfDevices(self._series)
        self._days = DailyRollups()
        self._deleted = DeletedSpans()
        self._newest, self._used = NewestWindows(), UsedNumbers()

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._kept.is_open

    def start(self) -> None:
        """Connect; the tables are made, or brought up to date, where that is needed.

        Raises:
            ConfigError: The server refuses us, a right is missing, the school has another prefix, or the tables are for
                newer versions.
            AwayError: It cannot be reached now, or the tables have become such.
        """
        with self._kept.opened() as connection:
            migrate(connection, self._address, was_open=self._kept.was_open, progress=self._progress)
            self._school = make_school(connection, self._address, self._prefix)
            staging.make(connection)
            self._table = table_number(connection, "edge", "devices")
            shared_sessions.record(connection, self._school)

    def be_alone(self) -> None:
        """Raises BusyError: somebody else records for this school, or may do so."""
        with self._kept.used() as connection:
            if not shared_sessions.nobody_else_records(connection, self._school):
                raise BusyError(
                    f"somebody records into {self._address} already", "end that, on whichever machine it is"
                )
            if shared_sessions.somebody_silent_records(connection):
                raise BusyError(
                    f"a recorder of version 0.3.0 is connected to {self._address}, and nobody can say for which school",
                    "upgrade it, or end it meanwhile, on whichever machine it is",
                )

    def stop(self) -> None:
        """Close the connection."""
        self._kept.close()

    def _forget(self) -> None:
        # What was learnt may have been of a transaction that never was, or of a database that comes back another one.
        for known in (self._devices, self._series, self._series_of, self._partitions, self._newest):
            known.forget()
        self._deleted = DeletedSpans()

    def check_room(self) -> None:
        """As `WindowStore`; the disk is the server's, and is not seen from here."""

    def store(
        self,
        messages: Sequence[DeviceMessage],
        now: datetime,
        not_before: datetime | None = None,
        since: datetime | None = None,
    ) -> int:
        """As `WindowStore`."""
        when = max(now, not_before or now)
        came = format_timestamp(when)
        with self._kept.used(storing=True) as connection:
            self._devices.prepare(connection, self._school, (message.device for message in messages))
            rows = [
                Row(_named(window_row(each.content, came, each.schema)), WindowRecord.of(each.content))
                for each in messages
                if isinstance(each.content, WindowPayload)
            ]
            rows = self._prepared(connection, rows, when)
            with connection.transaction():
                self._lock(connection, (message.device for message in messages))
                self._load_deleted(connection, now)  # only now: who deletes asks first, and then waits for these locks
                new = self._add_rows(connection, rows, when, now)
                words = words_of(messages, self._deleted)
                store_words(connection, words, self._devices, when)
                store_places(connection, words.infos, self._devices, when, max(since or now, not_before or now))
        return new

    def _prepared(
        self,
        connection: psycopg.Connection,
        rows: Sequence[Row],
        now: datetime,
        others: Iterable[tuple[int, Series]] = (),
    ) -> list[Row]:
        """Make, in statements of their own, what windows refer to: no transaction waits for another there.

        Args:
            connection: Outside of a transaction.
            rows: The windows.
            now: The time of day.
            others: What else devices want to have roll-ups of.

        Returns:
            The windows with the series that they are stored with.
        """
        self._partitions.prepare(connection, (row.record.start for row in rows), now)
        wanted = [(self._devices[row.values["device"]], series_of(row.values)) for row in rows]
        self._series_of.prepare(connection, [*wanted, *others])
        self._newest.prepare(connection, (device for device, _ in wanted))
        return [
            row._replace(record=replace(row.record, series=self._series_of.kept(*each)))
            for row, each in zip(rows, wanted, strict=True)
        ]

    def _lock(self, connection: psycopg.Connection, devices: Iterable[str]) -> None:
        """Have no other recorder store anything of these devices before the end of the transaction.

        Raises:
            IncompleteError: The tables are others than when we connected, as after `pg_restore --clean`: the numbers
                that we know may be those of other rooms by now.
        """
        numbers = sorted({self._devices[name] for name in devices})
        found = connection.execute(LOCK_DEVICES, (numbers,)).fetchall()
        if len(found) < len(numbers) or {table for (table,) in found} - {self._table}:
            raise IncompleteError(f"{self._address} has other tables than before", "was it restored?")

    def _add_rows(
        self,
        connection: psycopg.Connection,
        rows: Sequence[Row],
        now: datetime,
        arrived: datetime | None = None,
        *,
        add_up: bool = True,
    ) -> int:
        """Store windows, and add the new ones to the roll-ups; how many were new."""
        wanted = [row for row in rows if not self._deleted.leaves_out(row.values["device"], row.record, arrived)]
        if add_up:
            keyed = [(self._devices[row.values["device"]], row.record) for row in wanted]
            counted = find_counted(connection, keyed, now)
            wanted = [row for row, each in zip(wanted, keyed, strict=True) if window_key(*each) not in counted]
        if not wanted:
            return 0
        names = {self._devices[row.values["device"]]: row.values["device"] for row in wanted}
        staged = []
        for row in wanted:
            device = self._devices[row.values["device"]]
            series = self._series_of.kept(device, series_of(row.values))
            staged.append(to_row(row.values, device, self._series[series]))
        new: dict[int, list[WindowRecord]] = {}
        for row, was_new in zip(wanted, staging.add(connection, staged), strict=True):
            if was_new:
                new.setdefault(self._devices[row.values["device"]], []).append(row.record)
        for device in self._newest.find_used_twice(new):
            self._used.report(names[device])
        if add_up:
            add_windows(connection, self._series_of, new, now)
        connection.execute(COUNT_WINDOWS, (list(new), list(map(len, new.values()))))
        return sum(map(len, new.values()))

    def _load_deleted(self, connection: psycopg.Connection, now: datetime) -> None:
        newest = newest_request(connection, self._school)
        if self._deleted.outdated(newest, now):
            last = pruning.last_arrival(connection, self._school)
            with connection.cursor() as cursor:
                wrong = self._deleted.replace(newest, requests_of(cursor, self._school), last, now)
                cursor.executemany(CORRECT, wrong)

    def has_windows(self) -> bool:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            query = "SELECT 1 FROM edge.devices WHERE school = %s AND windows > 0 LIMIT 1"
            return connection.execute(query, (self._school,)).fetchone() is not None

    def windows_of_devices(self, most: int, enough: int) -> dict[str, int]:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            names = [name for name, _ in recorded_devices(connection, self._school, most)]
            found = connection.execute(WINDOWS_OF_DEVICES, (enough, self._school, names)).fetchall()
            return dict(found)

    def add_up_former(self, now: datetime) -> bool:  # noqa: ARG002 - no older version knew PostgreSQL
        """There are none: windows are added up when they are stored."""
        return False

    def add_up_days(self, now: datetime) -> bool:
        """Make some of the days that are over, and the months ahead; whether there are more days to make."""
        with self._kept.used() as connection:
            # What is not needed yet stops nobody: whoever is in the way has an hour until the next attempt.
            with contextlib.suppress(*TOO_LATE):
                self._partitions.prepare(connection, months_ahead(now), now)
            return self._days.make(connection, self._school, self._series, now)

    def end_long_readers(self) -> None:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            end_long_readers(connection)

    def retention_time(self, now: datetime) -> RetentionTime | None:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            return pruning.retention_time(connection, self._school, now)

    def keep_retention_time(self, time: RetentionTime) -> None:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            keep(connection, self._school, KEY, time.to_text())

    def prune(self, now: datetime, retention: Retention, by: datetime | None = None) -> tuple[int, bool]:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            return pruning.prune(connection, self._school, now, retention, by or now)

    def default_begins(self, now: datetime) -> datetime:
        """As `WindowStore`: from the first day."""
        return parse_timestamp(self._about(RETENTION_FROM, format_timestamp(now)))

    def claim(self, if_copy: IfCopy | None) -> None:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            location.claim(connection, self._address, self._school, if_copy)

    def client_ids(self, former: str) -> tuple[str, str | None]:  # noqa: ARG002 - version 0.1 knew no PostgreSQL
        """As `WindowStore`; there is no former one."""
        found = self._about("client_id", new_client_id())
        if not re.fullmatch(STORED_ID_PATTERN, found):
            raise ConfigError(f"the client id of school {self._address.school} in {self._address} cannot be one")
        return found, None

    def shared_client_ids(self, share: str | None = None) -> list[str]:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            if share is not None:
                return shared_sessions.nobodys(connection, self._school, share)
            return shared_sessions.known(connection, self._school)

    def forget_shared(self, client_id: str) -> None:
        """As `WindowStore`."""
        with self._kept.used() as connection:
            shared_sessions.remove(connection, self._school, client_id)

    def forget_former(self) -> None:
        """There is none."""

    def _about(self, key: str, first: str) -> str:
        """What is kept of the school under a name; `first` where nothing is."""
        with self._kept.used() as connection:
            return decided(connection, self._school, key, first)


def _named(row: tuple[object, ...]) -> dict[str, Any]:
    return dict(zip(COLUMNS, row, strict=True))
