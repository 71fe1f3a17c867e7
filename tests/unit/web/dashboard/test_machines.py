"""What the server of the page keeps of machines, from messages that nobody vouches for."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import httpx
import pytest
from starlette.applications import Starlette

from edge.cli.inbox import Inbox
from edge.contract.alerts import ALERTS
from edge.contract.channels import SILENCE
from edge.contract.examples import ALERT, HEALTH, INFO, WINDOW
from edge.contract.payloads import State
from edge.contract.timestamps import format_timestamp, parse_timestamp
from edge.recording.deletion_requests import Request
from edge.reporting.machine_report import MachineReport
from edge.web.dashboard.machine_routes import machine_routes
from edge.web.dashboard.questions import Questions
from edge.web.dashboard.school import MAX_ROOMS, School
from tests.support.simulated_school import Classroom

NOW = parse_timestamp(WINDOW.window.end).timestamp() + 3


def school(*, rooms: int = 1) -> School:
    found = School("classroom", 4, lambda: NOW)
    for number in range(1, rooms + 1):
        room = f"classroom/room-{number}"
        found.receive(f"{room}/availability", b"online")
        found.receive(f"{room}/info", INFO.to_json())
        found.receive(f"{room}/health", HEALTH.to_json())
        window = json.loads(WINDOW.to_json()) | {"device": f"room-{number}"}
        found.receive(f"{room}/latest", json.dumps(window).encode())
    return found


def test_a_page_is_told_that_something_changed_and_asks_for_the_rest() -> None:
    found = school(rooms=2)
    found.take_changes()
    found.receive("classroom/room-2/alert/disk", ALERT.to_json())
    changes = found.take_changes()
    assert changes is not None
    assert list(changes["rooms"]) == ["room-2"]
    assert changes["rooms"]["room-2"]["machine"] == {"changes": 3, "alerts": 1}
    assert [(each.name, each.level) for each in found.machines()] == [("room-2", "bad"), ("room-1", "good")]
    found.receive("classroom/room-2/alert/disk", b"")
    assert [each.level for each in found.machines()] == ["good", "good"]


@pytest.mark.parametrize("paused", [False, True])
def test_every_page_and_the_technician_call_a_room_silent_from_the_same_moment(*, paused: bool) -> None:
    now = NOW
    found = School("classroom", 4, lambda: now)
    messages = {"availability": b"online", "info": INFO.to_json(), "latest": WINDOW.to_json()}
    if paused:
        messages["state"] = State(mode="paused", reason="a switch", since=WINDOW.window.end).to_json()
    for kind, payload in messages.items():
        found.receive(f"classroom/room-204/{kind}", payload)
    found.take_changes()
    now += 5
    health = HEALTH.model_copy(update={"time": format_timestamp(datetime.fromtimestamp(now, timezone.utc))})
    found.receive("classroom/room-204/health", health.to_json())
    changes = found.take_changes()
    assert changes is not None
    silent_from = changes["rooms"]["room-204"]["silent_from"]
    assert silent_from == round(1000 * (NOW + (5 + SILENCE if paused else 32)))
    for seconds, silent in ((-1, False), (1, True)):
        now = silent_from / 1000 + seconds
        assert [each.status == "silent" for each in found.machines()] == [silent]


def test_a_page_is_told_that_a_room_is_drawn() -> None:
    found = school()
    assert not found.summaries()["room-1"]["drawn"]
    found.receive("classroom/room-1/info", INFO.model_copy(update={"camera": "sample"}).to_json())
    assert found.summaries()["room-1"]["drawn"]


def test_figures_of_before_do_not_go_on_by_a_window_that_is_not_shown() -> None:
    now = NOW
    found = School("classroom", 4, lambda: now)
    found.receive("classroom/room-204/window", WINDOW.to_json())
    found.take_changes()
    now += 10
    older = json.loads(WINDOW.to_json())
    for edge in ("start", "end"):
        older["window"][edge] = format_timestamp(parse_timestamp(older["window"][edge]) - timedelta(hours=1))
    older["quality"]["clock_synced"] = False
    older["seq"] -= 1
    found.receive("classroom/room-204/window", json.dumps(older).encode())
    changes = found.take_changes()
    assert changes is not None
    summary = changes["rooms"]["room-204"]
    assert summary["latest"]["key"].endswith(str(WINDOW.seq))  # its figures are those of then
    assert summary["silent_from"] == round(1000 * (NOW + 32))
    assert [each.status for each in found.machines()] == ["no_status"]


def test_a_room_that_never_sent_a_window_is_silent_when_three_could_have_come() -> None:
    for seconds, until in ((10.0, 60), (600.0, 1802)):
        now = NOW
        found = School("classroom", 4, lambda: now)  # noqa: B023 - asked in this round
        found.receive("classroom/room-1/availability", b"online")
        found.receive("classroom/room-1/info", INFO.model_copy(update={"window_seconds": seconds}).to_json())
        assert found.summaries()["room-1"]["silent_from"] == round(1000 * (NOW + until))
        for moment, status in ((until - 1, "online"), (until + 1, "silent")):
            now = NOW + moment
            assert [each.status for each in found.machines()] == [status]


@pytest.mark.parametrize("synced", [False, True])
def test_what_has_waited_for_long_is_no_news_whatever_the_clock_of_its_device(*, synced: bool) -> None:
    found = School("classroom", 4, lambda: NOW + 3600)
    found.receive("classroom/room-204/availability", b"online")
    waited = json.loads(WINDOW.to_json()) | {"replayed": True}
    waited["quality"]["clock_synced"] = synced
    found.receive("classroom/room-204/window", json.dumps(waited).encode())
    assert found.summaries()["room-204"]["silent_from"] == round(1000 * (NOW - 3 + 60))
    assert [each.status for each in found.machines()] == ["silent"]


@pytest.mark.parametrize("mode", ["paused", "camera_lost"])
def test_a_room_that_was_paused_is_not_missed_before_its_next_window(mode: Literal["paused", "camera_lost"]) -> None:
    now = NOW
    found, inbox = School("classroom", 4, lambda: now), Inbox("classroom", lambda: now)

    def say(kind: str, payload: bytes) -> None:
        for each in (found, inbox):
            each.receive(f"classroom/room-204/{kind}", payload)

    def told() -> tuple[Any, bool, str, str]:
        room, (device,), (machine,) = found.summaries()["room-204"], inbox.devices.values(), found.machines()
        shown, silent = room["latest"] and room["latest"]["end"], room["silent_from"] < 1000 * now
        return shown, silent, machine.status, device.report(round(1000 * now)).status

    say("availability", b"online")
    say("latest", WINDOW.to_json())
    say("state", State(mode=mode, reason="", since=WINDOW.window.end).to_json())
    now += 1800
    say("state", State(mode="running", reason="", since=WINDOW.window.end).to_json())
    now += 59
    assert told() == (None, False, "running", "running"), "its figures are those of before"
    now += 2
    assert told() == (None, True, "silent", "silent")
    start, end = (format_timestamp(datetime.fromtimestamp(now - before, timezone.utc)) for before in (10, 0))
    span = WINDOW.window.model_copy(update={"start": start, "end": end})
    say("window", WINDOW.model_copy(update={"window": span, "seq": WINDOW.seq + 1}).to_json())
    assert told() == (round(1000 * now), False, "running", "running")
    now += 33
    assert told()[1:] == (True, "silent", "silent")


def test_a_room_whose_clock_is_not_set_is_silent_once_no_window_comes() -> None:
    now = NOW
    found = School("classroom", 4, lambda: now)
    found.receive("classroom/room-1/availability", b"online")
    unset = json.loads(WINDOW.to_json()) | {"device": "room-1"}
    unset["quality"]["clock_synced"] = False
    found.receive("classroom/room-1/window", json.dumps(unset).encode())
    assert found.refused == 0
    assert [each.status for each in found.machines()] == ["online"]
    now += 61
    assert [each.status for each in found.machines()] == ["silent"]
    found.receive("classroom/room-1/window", json.dumps(unset | {"seq": WINDOW.seq + 1}).encode())
    assert [each.status for each in found.machines()] == ["online"]


@pytest.mark.parametrize("behind", [timedelta(hours=1), timedelta(days=1)])  # the history takes the first, too
def test_a_room_of_which_all_was_deleted_measures_on_with_a_clock_that_is_behind(behind: timedelta) -> None:
    now = NOW
    found = School("classroom", 4, lambda: now)
    asked = datetime.fromtimestamp(now, timezone.utc)
    request = Request(1, "room-1", None, None, format_timestamp(asked))
    found.deleted.outdated(request, asked)
    found.deleted.replace(request, [request], asked, asked)
    found.receive("classroom/room-1/availability", b"online")
    for seq in range(1, 12):
        now += 10
        send(found, seq, datetime.fromtimestamp(now, timezone.utc) - behind)
        assert [each.status for each in found.machines()] == ["online"]
    assert found.rooms["room-1"].latest is None, "left out"
    send(found, 11, datetime.fromtimestamp(now, timezone.utc) - behind)  # again: it was retained
    now += 61
    assert [each.status for each in found.machines()] == ["silent"]


@pytest.mark.parametrize("behind", [timedelta(hours=1), timedelta(days=1)])
def test_a_room_whose_numbers_and_clock_went_back_measures(behind: timedelta) -> None:
    now = NOW
    found = School("classroom", 4, lambda: now)
    found.receive("classroom/room-1/availability", b"online")
    send(found, 500, datetime.fromtimestamp(now, timezone.utc))
    for seq in range(3, 12):  # its card was restored from an image
        now += 10
        send(found, seq, datetime.fromtimestamp(now, timezone.utc) - behind)
        assert [each.status for each in found.machines()] == ["online"]
    now += 61
    assert [each.status for each in found.machines()] == ["silent"]


def send(to: School, seq: int, end: datetime) -> None:
    """A window of a room whose clock is not set, by both topics."""
    window = Classroom("room-1", 1).window(seq, end)
    unset = window.model_copy(update={"quality": window.quality.model_copy(update={"clock_synced": False})})
    for kind in ("window", "latest"):
        to.receive(f"classroom/room-1/{kind}", unset.to_json())
    assert to.refused == 0


def test_no_figure_about_people_is_told_a_technician() -> None:
    text = json.dumps([each.as_json() for each in school().machines()])
    assert HEALTH.faces_per_frame is not None
    for figure in (str(HEALTH.faces_per_frame), str(WINDOW.faces.total), "happy"):
        assert figure not in text


@pytest.mark.parametrize(
    "payload", [b"{", b"null", b"\xff", b"[" * 9000, b'{"problem": 1}', ALERT.to_json() + b" " * 9000]
)
def test_what_is_no_alert_changes_nothing(payload: bytes) -> None:
    found = school()
    found.receive("classroom/room-1/alert/disk", payload)
    assert found.refused == 1
    assert found.machines()[0].troubles == []


def test_a_hostile_room_costs_what_another_costs() -> None:
    found = school(rooms=2)
    long = ALERT.model_copy(update={"problem": "x" * 2000, "remedy": "y" * 2000}).to_json()
    for number in range(500):
        found.receive(f"classroom/room-1/alert/invented-{number}", long)
    told = {each.name: each for each in found.machines()}
    assert len(told["room-1"].troubles) == 2 * len(ALERTS)
    assert len(json.dumps(told["room-1"].as_json())) < 16_000
    assert told["room-2"].troubles == []


def test_invented_rooms_fill_no_memory() -> None:
    found = School("classroom", 4, lambda: NOW)
    for number in range(2 * MAX_ROOMS):
        found.receive(f"classroom/invented-{number}/health", HEALTH.to_json())
        found.receive(f"classroom/absent-{number}/alert/disk", b"")
    assert len(found.machines()) == MAX_ROOMS
    assert found.full


class Watched(School):
    """Counts how often machines are looked at."""

    looked = 0

    def machines(self) -> list[MachineReport]:
        self.looked += 1
        return super().machines()


def test_who_asks_again_gets_the_same_answer_until_a_message_comes() -> None:
    found = Watched("classroom", 4, lambda: NOW)
    found.receive("classroom/room-1/info", INFO.to_json())

    async def scene() -> None:
        questions = Questions(1, 4, "present")
        app = Starlette(routes=machine_routes(found, questions))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
            answers = [(await client.get("/api/machines")).json() for _ in range(5)]
            assert found.looked == 1
            assert answers == [answers[0]] * 5
            found.receive("classroom/room-1/alert/disk", ALERT.to_json())
            (room,) = (await client.get("/api/machines")).json()["rooms"]
            assert room["level"] == "bad"
        questions.stop()

    asyncio.run(scene())
