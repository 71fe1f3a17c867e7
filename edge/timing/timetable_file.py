"""Reads `timetable.yaml`, and explains every mistake at once: file, line, key, what was found, what to write.

Scalars are the characters that were typed: YAML would read 12:30 as 750.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from edge.errors import ConfigError
from edge.files.bounded_read import read_file
from edge.files.yaml_size import check_size
from edge.text import printable
from edge.timing.schedule import DAYS, clock_time
from edge.timing.timetable import Entry, Holiday, Timetable
from edge.timing.zone_names import zone_named

MAX_BYTES = 1_000_000
MOST_PROBLEMS = 50  # that are told
MOST_ITEMS = 5000  # of a list or section
LONGEST_NAME = 60  # characters
KEYS = ("time_zone", "valid_from", "valid_until", "days", "rooms", "holidays")
LESSON_KEYS = ("name", "from", "to")
HOLIDAY_KEYS = ("name", "date", "from", "to")
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
YAML_ERRORS = (yaml.YAMLError, ValueError, RecursionError)


@dataclass
class _Reading:
    """The file that is read, and its mistakes."""

    path: Path
    problems: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, node: yaml.Node, key: str, problem: str) -> None:
        self.count += 1
        if self.count <= MOST_PROBLEMS:
            self.problems.append(f"{self.path}:{node.start_mark.line + 1}: {key}: {problem}")

    def section(self, node: yaml.Node, key: str, allowed: tuple[str, ...] | None) -> Iterator[tuple[str, yaml.Node]]:
        """The keys of a section and what stands behind them."""
        if _empty(node):
            return
        if not isinstance(node, yaml.MappingNode):
            self.add(node, key, f"found {_shown(node)}; write `key: value` lines below it")
            return
        found: set[str] = set()
        for name, value in self._bounded(node, key, node.value):
            text = str(name.value) if isinstance(name, yaml.ScalarNode) else "?"
            below = f"{key}.{printable(text)}" if key != "timetable" else printable(text)
            if text in found:
                self.add(name, below, "written twice; keep one of them")
            elif allowed is not None and text not in allowed:
                near = difflib.get_close_matches(text, allowed, n=1)
                hint = f"did you mean {near[0]}?" if near else f"allowed here: {', '.join(allowed)}"
                self.add(name, below, f"unknown key; {hint}")
            else:
                found.add(text)
                yield text, value

    def items(self, node: yaml.Node, key: str) -> Iterator[yaml.Node]:
        """The items of a list."""
        if _empty(node):
            return
        if isinstance(node, yaml.SequenceNode):
            yield from self._bounded(node, key, node.value)
        else:
            self.add(node, key, f"found {_shown(node)}; write a list, each item behind a dash")

    def text(self, node: yaml.Node | None, key: str) -> str | None:
        """A scalar as it was typed; None, with a problem, for anything else."""
        if isinstance(node, yaml.ScalarNode):
            return str(node.value).strip()
        if node is not None:
            self.add(node, key, f"found {_shown(node)}; write text")
        return None

    def _bounded(self, node: yaml.Node, key: str, items: list) -> Iterator:  # type: ignore[type-arg]
        if len(items) > MOST_ITEMS:
            self.add(node, key, f"has {len(items):,} entries; at most {MOST_ITEMS:,} are read")
        yield from items[:MOST_ITEMS]


def read_timetable(path: Path) -> Timetable:
    """Read a timetable. Raises ConfigError, which lists every mistake."""
    reading = _Reading(path)
    parts: dict[str, yaml.Node] = {}
    root = _compose(path)
    if root is not None:
        parts = dict(reading.section(root, "timetable", KEYS))
    zone = _zone(reading, parts.get("time_zone"))
    first, last = (_date(reading, parts[key], key) if key in parts else None for key in ("valid_from", "valid_until"))
    if first and last and last < first:
        reading.add(parts["valid_until"], "valid_until", f"found {last}, before valid_from {first}; exchange them")
    week = _week(reading, parts["days"], "days") if "days" in parts else {}
    rooms = {}
    if "rooms" in parts:
        rooms = {
            name: _week(reading, node, f"rooms.{printable(name)}")
            for name, node in reading.section(parts["rooms"], "rooms", None)
        }
    holidays = list(_holidays(reading, parts["holidays"])) if "holidays" in parts else []
    if not week and not rooms and not reading.problems:
        reading.problems.append(
            f"{path}: days: is missing; write `days:` and below it `monday:` with a list of lessons"
        )
    if reading.problems or zone is None:
        count = max(reading.count, len(reading.problems))
        title = "the timetable has an error" if count == 1 else f"the timetable has {count} errors"
        more = ["and others"] if count > len(reading.problems) else []
        raise ConfigError("\n  ".join([f"{title}:", *reading.problems, *more]))
    return Timetable(zone, week, rooms, holidays, first, last)


def _compose(path: Path) -> yaml.Node | None:
    try:
        text = read_file(path, MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", "name the timetable with --timetable FILE") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or str(error)) from None
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        if root is not None:
            check_size(root, path)
        return root  # noqa: TRY300 - what checks it raises RecursionError, too
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{path}{line} is not valid YAML", f"{error.problem or error}") from None
    except YAML_ERRORS as error:
        raise ConfigError(f"{path} is not valid YAML", " ".join(str(error).split())) from None


def _zone(reading: _Reading, node: yaml.Node | None) -> ZoneInfo | None:
    if node is None:
        reading.problems.append(f"{reading.path}: time_zone: is missing; write one as `time_zone: Europe/Berlin`")
        return None
    name = reading.text(node, "time_zone")
    try:
        return zone_named(name) if name is not None else None
    except ValueError as error:
        reading.add(node, "time_zone", f"found {printable(name or '')!r}; {error}")
        return None


def _week(reading: _Reading, node: yaml.Node, key: str) -> dict[int, list[Entry]]:
    found: dict[int, list[Entry]] = {}
    for name, value in reading.section(node, key, (*DAY_NAMES, *DAYS)):
        number = DAYS.index(name[:3])
        if number in found:
            reading.add(value, f"{key}.{name}", "this weekday stands there already; keep one of them")
            continue
        found[number] = _day(reading, value, f"{key}.{name}")
    return found


def _day(reading: _Reading, node: yaml.Node, key: str) -> list[Entry]:
    found: list[tuple[Entry, yaml.Node]] = []
    for number, item in enumerate(reading.items(node, key)):
        entry = _entry(reading, item, f"{key}.{number}")
        if entry is not None:
            found.append((entry, item))
    found.sort(key=lambda each: each[0].begin)
    names: set[str] = set()
    for index, (entry, item) in enumerate(found):
        if index and entry.begin < (before := found[index - 1][0]).end:
            reading.add(
                item, key, f"{entry.name!r} begins at {entry.begin:%H:%M}, before {before.name!r} ends at "
                f"{before.end:%H:%M}; lessons of a room may touch, not overlap",
            )  # fmt: skip
        if entry.name.casefold() in names:
            reading.add(item, key, f"two lessons are named {entry.name!r}; give each its own name on a day")
        names.add(entry.name.casefold())
    return [entry for entry, _ in found]


def _entry(reading: _Reading, node: yaml.Node, key: str) -> Entry | None:
    before = reading.count
    parts = dict(reading.section(node, key, LESSON_KEYS))
    if reading.count == before:
        for part in LESSON_KEYS:
            if part not in parts:
                reading.add(node, f"{key}.{part}", "is missing; write {name: 1st period, from: 08:00, to: 08:45}")
    if reading.count > before:
        return None
    name = reading.text(parts["name"], f"{key}.name")
    begin, end = (_clock(reading, parts[part], f"{key}.{part}") for part in ("from", "to"))
    if name is not None and not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        reading.add(parts["name"], f"{key}.name", f"found {printable(name)!r}; write 1 to {LONGEST_NAME} characters")
        return None
    if name is None or begin is None or end is None:
        return None
    if end <= begin:
        reading.add(parts["to"], f"{key}.to", f"found {end:%H:%M}, not after {begin:%H:%M}; a lesson ends on its day")
        return None
    return Entry(name, begin, end)


def _holidays(reading: _Reading, node: yaml.Node) -> Iterator[Holiday]:
    for number, item in enumerate(reading.items(node, "holidays")):
        key = f"holidays.{number}"
        if isinstance(item, yaml.ScalarNode):
            if day := _date(reading, item, key):
                yield Holiday(day, day)
            continue
        parts: Mapping[str, yaml.Node] = dict(reading.section(item, key, HOLIDAY_KEYS))
        name = reading.text(parts.get("name"), f"{key}.name") or ""
        if ("date" in parts) == ("from" in parts or "to" in parts) or ("from" in parts) != ("to" in parts):
            reading.add(
                item, key, "write {date: 2026-10-26}, or {from: 2026-12-24, to: 2027-01-06}, each with a name or not"
            )
            continue
        first, last = (
            _date(reading, parts[part], f"{key}.{part}")
            for part in (("date",) * 2 if "date" in parts else ("from", "to"))
        )
        if first and last and last < first:
            reading.add(parts["to"], f"{key}.to", f"found {last}, before {first}; exchange them")
        elif first and last:
            yield Holiday(first, last, printable(name, LONGEST_NAME))


def _clock(reading: _Reading, node: yaml.Node, key: str) -> time | None:
    text = reading.text(node, key)
    if text is None:
        return None
    text = str(clock_time(text))
    if not CLOCK.fullmatch(text):
        reading.add(node, key, f"found {printable(text)!r}; write a time as 08:00")
        return None
    return time.fromisoformat(text)


def _date(reading: _Reading, node: yaml.Node, key: str) -> date | None:
    text = reading.text(node, key)
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or not 1970 < found.year < 9000:
        reading.add(node, key, f"found {printable(text)!r}; write a date as 2026-11-20")
        return None
    return found


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in ("", "~", "null")


def _shown(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(printable(str(node.value), 40))
    return "a list" if isinstance(node, yaml.SequenceNode) else "a section"
