"""Reads `timetable.yaml`, and explains every mistake at once: file, line, key, what was found, what to write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from edge.errors import ConfigError
from edge.text import printable
from edge.timing.schedule import DAYS, clock_time
from edge.timing.timetable import Entry, Holiday, Letter, Plan, Timetable
from edge.timing.yaml_reading import Reading, compose
from edge.timing.zone_names import zone_named

MOST_PLANS = 100
LONGEST_NAME = 60  # characters
KEYS = ("time_zone", "valid_from", "valid_until", "days", "rooms", "plans", "week_a", "holidays")
PLAN_KEYS = ("valid_from", "valid_until", "weeks", "days", "rooms")
LETTERS: dict[str, Letter] = {"a": "a", "b": "b"}
LESSON_KEYS = ("name", "from", "to")
HOLIDAY_KEYS = ("name", "date", "from", "to")
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def read_timetable(path: Path) -> Timetable:
    """Read a timetable. Raises ConfigError, which lists every mistake."""
    reading = Reading(path)
    parts: dict[str, yaml.Node] = {}
    root = compose(path)
    if root is not None:
        parts = dict(reading.section(root, "timetable", KEYS))
    zone = _zone(reading, parts.get("time_zone"))
    first, last = _validity(reading, parts, "")
    plans = _plans(reading, parts) if "plans" in parts else [_plan(reading, parts, "")]
    a_weeks = list(_a_weeks(reading, parts["week_a"])) if "week_a" in parts else []
    holidays = list(_holidays(reading, parts["holidays"])) if "holidays" in parts else []
    if not any(plan.week or plan.rooms for plan in plans) and not reading.problems:
        reading.problems.append(
            f"{path}: days: is missing; write `days:` and below it `monday:` with a list of lessons"
        )
    if reading.problems or zone is None:
        count = max(reading.count, len(reading.problems))
        title = "the timetable has an error" if count == 1 else f"the timetable has {count} errors"
        more = ["and others"] if count > len(reading.problems) else []
        raise ConfigError("\n  ".join([f"{title}:", *reading.problems, *more]))
    return Timetable(zone, plans, holidays, first, last, a_weeks)


def _plans(reading: Reading, parts: Mapping[str, yaml.Node]) -> list[Plan]:
    """All plans, no two of which may hold on the same day."""
    for key in ("days", "rooms"):
        if key in parts:
            reading.add(parts[key], key, "stands beside plans; write it below the plans that it belongs to")
    found: list[tuple[Plan, str]] = []
    for number, item in enumerate(reading.items(parts["plans"], "plans")):
        key = f"plans.{number}"
        if number == MOST_PLANS:
            reading.add(item, key, f"is too much; at most {MOST_PLANS} plans are read")
            break
        before = reading.count
        below = dict(reading.section(item, key, PLAN_KEYS))
        first, last = _validity(reading, below, f"{key}.")
        letter = _letter(reading, below["weeks"], f"{key}.weeks", parts) if "weeks" in below else None
        plan = replace(_plan(reading, below, f"{key}."), first=first, last=last, letter=letter)
        meets = next((other for each, other in found if plan.meets(each)), None)
        if meets and reading.count == before:  # what is written wrongly may say otherwise
            reading.add(
                item, key, f"holds on days on which {meets} does; end the earlier one with valid_until, or give one of "
                "them `weeks: a` and the other `weeks: b`",
            )  # fmt: skip
        if reading.count == before:
            found.append((plan, key))
    return [plan for plan, _ in found]


def _plan(reading: Reading, parts: Mapping[str, yaml.Node], key: str) -> Plan:
    """The lessons of a section; `key` is its name with a dot, or empty for the whole file."""
    week = _week(reading, parts["days"], f"{key}days") if "days" in parts else {}
    rooms = {}
    if "rooms" in parts:
        rooms = {
            name: _week(reading, node, f"{key}rooms.{printable(name)}")
            for name, node in reading.section(parts["rooms"], f"{key}rooms", None)
        }
    return Plan(week, rooms)


def _validity(reading: Reading, parts: Mapping[str, yaml.Node], key: str) -> tuple[date | None, date | None]:
    """The first and the last day."""
    first, last = (
        _date(reading, parts[name], f"{key}{name}") if name in parts else None for name in ("valid_from", "valid_until")
    )
    if first and last and last < first:
        problem = f"found {last}, before valid_from {first}; exchange them"
        reading.add(parts["valid_until"], f"{key}valid_until", problem)
    return first, last


def _letter(reading: Reading, node: yaml.Node, key: str, parts: Mapping[str, yaml.Node]) -> Letter | None:
    """In which weeks a plan holds."""
    text = reading.text(node, key)
    letter = LETTERS.get(text.lower()) if text is not None else None
    if text is not None and letter is None:
        reading.add(node, key, f"found {printable(text)!r}; write a or b, or leave it out for all weeks")
    elif "week_a" not in parts:
        reading.add(node, key, "needs to know which weeks are A weeks; write a day of one, as `week_a: 2026-09-07`")
    return letter


def _a_weeks(reading: Reading, node: yaml.Node) -> Iterator[date]:
    """A day of an A week, or a list of such days."""
    single = isinstance(node, yaml.ScalarNode)
    if isinstance(node, yaml.SequenceNode) and not node.value:  # else no plan of A or B weeks would ever hold
        reading.add(node, "week_a", "found no date; write a day of an A week, as `week_a: 2026-09-07`")
    for number, item in enumerate([node] if single else reading.items(node, "week_a")):
        if day := _date(reading, item, "week_a" if single else f"week_a.{number}"):
            yield day


def _zone(reading: Reading, node: yaml.Node | None) -> ZoneInfo | None:
    if node is None:
        reading.problems.append(f"{reading.path}: time_zone: is missing; write one as `time_zone: Europe/Berlin`")
        return None
    name = reading.text(node, "time_zone")
    try:
        return zone_named(name) if name is not None else None
    except ValueError as error:
        reading.add(node, "time_zone", f"found {printable(name or '')!r}; {error}")
        return None


def _week(reading: Reading, node: yaml.Node, key: str) -> dict[int, list[Entry]]:
    found: dict[int, list[Entry]] = {}
    for name, value in reading.section(node, key, (*DAY_NAMES, *DAYS)):
        number = DAYS.index(name[:3])
        if number in found:
            reading.add(value, f"{key}.{name}", "this weekday stands there already; keep one of them")
            continue
        found[number] = _day(reading, value, f"{key}.{name}")
    return found


def _day(reading: Reading, node: yaml.Node, key: str) -> list[Entry]:
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


def _entry(reading: Reading, node: yaml.Node, key: str) -> Entry | None:
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


def _holidays(reading: Reading, node: yaml.Node) -> Iterator[Holiday]:
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


def _clock(reading: Reading, node: yaml.Node, key: str) -> time | None:
    text = reading.text(node, key)
    if text is None:
        return None
    text = str(clock_time(text))
    if not CLOCK.fullmatch(text):
        reading.add(node, key, f"found {printable(text)!r}; write a time as 08:00")
        return None
    return time.fromisoformat(text)


def _date(reading: Reading, node: yaml.Node, key: str) -> date | None:
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
