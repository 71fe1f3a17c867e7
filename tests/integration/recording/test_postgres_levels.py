"""Minutes, lessons, five minutes and days in SQL say what the roll-ups in Python do."""

from __future__ import annotations

import itertools
import json
import random
import re
import statistics
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from edge.contract.payloads import WindowPayload
from edge.contract.validation import MAX_PEOPLE
from edge.recording.postgres.address import PostgresAddress
from edge.recording.retention import Retention
from edge.recording.window_record import WindowRecord
from edge.recording.window_sums import WindowSums
from edge.reporting.period import Period
from edge.reporting.report_data import read_stretch
from edge.reporting.totals import add_up
from tests.support.paths import ROOT
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import DAY, MONDAY, window

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")
MINUTE = timedelta(minutes=1)
PLAIN = ("windows", "recorded_ms", "frames", "faces_millionths", "named", "estimate_weight")
IN_PYTHON = dict(zip(PLAIN, ("windows", "recorded", "frames", "faces", "named", "weight"), strict=True))


def ask(place: Place, query: str, *values: object) -> list[dict[str, Any]]:
    assert isinstance(place.target, PostgresAddress)
    with psycopg.connect(place.target.url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        return list(connection.execute(query, values))


def sums_of(windows: Iterable[WindowRecord]) -> WindowSums:
    sums = WindowSums()
    for each in windows:
        sums.add(each)
    return sums


def added(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of several series as one."""
    names = (*PLAIN, "figures_withheld", "emotions_withheld", "facing_front", "facing_away", "facing_unknown")
    found: dict[str, Any] = {name: sum(row[name] or 0 for row in rows) for name in names}
    for name, choose in (("faces_min", min), ("faces_max", max)):
        found[name] = choose((row[name] for row in rows if row[name] is not None), default=None)
    return found


def expected(sums: WindowSums) -> dict[str, Any]:
    facing = sums.facing or [0, 0, 0]
    return {
        **{name: getattr(sums, python) for name, python in IN_PYTHON.items()},
        "figures_withheld": sums.figures_withheld, "emotions_withheld": sums.emotions_withheld,
        "facing_front": facing[0], "facing_away": facing[1], "facing_unknown": facing[2],
        "faces_min": sums.least, "faces_max": sums.most,
    }  # fmt: skip


def emotions(rows: list[dict[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        parts = found.setdefault(row["emotion"], [0, 0, 0, 0])
        for at, name in enumerate(("count", "share_weighted", "low_weighted", "high_weighted")):
            parts[at] += row[name] or 0
    return found


def expected_emotions(sums: WindowSums) -> dict[str, list[int]]:
    return {name: [count, *sums.estimate.get(name, [0, 0, 0])] for name, count in sums.counts.items()}


@pytest.fixture
def stored(postgres: Place) -> list[WindowRecord]:
    """A week with gaps, of several models, some windows withheld."""
    dice = random.Random(8)  # noqa: S311
    sent = [window(n, MONDAY + n * timedelta(seconds=7), dice) for n in range(1, 900)]
    sent += [window(n, MONDAY + (n - 880) * timedelta(minutes=10), dice) for n in range(900, 1500)]
    with postgres.opened() as store:
        store.store(as_messages(sent), MONDAY)
        while store.add_up_days(MONDAY + 4 * DAY):
            pass
    return [WindowRecord.of(each) for each in sent]


def within(windows: list[WindowRecord], start: datetime, end: datetime) -> list[WindowRecord]:
    return [each for each in windows if start <= each.start < end]


def test_a_lesson_and_its_minutes_say_what_the_same_windows_do(postgres: Place, stored: list[WindowRecord]) -> None:
    since, until = MONDAY + 7 * MINUTE + timedelta(seconds=3), MONDAY + 52 * MINUTE
    lesson = within(stored, since, until)
    span = ("north", "room-1", since, until)
    assert any(each.withheld for each in lesson)
    assert len({each.series for each in lesson}) > 1
    assert added(ask(postgres, "SELECT * FROM edge.lesson(%s, %s, %s, %s)", *span)) == expected(sums_of(lesson))
    found = ask(postgres, "SELECT * FROM edge.lesson_emotions(%s, %s, %s, %s)", *span)
    assert emotions(found) == expected_emotions(sums_of(lesson))
    minutes = ask(postgres, "SELECT * FROM edge.lesson(%s, %s, %s, %s, '1 minute')", *span)
    assert added(minutes) == expected(sums_of(lesson))
    for start in {row["start"] for row in minutes}:
        part = sums_of(within(stored, start, min(start + MINUTE, until)))
        assert added([row for row in minutes if row["start"] == start]) == expected(part)
    assert ask(postgres, "SELECT * FROM edge.lesson('south', %s, %s, %s)", *span[1:]) == []
    everyone = ask(postgres, "SELECT * FROM edge.lesson(%s, NULL, %s, %s)", "north", since, until)
    assert added(everyone) == expected(sums_of(lesson))


def test_where_windows_were_not_kept_whole_five_minutes_stand_for_them(
    postgres: Place, stored: list[WindowRecord]
) -> None:
    with postgres.opened() as store:
        while store.prune(MONDAY + 60 * DAY, Retention(days=400, window_days=30))[1]:
            pass
    assert ask(postgres, "SELECT 1 FROM edge.windows LIMIT 1") == []
    since, until = MONDAY + 7 * MINUTE, MONDAY + 52 * MINUTE
    kept = sums_of(within(stored, MONDAY + 10 * MINUTE, MONDAY + 50 * MINUTE))
    span = ("north", "room-1", since, until)
    assert added(ask(postgres, "SELECT * FROM edge.lesson(%s, %s, %s, %s)", *span)) == expected(kept)
    found = ask(postgres, "SELECT * FROM edge.lesson_emotions(%s, %s, %s, %s)", *span)
    assert emotions(found) == expected_emotions(kept)
    assert ask(postgres, "SELECT * FROM edge.lesson(%s, %s, %s, %s, '1 minute')", *span) == []


def test_five_minutes_and_days_say_what_their_windows_do_also_before_a_day_is_made(
    postgres: Place, stored: list[WindowRecord]
) -> None:
    assert added(ask(postgres, "SELECT * FROM edge.five_minutes")) == expected(sums_of(stored))
    assert emotions(ask(postgres, "SELECT * FROM edge.five_minute_emotions")) == expected_emotions(sums_of(stored))
    changed = {row["day"] for row in ask(postgres, "SELECT day FROM edge.changed_days")}
    days = ask(postgres, "SELECT * FROM edge.days")
    names = {row["day"] for row in days}
    assert changed
    assert names - changed, "some are made, some are not"
    for day in names:
        start = datetime(day.year, day.month, day.day, tzinfo=MONDAY.tzinfo)
        part = sums_of(within(stored, start, start + DAY))
        assert added([row for row in days if row["day"] == day]) == expected(part)
        found = ask(postgres, "SELECT * FROM edge.day_emotions WHERE day = %s", day)
        assert emotions(found) == expected_emotions(part)


def test_days_outlive_their_five_minutes_and_take_in_what_comes_later(
    postgres: Place, stored: list[WindowRecord]
) -> None:
    now, retention = MONDAY + 98 * DAY, Retention(days=95, daily_days=120)
    late = window(5000, MONDAY + timedelta(minutes=3), random.Random(2))  # noqa: S311 - of a clock that was wrong
    midnight = datetime(2026, 11, 19, tzinfo=MONDAY.tzinfo)

    def check(windows: list[WindowRecord]) -> None:
        assert added(ask(postgres, "SELECT * FROM edge.days")) == expected(sums_of(windows))
        with postgres.read() as recording:
            parts = list(recording.days("room-1", MONDAY - DAY, MONDAY + 30 * DAY))
            assert add_up(parts) == add_up(windows)

    with postgres.opened() as store:

        def tidy(moment: datetime) -> None:
            while store.add_up_days(moment) or store.prune(moment, retention)[1]:
                pass

        tidy(now)
        five = ask(postgres, "SELECT min(start) AS first FROM edge.five_minutes")
        assert five[0]["first"] >= midnight, "of whole days alone"
        check(stored)
        store.store(as_messages([late]), now)
        check([*stored, WindowRecord.of(late)])
        tidy(now)
        check([*stored, WindowRecord.of(late)])
        assert ask(postgres, "SELECT min(start) AS first FROM edge.five_minutes") == five
        tidy(MONDAY + 122 * DAY)
        assert ask(postgres, "SELECT min(day) AS day FROM edge.days")[0]["day"] == (MONDAY + 2 * DAY).date()
        retention = Retention(days=95)
        tidy(MONDAY + 122 * DAY)
        assert ask(postgres, "SELECT * FROM edge.days WHERE day < %s", (MONDAY + 27 * DAY).date()) == []


def test_days_that_outlived_their_five_minutes_are_deleted_on_request(
    postgres: Place, stored: list[WindowRecord]
) -> None:
    now, retention = MONDAY + 98 * DAY, Retention(days=95, daily_days=120)
    with postgres.opened() as store:
        while store.add_up_days(now) or store.prune(now, retention)[1]:
            pass

    def days() -> set[date]:
        return {row["day"] for row in ask(postgres, "SELECT day FROM edge.days")}

    before, first = days(), MONDAY.date()
    assert first in before
    postgres.delete(None, MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=2), now)
    assert days() == before - {first}, "it cannot be divided"
    postgres.delete("room-1", None, None, now)
    assert days() == set()


def test_numbers_that_are_not_there_are_named_whoever_stored_their_neighbours(postgres: Place) -> None:
    dice = random.Random(3)  # noqa: S311
    lost = {*range(40, 44), 100, *range(600, 640)}
    sent = [window(n, MONDAY + n * timedelta(seconds=10), dice) for n in range(1, 1000) if n not in lost]
    with postgres.opened() as one, postgres.opened() as other:
        one.store(as_messages(sent[::2]), MONDAY)
        other.store(as_messages(sent[1::2]), MONDAY)
    query = "SELECT device_name, first, last FROM edge.missing_windows('north', %s, %s)"

    def missing(since: datetime, until: datetime) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in ask(postgres, query, since, until)]

    gaps = [("room-1", 40, 43), ("room-1", 100, 100), ("room-1", 600, 639)]
    assert missing(MONDAY, MONDAY + DAY) == gaps
    parts = [missing(MONDAY + n * 5 * MINUTE, MONDAY + (n + 1) * 5 * MINUTE) for n in range(40)]
    assert list(itertools.chain(*parts)) == gaps, "each in one part, also where a whole part has no window"


def test_windows_of_a_clock_that_was_set_back_over_the_night_are_not_missing(postgres: Place) -> None:
    """A board without a clock of its own, off from Friday to Monday: its first two minutes are of Friday afternoon."""
    dice, minute, next_day = random.Random(5), timedelta(minutes=1), MONDAY + 3 * DAY  # noqa: S311
    spans = [(1, MONDAY, 300), (301, MONDAY + 290 * minute, 2), (307, next_day, 300)]  # 303 to 306 are lost
    sent = [window(first + n, start + n * minute, dice) for first, start, number in spans for n in range(number)]
    with postgres.opened() as store:
        store.store(as_messages(sent), next_day + DAY)
    query = "SELECT first, last FROM edge.missing_windows('north', %s, %s)"
    for length in (DAY, 45 * minute, 5 * minute):  # a panel of Grafana; a lesson; what a recorder of a share asks
        found = [tuple(row.values()) for row in ask(postgres, query, next_day, next_day + length)]
        assert found == [(303, 306)]
    with postgres.read() as recording:
        day = Period(next_day - 60 * minute, next_day + DAY, timezone.utc)
        totals = read_stretch(recording, "room-1", day, next_day + DAY).totals
    assert totals.most_missing == 4, "as reports have it"


def test_the_queries_of_the_documentation_run(postgres: Place, stored: list[WindowRecord]) -> None:
    assert stored
    text = (ROOT / "docs/district.md").read_text().replace("2026-11-20", f"{MONDAY:%Y-%m-%d}")
    # The indented one is an administrator's, and tried in test_sql_readers.py.
    blocks = re.findall(r"^```sql\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    statements = [each for block in blocks for each in block.split(";") if each.strip()]
    assert len(statements) >= 5
    found = [ask(postgres, each) for each in statements]
    assert [bool(rows) for rows in found] == [True] * (len(found) - 1) + [False], "no number is missing"


def documented(beginning: str) -> str:
    """The query of docs/district.md whose comment begins with this."""
    text = (ROOT / "docs/district.md").read_text().replace("2026-11-20", f"{MONDAY:%Y-%m-%d}")
    return text[text.index(f"-- {beginning}") :].partition(";")[0]


def by_series(windows: list[WindowRecord]) -> list[WindowSums]:
    """As the rows of a room are."""
    return [sums_of(each for each in windows if each.series == series) for series in {each.series for each in windows}]


def together(rooms: Iterable[tuple[float, float]]) -> float:
    """Of the figure of each room and its milliseconds."""
    found = list(rooms)
    most = statistics.median_low(time for _, time in found)
    return sum(figure * min(time, most) for figure, time in found) / sum(min(time, most) for _, time in found)


def test_rooms_together_are_as_heavy_as_their_time_and_no_heavier_than_the_middle_one(postgres: Place) -> None:
    dice = random.Random(4)  # noqa: S311
    rooms: dict[str, list[WindowRecord]] = {}
    with postgres.opened() as store:
        for room, number in (("room-1", 40), ("room-2", 150), ("room-3", 200), ("room-4", 260)):
            sent = [window(n, MONDAY + n * timedelta(seconds=10), dice) for n in range(1, number)]
            store.store(as_messages([each.model_copy(update={"device": room}) for each in sent]), MONDAY)
            rooms[room] = [WindowRecord.of(each) for each in sent]

    def faces(windows: list[WindowRecord]) -> tuple[float, float]:
        parts = [sums for sums in by_series(windows) if sums.frames]
        time = sum(sums.recorded * (sums.windows - sums.figures_withheld) // sums.windows for sums in parts)
        return sum(sums.faces for sums in parts) / 1e6 / sum(sums.frames for sums in parts), time

    def share(windows: list[WindowRecord], name: str) -> tuple[float, float]:
        parts = [sums for sums in by_series(windows) if name in sums.estimate]
        time = sum(sums.recorded * (sums.windows - sum(sums.withheld.values())) // sums.windows for sums in parts)
        found = sum(sums.estimate.get(name, [0])[0] for sums in parts)
        return found / 1e6 / sum(sums.weight for sums in parts), time

    (day,) = ask(postgres, documented("a school, day by day"))
    assert day["rooms"] == 4
    assert float(day["faces"]) == pytest.approx(together(map(faces, rooms.values())))
    found = {row["emotion"]: row["share"] for row in ask(postgres, documented("all rooms of a school in a lesson"))}
    for name in ("happy", "sad", "neutral"):
        assert float(found[name]) == pytest.approx(together(share(windows, name) for windows in rooms.values()))


def test_the_lower_median_is_pythons(postgres: Place, stored: list[WindowRecord]) -> None:
    assert stored
    dice = random.Random(5)  # noqa: S311
    for length in range(1, 9):
        numbers = [dice.randrange(20) for _ in range(length)]
        query = "SELECT edge.lower_median(n) AS plain FROM unnest(%s::numeric[]) n"
        assert ask(postgres, query, numbers)[0]["plain"] == statistics.median_low(numbers)
        query = "SELECT edge.lower_median(n) OVER () AS middle FROM unnest(%s::numeric[]) n"
        assert {row["middle"] for row in ask(postgres, query, numbers)} == {statistics.median_low(numbers)}
    assert ask(postgres, "SELECT edge.lower_median(n) AS none FROM (VALUES (NULL::numeric)) v (n)") == [{"none": None}]


def test_a_room_that_says_it_saw_all_the_world_makes_no_sum_an_error(postgres: Place) -> None:
    dice = random.Random(9)  # noqa: S311
    windows = [window(n, MONDAY + n * timedelta(seconds=10), dice) for n in range(1, 60)]
    body = [each.model_dump(by_alias=True, mode="json") for each in windows]
    for each in (each for each in body if each["counts"]):
        each["frames"], each["faces"] = 400, each["faces"] | {"mean": MAX_PEOPLE, "min": 0, "max": MAX_PEOPLE}
    wrong = [WindowPayload.model_validate_json(json.dumps(each)) for each in body]
    with postgres.opened() as store:
        store.store(as_messages(wrong), MONDAY)
        while store.add_up_days(MONDAY + 4 * DAY):
            pass
    sums = sums_of(map(WindowRecord.of, wrong))
    assert sums.faces > 10**14
    spans = ("north", None, MONDAY, MONDAY + DAY)
    for query, values in (
        ("SELECT * FROM edge.lesson(%s, %s, %s, %s)", spans),
        ("SELECT * FROM edge.five_minutes", ()),
        ("SELECT * FROM edge.days", ()),
    ):
        assert added(ask(postgres, query, *values))["faces_millionths"] == sums.faces
    for query, values in (
        ("SELECT * FROM edge.lesson_emotions(%s, %s, %s, %s)", spans),
        ("SELECT * FROM edge.five_minute_emotions", ()),
        ("SELECT * FROM edge.day_emotions", ()),
    ):
        assert emotions(ask(postgres, query, *values)) == expected_emotions(sums)


MADE_UP = ("10", f"{10**30}", "0", "-5", "0.5", '"x"', "[]", "null")
PARTS = (
    "windows", "recorded", "analysed", "frames", "faces", "least", "most", "named", "weight", "counts", "withheld",
    "facing", "estimate", "epochs",
)  # fmt: skip
QUESTIONS = (
    "SELECT * FROM edge.five_minutes", "SELECT * FROM edge.five_minute_emotions", "SELECT * FROM edge.days",
    "SELECT * FROM edge.day_emotions", "SELECT * FROM edge.lesson('north', NULL, '2026-11-16', '2027-11-16')",
    "SELECT * FROM edge.lesson_emotions('north', NULL, '2026-11-16', '2027-11-16')",
    "SELECT * FROM edge.missing_windows('north', '2026-11-16', '2027-11-16')",
)  # fmt: skip


def test_a_made_up_roll_up_ends_no_question_about_other_rooms(postgres: Place) -> None:
    """As files had them that were copied before their numbers were bounded."""
    assert postgres.server
    dice = random.Random(4)  # noqa: S311
    sent = [window(n, MONDAY + n * 5 * MINUTE, dice) for n in range(1, 150)]
    with postgres.opened() as store:
        store.store(as_messages(sent), MONDAY)
        store.store(as_messages([each.model_copy(update={"device": "room-2"}) for each in sent]), MONDAY)
        while store.add_up_days(MONDAY + DAY):
            pass
        store.prune(MONDAY + 60 * DAY, Retention(days=300, window_days=50))
    page = (ROOT / "docs/district.md").read_text().replace("2026-11-20", f"{MONDAY:%Y-%m-%d}")
    documented = re.findall(r"^```sql\n(.*?)^```", page, re.DOTALL | re.MULTILINE)

    def honest() -> list[list[str]]:
        found = [ask(postgres, query) for query in QUESTIONS]
        return [sorted(str(row) for row in rows if row.get("device_name") == "room-2") for rows in found]

    before = honest()
    assert all(before[:6])
    made_up = [f"sums || '{{\"{part}\": {value}}}'" for part in PARTS for value in MADE_UP]
    made_up += [
        f"jsonb_set(sums, '{{{part}}}', '{{\"figures short\": {value}, \"happy\": [{value}, {value}, {value}]}}')"
        for part in ("counts", "withheld", "estimate")
        for value in MADE_UP
    ]
    of_room = "device = (SELECT id FROM edge.devices WHERE name = 'room-1')"
    for table, key in (("rollups", "start"), ("daily_rollups", "day")):
        cases = " ".join(f"WHEN {number} THEN {each}" for number, each in enumerate(made_up))
        postgres.server.sql(
            f"UPDATE edge.{table} t SET sums = CASE n.number % {len(made_up)} {cases} END FROM ("  # noqa: S608
            f"SELECT device, {key}, series, row_number() OVER () - 1 AS number FROM edge.{table} WHERE {of_room}) n "
            f"WHERE t.device = n.device AND t.{key} = n.{key} AND t.series = n.series",
            database=postgres.database,
        )
    (rows,) = ask(postgres, f"SELECT count(*) AS n FROM edge.rollups WHERE {of_room}")  # noqa: S608
    assert rows["n"] >= len(made_up) / 2
    runs = [["a\\u0000", 1, 2], ["abcdef01", 10**30, 10**31], ["abcdef01", 5, 9]]
    for number, (epoch, first, last) in enumerate(runs):
        text = f'[[0,30000,"{epoch}",{first},{last},10000,10000,null]]'
        postgres.server.sql(
            f"UPDATE edge.rollups SET runs = '{text}' WHERE {of_room} AND extract(minute FROM start) = {5 * number}",  # noqa: S608
            database=postgres.database,
        )
    assert honest() == before
    for statement in (each for block in documented for each in block.split(";") if each.strip()):
        ask(postgres, statement)
