"""`edge dashboard --database` without its page: who records, what it answers, and what it says when it cannot."""

from __future__ import annotations

import concurrent.futures
import contextlib
import socket
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from paho.mqtt import publish as paho

from edge.cli import run_command_line
from edge.contract.payloads import WindowPayload
from tests.support.brokers import wait_for
from tests.support.dashboard_page import wait_until_heard
from tests.support.recorded_school import record_school
from tests.support.recorded_weeks import LESSON, timetable, weeks
from tests.support.recordings import rows
from tests.support.simulated_school import Classroom

DAY = LESSON.date().isoformat()


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = run_command_line(["dashboard", "--port", "0", *map(str, arguments)])
    return code, capsys.readouterr().err


def test_it_says_what_is_wrong_with_the_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    other.write_bytes(b"no database at all, but some text that is long enough" * 20)
    code, errors = refused(capsys, "--database", other)
    assert (code, errors.startswith(f"edge: {other} is no SQLite database, or a damaged one")) == (78, True)
    code, errors = refused(capsys, "--database", tmp_path / "absent.sqlite", "--show-only")
    assert (code, "does not exist" in errors) == (78, True)
    code, errors = refused(capsys, "--timetable", timetable(tmp_path))
    assert (code, errors) == (78, "edge: --timetable needs --database: name the file that is recorded into\n")
    code, errors = refused(capsys, "--database", other, "--show-only", "--keep-days", "3")
    assert (code, "--keep-days does nothing with --show-only" in errors) == (78, True)
    code, errors = refused(capsys, "--database", other, "--show-only", "--keep-free", "20")
    assert (code, "--keep-free does nothing with --show-only" in errors) == (78, True)
    code, errors = refused(capsys, "--database", other, "--show-only", "--if-copy", "new")
    assert (code, "--if-copy does nothing with --show-only" in errors) == (78, True)
    for words in (
        (),
        ("--client-id", "x"),
        ("--database", other),
        ("--database", other, "--show-only", "--client-id", "x"),
    ):
        code, errors = refused(capsys, *words, "--page-user", "x")
        assert (code, "--page-user needs --database and --client-id" in errors) == (78, True)


def test_a_locked_file_is_a_plain_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = weeks(tmp_path / "school.sqlite", 1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        code, errors = refused(capsys, "--database", path)
    finally:
        holder.close()
    assert (code, f"{path} is locked by another program" in errors) == (1, True)


def test_it_shows_what_another_program_records(broker: int, dashboard: Callable[..., str], tmp_path: Path) -> None:
    path = weeks(tmp_path / "school.sqlite", 2)
    address = dashboard(broker, 0, "--database", str(path), "--show-only", "--timetable", str(timetable(tmp_path)))
    with httpx.Client(base_url=address, timeout=30) as client:
        about = client.get("/api/about").json()
        assert (about["database"], about["timetable"], about["records"]) == (True, True, False)
        assert about["zones"] == ["Europe/Vienna"]
        assert client.get("/api/rooms").json() == {"rooms": ["room-1"]}
        day = client.get("/api/day", params={"room": "room-1", "day": DAY}).json()
        assert [(each["name"], each["from"], each["recorded"]) for each in day["lessons"]] == [
            ("1st period", "08:00", 2400), ("2nd period", "08:50", 2700)
        ]  # fmt: skip
        newest = client.get("/api/lesson", params={"room": "room-1"}).json()
        assert (newest["day"], newest["name"]) == (DAY, "2nd period")
        again = {"room": "room-1", "known": newest["revision"]}
        assert client.get("/api/lesson", params=again).json() == {"unchanged": True}
        free = client.get("/api/lesson", params={"room": "room-1", "day": DAY, "name": "08:10-09:00"}).json()
        assert (free["name"], free["clock"]) == ("", ["08:10", "09:00"])
        whole = client.get("/api/lesson", params={"room": "room-1", "day": DAY, "name": "00:00-24:00"}).json()
        assert whole["clock"] == ["08:00", "09:35"]  # not a day of which most is empty
        for path_, wrong in (("/api/day", {"day": "20.11.2026"}), ("/api/lesson", {"day": DAY, "name": "x"})):
            answer = client.get(path_, params={"room": "room-1", **wrong})
            assert answer.status_code == 400
            assert set(answer.json()) == {"problem", "remedy"}
        for route in ("/api/day", "/api/lesson"):
            answer = client.get(route, params={"room": "room-2", "day": DAY})
            assert (answer.status_code, answer.text) == (404, "There is no such room.\n")
        path.unlink()
        # Also of a room of which nothing was known before.
        for room, name in (("room-1", "1st period"), ("room-3", "")):
            gone = client.get("/api/lesson", params={"room": room, "day": DAY, "name": name})
            assert gone.status_code == 400
            assert "does not exist" in gone.json()["problem"]


def test_many_questions_do_not_keep_windows_from_the_file(
    broker: int, dashboard: Callable[..., str], tmp_path: Path
) -> None:
    path = weeks(tmp_path / "school.sqlite", 2)
    address = dashboard(broker, 0, "--database", str(path), "--timetable", str(timetable(tmp_path)))
    classroom = Classroom("room-1", 3, seconds=30)

    def stored() -> int:
        with sqlite3.connect(path) as file:
            return int(file.execute("SELECT COUNT(*) FROM windows WHERE epoch = '5c400100'").fetchone()[0])

    def ask(number: int) -> int:
        # Each time another stretch: nothing of it is known from the question before.
        span = f"08:{number % 30:02}-09:{number % 25 + 1:02}"
        query = {"room": "room-1", "day": DAY, "name": span}
        return httpx.get(f"{address}api/lesson", params=query, timeout=60).status_code

    def sent(first: int, last: int) -> list[tuple[str, bytes, int, bool]]:
        return [
            ("classroom/room-1/window", classroom.window(seq, LESSON).to_json(), 1, False)
            for seq in range(first, last + 1)
        ]

    def heard() -> bool:
        paho.multiple([*sent(1, 1)], port=broker)
        return stored() == 1

    wait_for(heard, 20, "the recorder")
    with concurrent.futures.ThreadPoolExecutor(8) as visitors:
        asked = [visitors.submit(ask, number) for number in range(12)]
        paho.multiple([*sent(2, 100)], port=broker)
        wait_for(lambda: stored() == 100, 20, "all windows in the file")
        assert {answer.result() for answer in asked} == {200}


def test_what_is_deleted_from_the_file_is_forgotten_in_memory_too(
    broker: int, dashboard: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "school.sqlite"
    address = dashboard(broker, 0, "--database", str(path))
    classroom, now = Classroom("room-1", 3), datetime.now(timezone.utc)
    sent = [
        ("classroom/room-1/window", classroom.window(seq, now - timedelta(seconds=5 * (20 - seq))).to_json(), 1, False)
        for seq in range(1, 20)
    ]

    def measured() -> int:
        answer = httpx.get(f"{address}lesson", params={"room": "room-1", "minutes": 15}, timeout=30)
        return int(answer.json()["measured"]) if answer.status_code == 200 else -1

    def shown() -> bool:
        paho.multiple(list(sent), port=broker)
        return measured() >= 19 * 5000 and rows(path) == [*range(1, 20)]

    wait_for(shown, 20, "the windows on the page and in the file, which hears them by itself")
    assert run_command_line(["delete", "--database", str(path), "--device", "room-1", "--yes"]) == 0
    wait_for(lambda: measured() == 0, 20, "nothing on the page")
    summary = httpx.get(f"{address}lesson", params={"room": "room-1", "minutes": 15}, timeout=30).json()
    assert (summary["pieces"], summary["mean"]) == ([], None)


def test_what_still_comes_of_a_lesson_that_was_deleted_is_not_shown(
    broker: int, dashboard: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "school.sqlite"
    address = dashboard(broker, 0, "--database", str(path))
    wait_until_heard(address)
    room, now = Classroom("room-1", 3), datetime.now(timezone.utc)
    lesson = now - timedelta(minutes=30)

    def send(*windows: WindowPayload) -> None:
        paho.multiple([("classroom/room-1/window", each.to_json(), 1, False) for each in windows], port=broker)

    def sent(first: int, *, replayed: bool = False) -> list[WindowPayload]:
        return [room.window(n, lesson + timedelta(seconds=5 * n), replayed=replayed) for n in range(first, first + 20)]

    def measured() -> int:
        answer = httpx.get(f"{address}lesson", params={"room": "room-1", "minutes": 60}, timeout=30)
        return int(answer.json()["measured"]) if answer.status_code == 200 else -1

    def shown() -> bool:
        send(*sent(1))
        return measured() == 20 * 5000 and rows(path) == [*range(1, 21)]

    wait_for(shown, 30, "the windows on the page and in the file, which hears them by itself")
    times = [f"{each:%Y-%m-%dT%H:%M:%S}" for each in (lesson, lesson + timedelta(minutes=20))]
    options = ("--zone", "UTC", "--from", times[0], "--to", times[1], "--yes")
    assert run_command_line(["delete", "--database", str(path), "--device", "room-1", *options]) == 0
    wait_for(lambda: measured() == 0, 30, "nothing on the page")
    send(*sent(21, replayed=True), *sent(41), room.window(999, now))
    # In their order: with the last one all of them are here.
    wait_for(lambda: measured() > 0, 30, "what was measured after the lesson")
    assert measured() == 5000


def test_questions_that_nobody_waits_for_keep_nobody_waiting(
    broker: int, dashboard: Callable[..., str], tmp_path: Path
) -> None:
    path = weeks(tmp_path / "school.sqlite", 2)
    address = dashboard(broker, 0, "--database", str(path), "--show-only", "--timetable", str(timetable(tmp_path)))
    port = int(address.rstrip("/").rpartition(":")[2])
    numbers = iter(range(100_000))

    def ask() -> socket.socket:
        # Each time another stretch: nothing of it is known from the question before.
        number = next(numbers)
        first, last = number % 400, 600 + number // 400  # minutes of the day
        name = f"{first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02}"
        wire = socket.create_connection(("127.0.0.1", port), timeout=60)
        wire.sendall(f"GET /api/lesson?room=room-1&day={DAY}&name={name} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return wire

    def answer(wire: socket.socket) -> bytes:
        with wire:
            return wire.recv(12)

    assert answer(ask()) == b"HTTP/1.1 200"
    began = time.monotonic()
    assert answer(ask()) == b"HTTP/1.1 200"
    one = time.monotonic() - began
    for _ in range(600):
        time.sleep(0.002)  # as a browser does that is told to go on and on
        ask().close()
    began = time.monotonic()
    wait_for(lambda: answer(ask()) == b"HTTP/1.1 200", 60, "an answer")  # those that went are noticed soon
    assert time.monotonic() - began < 60 * one + 5, "it waits for what nobody waits for"
    asked = [ask() for _ in range(60)]
    told = [answer(wire) for wire in asked]
    assert {each[-3:] for each in told} == {b"200", b"503"}
    left = [ask() for _ in range(60)]
    dashboard.process.terminate()  # type: ignore[attr-defined]
    _, errors = dashboard.process.communicate(timeout=20)  # type: ignore[attr-defined]
    assert "Traceback" not in errors
    for wire in left:
        wire.close()


def test_maps_leave_a_damaged_room_out_and_say_so(broker: int, dashboard: Callable[..., str], tmp_path: Path) -> None:
    path = record_school(tmp_path / "school.sqlite", ["room-1", "room-2"], 1, {})
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        made_up = "UPDATE rollups SET sums = json_set(sums, '$.analysed', json(?)) WHERE device = 'room-2'"
        file.execute(made_up, (f"{10**400}",))
    address = dashboard(broker, 0, "--database", str(path), "--show-only")
    with httpx.Client(base_url=address, timeout=30) as client:
        for maps in ("day?at=2026-11-16", "term?first=2026-11-16&last=2026-11-20"):
            answer = client.get(f"/api/maps/{maps}")
            assert answer.status_code == 200
            assert [row["room"] for row in answer.json()["rows"]] == ["room-1"]
            assert any(each.endswith("damaged: room-2.") for each in answer.json()["sentences"])
        own = client.get("/api/maps/week", params={"room": "room-2", "at": "2026-11-16"})
        assert (own.status_code, "is damaged" in own.json()["problem"]) == (503, True)
