"""Deleting what was recorded of a room or of a time, on request, beside a recorder that goes on; and the record of it.

A window is deleted when any part of it lies in the time. What is deleted is overwritten in the file, and its room is
given back. The record says what was deleted, by whom and when, and never a figure.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.errors import ConfigError
from edge.files.database import connect
from edge.files.plain_tables import strange_part
from edge.files.presence import why_no_file
from edge.recording.allowance import MOST_DEVICES
from edge.recording.arrivals import last_arrival
from edge.recording.daily_rollups import TRIGGERS
from edge.recording.deleted_spans import may_be_of
from edge.recording.devices import RECORDED, devices_of
from edge.recording.five_minutes import (
    AT_ONCE,
    as_texts,
    count_of,
    edges,
    five_minutes,
    kept_windows,
    overlaps,
    rolled_up,
    summed,
    whole_five_minutes,
)
from edge.recording.former_windows import sound
from edge.recording.journal_mark import WriterMark, check_journal, read_header, transaction
from edge.recording.lasting_words import keep_lasting_words
from edge.recording.layout import LAYOUT, TABLES, changed, check_header
from edge.recording.places import delete_places
from edge.recording.recording_file import explained
from edge.recording.rollups import WIDTH, replace_rollups
from edge.recording.window_eraser import Affected, Deletion, together
from edge.recording.window_row import BETWEEN

BUSY_SECONDS = 30.0  # a recorder holds the file for moments only
REST = 0.02  # seconds between two, in which it gets its turn
PAGES = 2000  # given back at once
DELETE_SOME = """
DELETE FROM {table} WHERE rowid IN
    (SELECT rowid FROM {table} WHERE device = ? AND start >= ? AND start < ? LIMIT ?)
"""
DELETE_SAID = """
DELETE FROM {table} WHERE rowid IN
    (SELECT rowid FROM {table} WHERE device = ? AND {time} >= ? AND {time} < ? AND {time} <> ? LIMIT ?)
"""
NEWER_AT_ONCE = 500  # of a few kilobytes each
# In the order of their key: in any other one all that are left would be sorted each time.
NEWER = "SELECT sha256, payload, received FROM newer_windows WHERE device = ? AND sha256 > ? ORDER BY sha256 LIMIT ?"
DELETE_NEWER = "DELETE FROM newer_windows WHERE device = ? AND sha256 = ?"
DELETE_EDGE = """
DELETE FROM windows WHERE rowid IN (
    SELECT rowid FROM windows WHERE device = ? AND start >= ? AND start < ? AND start < ? AND "end" > ? LIMIT ?
)
"""
OTHER_TABLES = ("newer_windows", "states", "availability", "places")


class Eraser:
    """Deletes from a file of this version.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: sqlite3.Connection | None = None
        self._mark = WriterMark(path)

    def start(self) -> None:
        """Open it. Raises EdgeError: it is missing, of an older layout, or none of ours."""
        if why := why_no_file(self._path):
            raise ConfigError(why, "--database names a file that edge record made, and that this user may write")
        check_journal(self._path, read_header(self._path), writes=True)
        with explained(self._path):
            self._file = connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            if check_header(self._file, self._path) < LAYOUT:
                raise ConfigError(
                    f"{self._path} was made by an older version of edge",
                    "start edge record of this version on it once, which converts it",
                )
            if strange := strange_part(self._file, TABLES, TRIGGERS):
                raise changed(self._path, strange)
            self._file.execute("PRAGMA secure_delete=ON")

    def stop(self) -> None:
        """Close it."""
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error):
                self._file.rollback()
                self._mark.take_back(self._file)
            self._file.close()

    def devices(self) -> list[str]:
        """All devices that the file knows anything of."""
        tables = (*RECORDED, *OTHER_TABLES)
        with explained(self._path):
            return sorted({name for table in tables for name in devices_of(self._open, table, MOST_DEVICES)})

    def count(self, device: str | None, start: datetime | None, end: datetime | None) -> Affected:
        """As `WindowEraser`."""
        with explained(self._path):
            return together(count_of(self._open, name, start, end) for name in ([device] if device else self.devices()))

    def last_arrival(self) -> datetime | None:
        """As `WindowEraser`."""
        with explained(self._path):
            return last_arrival(self._open)

    def delete(
        self,
        device: str | None,
        start: datetime | None,
        end: datetime | None,
        by: str,
        now: datetime,
        asked: datetime | None = None,
    ) -> tuple[int, bool]:
        """As `WindowEraser`; what is said of bytes is about the file and its -wal."""
        file = self._open
        begins, ends = (None if each is None else format_timestamp(each) for each in (start, end))
        with explained(self._path):
            with self._transaction():
                number = file.execute(
                    "INSERT INTO deletions VALUES (NULL, ?, ?, ?, ?, ?, 0, NULL)",
                    (format_timestamp(asked or now), by, device, begins, ends),
                ).lastrowid
            for name in [device] if device else self.devices():
                self._delete_whole(name, start, end, number)
                for edge in edges(file, name, start, end):
                    self._delete_edge(name, edge, start, end, number, now)
                self._delete_others(name, start, end, now)
            with self._transaction():
                file.execute("UPDATE deletions SET finished = ? WHERE id = ?", (format_timestamp(now), number))
            windows = int(file.execute("SELECT windows FROM deletions WHERE id = ?", (number,)).fetchone()[0])
            return windows, self._give_back()

    def deletions(self) -> Iterator[Deletion]:
        """All that were asked for, in order."""
        query = 'SELECT asked, by, device, start, "end", windows, finished FROM deletions ORDER BY id'
        rows = self._open.execute(query).fetchall()  # at once: whoever lists them may take his time
        for asked, by, device, start, end, windows, finished in rows:
            moments = [parse_timestamp(each) if each else None for each in (start, end, finished)]
            yield Deletion(parse_timestamp(asked), by, device, moments[0], moments[1], windows, moments[2])

    @property
    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            raise ConfigError(f"{self._path} is not open")
        return self._file

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self._open):
            self._mark.note()  # each time: a recorder that ended meanwhile has said that the -wal is empty
            yield

    def _delete_whole(self, device: str, start: datetime | None, end: datetime | None, number: int | None) -> None:
        """All whole five minutes of the time: their windows, then the roll-ups, which nobody can make anew any more."""
        since, until = whole_five_minutes(start, end)
        span = (device, since, until, AT_ONCE)
        there = summed(self._open, device, since, until)
        gone = self._repeat(DELETE_SOME.format(table="windows"), span, number)
        if number is not None:
            with self._transaction():
                self._note(number, max(0, there - gone))
        self._repeat(DELETE_SOME.format(table="rollups"), span)

    def _repeat(self, query: str, values: tuple[object, ...], number: int | None = None) -> int:
        """Delete until there is no more; how many rows."""
        file, gone, rows = self._open, AT_ONCE, 0
        while gone == AT_ONCE:
            with self._transaction():
                gone = file.execute(query, values).rowcount
                if number is not None:
                    self._note(number, gone)
            rows += gone
            time.sleep(REST)
        return rows

    def _delete_edge(
        self, device: str, since: datetime, start: datetime | None, end: datetime | None, number: int | None,
        now: datetime,
    ) -> None:  # fmt: skip
        """Delete some of the windows of five minutes, and add the others up anew.

        Where not all windows were kept, what the deleted ones added cannot be told: then the whole roll-up goes, and
        so it does where there are too many to be added up while everybody waits.
        """
        file = self._open
        span = five_minutes(device, since)
        begins, ends = as_texts(start, end)
        within = (*span, ends, begins, AT_ONCE)
        roll_ups = "DELETE FROM rollups WHERE device = ? AND start >= ? AND start < ?"
        with self._transaction():
            rolled, kept = rolled_up(file, span), kept_windows(file, span)
            if too_many := kept > AT_ONCE:  # more than an honest room has: nobody waits while they are added up anew
                file.execute(roll_ups, span)
            else:
                gone = file.execute(DELETE_EDGE, within).rowcount
                only = rolled.only_summed(kept)
                if only is not None:
                    if overlaps(rolled.begins, rolled.ends, start, end):
                        file.execute(roll_ups, span)
                        gone += only
                elif gone:
                    windows = sound(file.execute(BETWEEN, span))
                    replace_rollups(file, device, since, since + WIDTH, windows, format_timestamp(now))
                if number is not None:
                    self._note(number, gone)
        if too_many:
            self._repeat(DELETE_EDGE, within, number)

    def _delete_others(self, device: str, start: datetime | None, end: datetime | None, now: datetime) -> None:
        """What a device said of itself in the time, and its windows of a newer schema."""
        begins, ends = as_texts(start, end)
        kept = ""  # of a time that goes on availability is kept as of now, which lies in it
        if end is not None:
            with self._transaction():
                kept = keep_lasting_words(self._open, device, begins, ends, format_timestamp(now))
        for table, column, but in (("states", "since", ""), ("availability", "received", kept)):
            self._repeat(DELETE_SAID.format(table=table, time=column), (device, begins, ends, but, AT_ONCE))
        self._delete_newer(device, begins, ends)
        with self._transaction():
            delete_places(self._open, device, begins, ends, all_of_it=start is None and end is None)

    def _delete_newer(self, device: str, begins: str, ends: str) -> None:
        """Its windows of a newer schema, which are read while nobody waits: what is in them is not ours."""
        after = ""
        while found := self._open.execute(NEWER, (device, after, NEWER_AT_ONCE)).fetchall():
            after = found[-1][0]
            gone = [
                (device, digest) for digest, payload, received in found if may_be_of(payload, received, begins, ends)
            ]
            if gone:
                with self._transaction():
                    self._open.executemany(DELETE_NEWER, gone)
            time.sleep(REST)

    def _note(self, number: int, more: int) -> None:
        self._open.execute("UPDATE deletions SET windows = windows + ? WHERE id = ?", (more, number))

    def _give_back(self) -> bool:
        """Make the file smaller and its -wal empty; whether nobody who reads just now has kept us from it."""
        file, before = self._open, -1
        while (left := file.execute("PRAGMA freelist_count").fetchone()[0]) and left != before:
            before = left
            with self._transaction():
                pass  # `executescript` begins and ends one of its own
            file.executescript(f"PRAGMA incremental_vacuum({PAGES})")
            time.sleep(REST)
        busy = file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy
