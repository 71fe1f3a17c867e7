"""A recording as Parquet files, one for each day (UTC), which are brought up to date by doing it again.

A day whose windows are the same as when its file was written is left as it is; one of which the recording has nothing
any more loses its file, so that what was deleted is not kept on here.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from edge.errors import ConfigError
from edge.files.bounded_read import open_regular
from edge.files.open_folder import open_folder
from edge.files.whole_file import whole_file_in
from edge.recording.daily_rollups import DAY, start_of
from edge.recording.recorded import Recorded, WindowsOfDay
from edge.recording.window_row import DAMAGED, FIRST, LAST
from edge.reporting.parquet_columns import SCHEMA, batch_of, values_of
from edge.text import printable

FORMAT = 1  # a higher one has every day written anew
NAME = "windows.parquet"
SOURCE, IDENTITY, CONTENT = b"edge.source", b"edge.recording", b"edge.content"  # what a file says of itself
# As they stand in a file, one after the other, in Thrift's compact protocol: a text has 0x18 and its length before it,
# a name with its value a zero behind it.
_VALUE = rb"\x18[\x80-\xff]?[\x00-\x7f]([^\x00]{0,1000})\x00"
_SOURCE, _IDENTITY, _CONTENT = (
    b"\x18%c%b%b" % (len(name), re.escape(name), _VALUE) for name in (SOURCE, IDENTITY, CONTENT)
)
_HEAD = b"\x18%c%b" % (len(SOURCE), SOURCE)
MARKS = re.compile(b"%b(?:%b)?%b" % (_SOURCE, _IDENTITY, _CONTENT))  # 0.2.0 wrote no identity
TAIL = 64_000  # bytes at the end of a file, in which they are: only the schema stands behind them, in some 8,000
AT_ONCE = 5_000  # rows in memory, of up to 43 KB with as many labels as there may be; and of a row group
BEGIN = date(2024, 1, 1)  # nothing was measured before
Stock = dict[date, dict[str, WindowsOfDay]]
"""What a recording has, by day and device."""


@dataclass
class Exported:
    """What a run has done.

    Attributes:
        written: Days whose files were written.
        same: Days whose files were as they should be.
        removed: Days of which the recording has nothing any more.
        windows: In the files of `written`.
    """

    written: list[date] = field(default_factory=list)
    same: list[date] = field(default_factory=list)
    removed: list[date] = field(default_factory=list)
    windows: int = 0


def stock_of(recording: Recorded, first: date | None, last: date | None, today: date) -> tuple[Stock, Stock]:
    """What there is to export, and what is left out.

    A room may send windows of any time: each would be a file of its own. Days before BEGIN and after tomorrow are taken
    only where they are asked for.

    Args:
        recording: Open.
        first: The first day; None: of all.
        last: The last day, which is exported as well.
        today: By this machine, in UTC.

    Raises:
        EdgeError: The recording cannot be read.
    """
    start, end = FIRST if first is None else start_of(first), LAST if last is None else start_of(last) + DAY
    earliest, latest = first or BEGIN, last or today + DAY
    found: Stock = {}
    left_out: Stock = {}
    for device in recording.names():
        for each in recording.windows_by_day(device, start, end):
            into = found if earliest <= each.day <= latest else left_out
            into.setdefault(each.day, {})[device] = each
    return dict(sorted(found.items())), left_out


def export(
    recording: Recorded, stock: Stock, left_out: Stock, folder: Path, span: tuple[date | None, date | None],
    told: Callable[[int], None],
) -> Exported:  # fmt: skip
    """Bring the files of a folder up to date.

    Args:
        recording: Open.
        stock: Of it.
        left_out: Days that are exported only where they are there already.
        folder: Made when missing; it holds one recording.
        span: The first and the last day that was asked for.
        told: Is called with the number of windows that are done.

    Raises:
        ConfigError: The folder holds another recording, or files that are not ours.
        EdgeError: The recording cannot be read, or is damaged.
        OSError: A file cannot be written; those that were written are whole.
    """
    stock = dict(stock)
    done, ours = Exported(), {SOURCE: recording.source.encode(), IDENTITY: recording.identity.encode()}
    folder.mkdir(parents=True, exist_ok=True)
    with open_folder(folder) as root:
        for day in _days_in(root):
            asked = (span[0] is None or span[0] <= day) and (span[1] is None or day <= span[1])
            if not asked or day in stock:
                continue
            if day in left_out:
                stock[day] = left_out[day]
            elif _remove(folder / f"day={day}", root, ours):
                done.removed.append(day)
        for day, devices in stock.items():
            marks = {**ours, CONTENT: _digest(devices)}
            with _opened(folder / f"day={day}", root) as opened:
                if _marks(folder / f"day={day}" / NAME, opened, ours) == marks:
                    done.same.append(day)
                else:
                    done.windows += _write(opened, _rows(recording, day, devices), marks)
                    done.written.append(day)
            told(sum(each.windows for each in devices.values()))
    return done


def _days_in(root: int) -> Iterator[date]:
    """The days that a folder has folders of."""
    for name in sorted(os.listdir(root)):
        with contextlib.suppress(ValueError):
            day = date.fromisoformat(name.removeprefix("day="))
            if name == f"day={day}":
                yield day


def _remove(path: Path, root: int, ours: dict[bytes, bytes]) -> bool:
    """Remove what was made of a day; whether there was anything. Raises ConfigError where it is not ours."""
    with _opened(path, root) as opened:
        if not _marks(path / NAME, opened, ours):
            return False
        os.unlink(NAME, dir_fd=opened)
    with contextlib.suppress(OSError):  # somebody keeps something else beside it
        os.rmdir(path.name, dir_fd=root)
    return True


@contextlib.contextmanager
def _opened(path: Path, root: int) -> Iterator[int]:
    """The folder of a day, made if missing. Raises ConfigError where something else is there, such as a link."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path.name, dir_fd=root)
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(open_folder(path.name, folder=root, follow=False))
        except NotADirectoryError:
            raise _not_ours(path) from None
        yield opened


def _marks(path: Path, folder: int, ours: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """What the file of a day says of itself; nothing where there is none.

    Raises ConfigError for a file of others, and of another recording. Two schools may both call theirs school.sqlite,
    and one may be renamed: names tell only where an older version made one of the two, which has nothing better.
    """
    try:
        with os.fdopen(open_regular(path.name, folder=folder, follow=False), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            tail = file.read(TAIL)
    except FileNotFoundError:
        return {}
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EINVAL):  # a link; not a regular file
            raise _not_ours(path) from None
        raise
    # Not by pyarrow: what others have put there could have it end the process, or take any memory.
    # The last ones: before them stand the least and the greatest text of each column, which may read like marks.
    found = MARKS.match(tail, max(0, tail.rfind(_HEAD))) if tail.endswith(b"PAR1") else None
    if found is None:
        raise _not_ours(path)
    marks = dict(zip((SOURCE, IDENTITY, CONTENT), found.groups(default=b""), strict=True))
    told_by = IDENTITY if marks[IDENTITY] and ours[IDENTITY] else SOURCE
    if marks[told_by] != ours[told_by]:
        theirs, mine = (printable(name.decode(errors="replace")) for name in (marks[SOURCE], ours[SOURCE]))
        which = "another recording of that name" if theirs == mine else mine
        raise ConfigError(f"{path} is of {theirs}, not of {which}", "give another --output")
    return marks


def _not_ours(path: Path) -> ConfigError:
    return ConfigError(f"{path} was not made by edge export", "give another --output")


def _digest(devices: dict[str, WindowsOfDay]) -> bytes:
    """What changes when the windows of a day do."""
    parts = [(name, each.windows, each.received, each.numbers) for name, each in sorted(devices.items())]
    return hashlib.sha256(json.dumps([FORMAT, parts]).encode()).hexdigest().encode()


def _rows(recording: Recorded, day: date, devices: dict[str, WindowsOfDay]) -> Iterator[tuple[Any, ...]]:
    start = start_of(day)
    for device in sorted(devices):
        for row in recording.rows(device, start, start + DAY):
            try:
                yield values_of(row)
            except DAMAGED:
                raise recording.damaged(row) from None


def _write(folder: int, rows: Iterator[tuple[Any, ...]], marks: dict[bytes, bytes]) -> int:
    """Put a whole file in the place of what is there; how many rows it has."""
    written = 0
    with (
        whole_file_in(folder, NAME) as file,
        pq.ParquetWriter(file, SCHEMA.with_metadata(marks), compression="zstd") as writer,
    ):
        rest: list[tuple[Any, ...]] = []
        for row in rows:
            rest.append(row)
            if len(rest) == AT_ONCE:
                writer.write_batch(batch_of(rest))
                written, rest = written + len(rest), []
        if rest:
            writer.write_batch(batch_of(rest))
            written += len(rest)
    return written
