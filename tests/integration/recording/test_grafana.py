"""docs/grafana: every query of the dashboard runs in PostgreSQL, as the reader, and says what reports say."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import yaml

from edge.contract.payloads import State, WindowPayload
from edge.contract.validation import MAX_COUNT, DeviceMessage
from edge.reporting.totals import Totals, add_up
from tests.support.paths import ROOT
from tests.support.postgres import PostgresServer
from tests.support.replaced_model import OLD, replaced, smiling
from tests.support.stores import Place, as_messages
from tests.unit.recording.test_rollups import MONDAY, window, windows

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (the extra `district`)")

DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs/grafana/district.json").read_text())
PANELS = {panel["title"]: panel["targets"][0]["rawSql"] for panel in DASHBOARD["panels"]}
VARIABLES = {each["name"]: each["query"] for each in DASHBOARD["templating"]["list"]}
QUESTIONS = re.findall(r"(?m)^(?:--|WITH|SELECT)[^;]+;", (ROOT / "docs/district.md").read_text())
"""In SQL, of docs/district.md."""
PAGE = {query[3:].partition("\n")[0].partition(":")[0]: query for query in QUESTIONS if query.startswith("-- ")}
"""Those that have a title."""
LESSON = datetime(2026, 11, 20, 7, 0, tzinfo=timezone.utc)
"""That these ask of."""
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ROOMS = ["room-1", "room 2, O'Hara's"]
Ask = Callable[..., list[dict[str, Any]]]


def asked(
    query: str,
    values: dict[str, str],
    hours: int,
    since: datetime = MONDAY - HOUR,
    until: datetime = MONDAY + 100 * HOUR,
) -> str:
    """A query as Grafana sends it: https://grafana.com/docs/grafana/latest/datasources/postgres."""
    seconds = hours * 3600
    group = rf"floor(extract(epoch from \1)/{seconds})*{seconds}"
    query = re.sub(r"\$__timeGroupAlias\(([^,)]+), \$__interval\)", rf'{group} AS "time"', query)
    query = re.sub(r"\$__timeGroup\(([^,)]+), \$__interval\)", group, query)
    span = f"'{since.isoformat()}' AND '{until.isoformat()}'"
    query = re.sub(r"\$__timeFilter\(([^)]+)\)", rf"\1 BETWEEN {span}", query)
    query = query.replace("$__timeFrom()", f"'{(MONDAY - HOUR).isoformat()}'")
    query = query.replace("$__timeTo()", f"'{(MONDAY + 100 * HOUR).isoformat()}'")
    for name, value in values.items():
        query = query.replace(f"${{{name}:sqlstring}}", value)
    assert "$" not in query
    return query


@pytest.fixture
def school(postgres: Place) -> Iterator[Place]:
    """Two rooms, read by somebody who may only read."""
    assert postgres.server
    with postgres.opened() as store:
        for seed, room in enumerate(ROOMS):
            store.store(as_messages([each.model_copy(update={"device": room}) for each in windows(seed, 300)]), MONDAY)
            state = State(mode="paused", reason="x", since="2026-11-16T08:00:00.000Z")
            store.store(
                [DeviceMessage(room, "state", state), DeviceMessage(room, "availability", content=True)], MONDAY
            )
    _as_reader(postgres.server, postgres.database)
    yield postgres
    postgres.sql("DROP OWNED BY grafana", "DROP ROLE grafana")


def _as_reader(server: PostgresServer, database: str) -> None:
    server.sql(
        "CREATE ROLE grafana LOGIN", "GRANT USAGE ON SCHEMA edge TO grafana",
        "GRANT SELECT ON ALL TABLES IN SCHEMA edge TO grafana", database=database,
    )  # fmt: skip


@pytest.fixture
def ask(school: Place) -> Iterator[Ask]:
    """Asks as Grafana does; a text is quoted as `sqlstring` does it."""
    assert school.server
    with psycopg.connect(
        school.server.url(school.database, "grafana"), row_factory=psycopg.rows.dict_row
    ) as connection:

        def run(
            query: str, hours: int = 1, times: tuple[datetime, ...] = (), **values: str | list[str]
        ) -> list[dict[str, Any]]:
            texts = {name: _quoted([value] if isinstance(value, str) else value) for name, value in values.items()}
            found: list[dict[str, Any]] = connection.execute(asked(query, texts, hours, *times)).fetchall()
            return found

        yield run


def _quoted(values: list[str]) -> str:
    return ",".join("'" + each.replace("'", "''") + "'" for each in values)


def choices(ask: Ask) -> dict[str, Any]:
    """What the variables offer, as they are chosen at first: all rooms, the newest series."""
    (school,) = ask(VARIABLES["school"])
    rooms = ask(VARIABLES["device"], school=school["name"])
    series = ask(VARIABLES["series"], school=school["name"])
    assert sorted(each["name"] for each in rooms) == sorted(ROOMS)
    assert all(each["__text"] for each in series)
    return {
        "school": school["name"], "device": ROOMS,
        "series": [str(each["__value"]) for each in series],
    }  # fmt: skip


def test_every_query_finds_something_and_leaves_no_column_empty(ask: Ask) -> None:
    chosen = choices(ask)
    for title, query in PANELS.items():
        found = [row for series in chosen["series"] for row in ask(query, **(chosen | {"series": series}))]
        assert found, title
        for column in found[0]:
            assert any(row[column] is not None for row in found), f"{title}: {column}"


def test_they_add_up_what_reports_add_up(ask: Ask, school: Place) -> None:
    chosen = choices(ask)
    with school.read() as recording:
        buckets = {room: list(recording.buckets(room, MONDAY, MONDAY + 100 * HOUR)) for room in ROOMS}
    by_id = {row["__value"]: row["__text"] for row in ask(VARIABLES["series"], school=chosen["school"])}
    for number, text in by_id.items():
        totals = {
            room: add_up([each for each in found if _named(each.series) in text]) for room, found in buckets.items()
        }
        options = chosen | {"series": str(number)}
        faces = {row["metric"]: row["faces"] for row in ask(PANELS["Faces"], 1000, **options)}
        assert {room: value and float(value) for room, value in faces.items()} == pytest.approx(
            {room: each.mean for room, each in totals.items() if each.windows}
        )
        front = {row["metric"]: row["front"] for row in ask(PANELS["Turned to the front"], 1000, **options)}
        assert {room: float(value) for room, value in front.items() if value is not None} == {
            room: each.facing.front / (each.facing.front + each.facing.away)
            for room, each in totals.items() if each.facing and each.facing.front + each.facing.away
        }  # fmt: skip
        shares = {row["metric"]: float(row["share"]) for row in ask(PANELS["Expressions"], 1000, **options)}
        assert shares == pytest.approx(_shares(list(totals.values())))
        one = options | {"device": [ROOMS[0]]}
        estimates = {row["metric"]: float(row["share"]) for row in ask(PANELS["Estimated shares"], 1000, **one)}
        assert estimates == pytest.approx({name: each.share for name, each in totals[ROOMS[0]].estimate.items()})
    whole = {room: add_up(found) for room, found in buckets.items()}
    rooms = {row["room"]: (row["windows"], row["withheld"], row["late"]) for row in ask(PANELS["Rooms"], **chosen)}
    assert rooms == {room: (each.windows, each.withheld, each.replayed) for room, each in whole.items()}
    missing = {row["room"]: row["missing"] for row in ask(PANELS["Missing windows"], **chosen)}
    assert missing == {room: each.missing for room, each in whole.items()}
    (north,) = ask(PANELS["Schools"], **chosen)
    assert (north["school"], north["rooms"], north["windows"]) == ("north", 2, 600)
    withheld = sum(row["windows"] for row in ask(PANELS["Windows by what is withheld"], **chosen))
    assert withheld == sum(each.withheld + each.emotions_withheld for each in whole.values())


def test_a_room_is_as_heavy_as_the_time_that_the_page_weighs_it_by(ask: Ask, school: Place) -> None:
    """One of three rooms has figures in a few windows only: panels and the SQL of docs/district.md are one rule."""
    three = ["whole-1", "whole-2", "hardly"]
    with school.opened() as store:
        for room in three:
            hardly = room == "hardly"
            found = [
                smiling(
                    LESSON + n * timedelta(seconds=10), room, n + 1, share=0.8 if hardly else 0.2,
                    people=5 if hardly else 25, withheld=hardly and n % 30 != 17,
                )
                for n in range(270)
            ]  # fmt: skip
            store.store(as_messages(found), LESSON)
    times = LESSON, LESSON + 45 * MINUTE
    series = _series(ask, OLD)
    options = {"school": "north", "device": three, "series": series, "times": times}
    by_page = {row["emotion"]: row for row in ask(PAGE["all rooms of a school in a lesson"])}
    assert by_page["happy"]["rooms"] == 3
    expected = {name: pytest.approx(float(row["share"])) for name, row in by_page.items()}
    assert expected["happy"] == pytest.approx((0.2 * 270 + 0.2 * 270 + 0.8 * 9) / 549)
    for title in ("Expressions", "Estimated shares"):
        shown = {row["metric"]: float(row["share"]) for row in ask(PANELS[title], 1000, **options)}
        assert shown == expected, title
    (day,) = [row for row in ask(PAGE["a school, day by day"]) if row["day"] == LESSON.date()]
    (north,) = ask(PANELS["Schools"], **options)
    assert north["rooms"] == day["rooms"] == 3
    assert float(north["faces"]) == pytest.approx(float(day["faces"]))
    assert float(north["faces"]) == pytest.approx((25 * 540 + 5 * 9) / 549)


def test_a_label_that_a_model_does_not_have_is_no_zero(ask: Ask, school: Place) -> None:
    """In one room the model was replaced in the lesson; the other one has the newer model alone."""
    with school.opened() as store:
        store.store(as_messages(replaced(LESSON, minutes=45, after=30, room="room-1")), LESSON)
        store.store(as_messages(replaced(LESSON, minutes=45, after=0, room="room-3")), LESSON)
    (one,) = (query for query in QUESTIONS if "lesson_emotions('north', 'room-1'" in query)
    shares = {row["emotion"]: row["share"] and float(row["share"]) for row in ask(one)}
    assert shares == pytest.approx({"happy": 0.4, "joy": 0.4, "neutral": 0.6, "unknown": None})
    every = ask(PAGE["all rooms of a school in a lesson"])
    assert {row["emotion"]: row["rooms"] for row in every} == {"happy": 1, "joy": 2, "neutral": 2}
    del shares["unknown"]
    assert {row["emotion"]: float(row["share"]) for row in every} == pytest.approx(shares)


def _series(ask: Ask, model: str) -> str:
    """The choice of an emotion model."""
    (found,) = (row for row in ask(VARIABLES["series"], school="north") if model in row["__text"])
    return str(found["__value"])


def _named(series: tuple[str | None, ...]) -> str:
    """As the choice has it: names that hold a comma are told apart by their quotes."""
    mode, *models = [each for each in series if each]
    return ", ".join([mode, *(f'"{each}"' for each in models)]) + " ("


def _shares(totals: list[Totals]) -> dict[str, float]:
    """Of two rooms together: the shorter time is the middle one, so both are as heavy."""
    shares: dict[str, float] = {}
    named = [each for each in totals if each.named]
    for each in named:
        for name, share in each.shares_by("counts").items():
            shares[name] = shares.get(name, 0) + share.share / len(named)
    return shares


def test_a_room_is_one_room_whatever_it_claims(ask: Ask, school: Place) -> None:
    """One of three rooms claims a thousand million frames a window, day and night, and an emotion of its own."""
    dice = random.Random(3)  # noqa: S311
    sent = [window(n, MONDAY + n * 10 * MINUTE, dice) for n in range(1, 500)]
    other = next(each for each in sent if each.counts).model
    false = {
        "frames": MAX_COUNT, "mode": "emotions", "withheld": None, "facing": None, "device": "room-3", "model": other,
        "faces": {"total": MAX_COUNT, "mean": 0.0, "min": 0, "max": 1}, "people": {"bored": 1.0, "unknown": 0.0},
        "counts": {"bored": MAX_COUNT, "unknown": 0}, "unclassified": {"too_small": 0, "away": 0, "unclear": 0},
        "estimate": {"bored": {"share": 1.0, "low": 1.0, "high": 1.0}}, "estimate_absent": None,
    }  # fmt: skip
    claimed = [WindowPayload.model_validate(each.model_dump(by_alias=True) | false) for each in sent]
    chosen = choices(ask)
    before = {number: _told(ask, chosen | {"series": number}) for number in chosen["series"]}
    with school.opened() as store:
        store.store(as_messages(claimed), MONDAY)
    after = {number: _told(ask, chosen | {"series": number, "device": [*ROOMS, "room-3"]}) for number in before}
    ((number, told),) = ((number, told) for number, told in after.items() if "bored" in told[0])
    # Its part: that of the middle one of three rooms, of which the other is a little shorter.
    assert 0.3 < told[0]["bored"] < 0.4
    assert 0.3 < told[1]["bored"] < 0.4
    assert told[2] > 0.6 * before[number][2]
    assert all(told[0][name] >= 0.5 * share for name, share in before[number][0].items())


def test_what_one_room_has_made_up_is_not_chosen_first(ask: Ask, school: Place) -> None:
    """The first choice is what is seen: it was whatever came last, from anybody, and its text could be the same."""
    before = choices(ask)["series"]
    usual = next(each for each in windows(0, 300) if each.model.emotions and each.model.pose).model
    joined = usual.model_copy(update={"emotions": f"{usual.emotions}, {usual.pose}", "pose": None})
    made_up = [each.model_copy(update={"device": ROOMS[0], "model": joined}) for each in windows(7, 30)]
    with school.opened() as store:
        store.store(as_messages(made_up), MONDAY)
    found = ask(VARIABLES["series"], school="north")
    assert len(found) > len(before)
    assert [str(each["__value"]) for each in found][: len(before)] == before
    assert len({each["__text"] for each in found}) == len(found)


def _told(ask: Ask, options: dict[str, Any]) -> tuple[dict[str, float], dict[str, float], float]:
    """What is told of all rooms together: expressions, estimated shares, faces."""
    found = [
        {row["metric"]: float(row["share"]) for row in ask(PANELS[title], 1000, **options)}
        for title in ("Expressions", "Estimated shares")
    ]
    (north,) = ask(PANELS["Schools"], **options)
    return found[0], found[1], float(north["faces"])


@pytest.mark.parametrize("number", [10**30, 0])
def test_a_made_up_roll_up_ends_no_question(number: int, ask: Ask, school: Place) -> None:
    """As files had them that were copied before their numbers were bounded."""
    chosen = choices(ask)
    parts = dict.fromkeys(("windows", "recorded", "analysed", "frames", "faces", "named", "weight", "replayed"), number)
    parts["frames"] = parts["named"] = parts["weight"] = max(1, number)
    made_up = parts | {"withheld": {"figures short": number}, "epochs": {"abcdef01": [number, number, number]}}
    query = f"UPDATE edge.rollups SET sums = sums || '{json.dumps(made_up)}'"  # noqa: S608
    school.sql(query)
    for series in chosen["series"]:
        for panel in PANELS.values():
            ask(panel, **(chosen | {"series": series}))


def test_nothing_withheld_is_shown(ask: Ask) -> None:
    for row in ask(PANELS["Newest windows"], **choices(ask)):
        if row["withheld"] == "figures":
            assert (row["faces"], row["counts"]) == (None, None)
        assert (row["withheld"] is None) == (row["reason"] is None)


def test_the_files_are_what_grafana_takes() -> None:
    """As far as it can be told without Grafana: what each panel and variable needs is there."""
    panels = DASHBOARD["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    for panel in panels:
        at, (target,) = panel["gridPos"], panel["targets"]
        assert 0 <= at["x"] < at["x"] + at["w"] <= 24
        assert target["format"] == ("table" if panel["type"] == "table" else "time_series")
        assert ('"time"' in asked(target["rawSql"], dict.fromkeys(VARIABLES, "''"), 1)) == (panel["type"] != "table")
        assert panel["datasource"]["uid"] == target["datasource"]["uid"] == "${datasource}"
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    (source,) = yaml.safe_load((ROOT / "docs/grafana/datasource.yml").read_text())["datasources"]
    assert source["type"] == VARIABLES["datasource"] == panels[0]["datasource"]["type"]
