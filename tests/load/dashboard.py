"""What `edge dashboard` costs with a school on it, and its pictures for the documentation.

    python -m tests.load.dashboard                      40 rooms, 4 h of history, one window per 5 s each
    python -m tests.load.dashboard --screenshots docs

Every part is real: a Mosquitto, the command, a Chromium. Only the rooms are simulated.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
from PIL import Image

from edge.contract.validation import DeviceMessage
from edge.recording.database import Database
from tests.support.brokers import can_connect, free_port, wait_for
from tests.support.recorded_school import moved
from tests.support.recorded_weeks import LESSON, WEEK
from tests.support.recorded_weeks import timetable as write_timetable
from tests.support.recorded_weeks import windows as recorded_windows
from tests.support.simulated_lessons import Change, SimulatedLesson
from tests.support.simulated_school import SECONDS, School

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

from tests.support.paths import ROOT

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextlib.contextmanager
def lessons(port: int, rooms: int) -> Iterator[School]:
    """A school that has started."""
    school = School(port, rooms)
    school.start()
    yield school
    school.stop()


@contextlib.contextmanager
def mosquitto() -> Iterator[int]:
    """A plain broker; its port."""
    binary = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        sys.exit("mosquitto is not installed")
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        user = "user root\n" if os.geteuid() == 0 else ""
        config.write(f"listener {port} 127.0.0.1\nallow_anonymous true\n{user}max_queued_messages 0\n")
        config.flush()
        with _running([binary, "-c", config.name]):
            wait_for(lambda: can_connect(port), 10)
            yield port


@contextlib.contextmanager
def dashboard(broker: int, *arguments: str) -> Iterator[tuple[str, psutil.Process]]:
    """The command; its address and process."""
    command = [sys.executable, "-m", "edge", "dashboard", "--broker", f"mqtt://127.0.0.1:{broker}", "--port", "0"]
    with _running([*command, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = re.search(rb"http://\S+", process.stdout.readline() + process.stdout.readline())
        assert found
        yield found[0].decode(), psutil.Process(process.pid)


@contextlib.contextmanager
def _running(command: list[str], stdout: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=stdout, stderr=subprocess.DEVNULL if stdout is subprocess.DEVNULL else None
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the tests that only want the rooms have none

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def _renderers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "--type=renderer" in " ".join(child.cmdline())]


def _seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def measure(rooms: int, hours: float, seconds: float) -> None:
    """Print what server and page need."""
    with (
        mosquitto() as port,
        dashboard(port, "--hours", str(hours)) as (address, server),
        lessons(port, rooms) as school,
    ):
        print(f"server at the start: {server.memory_info().rss / 2**20:.0f} MiB")
        sent = school.backfill(hours)
        school.live(10)
        minutes = round(60 * hours)
        lessons_of = [
            httpx.get(f"{address}lesson", params={"room": room.name, "minutes": minutes}).json()
            for room in school.rooms
        ]
        kept = sum(piece["windows"] for lesson in lessons_of for piece in lesson["pieces"])
        memory = server.memory_info().rss / 2**20
        print(f"server with {kept:,} windows of {rooms} rooms ({sent:,} sent first): {memory:.0f} MiB", flush=True)
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 860})
            for view in ("now/room-101", "lesson/room-101/15", "lesson/room-101/240", "school"):
                page.goto(f"{address}#{view}")
                page.reload()
                school.live(10)
                print(_cost(page, school, server, view, seconds), flush=True)


def _cost(page: Page, school: School, server: psutil.Process, view: str, seconds: float) -> str:
    processes = _renderers()
    begun, page_cpu, server_cpu = time.monotonic(), _seconds(processes), _seconds([server])
    school.live(seconds)
    took = time.monotonic() - begun
    page_share = 100 * (_seconds(processes) - page_cpu) / took
    server_share = 100 * (_seconds([server]) - server_cpu) / took
    heap = page.evaluate("performance.memory.usedJSHeapSize") / 2**20
    return (
        f"{view}: over {took:.0f} s all renderers {page_share:.1f} % of a core ({heap:.0f} MiB of JavaScript heap), "
        f"server {server_share:.1f} %, {server.memory_info().rss / 2**20:.0f} MiB"
    )


def screenshots(folder: Path) -> None:
    """Draw the documentation's pictures."""
    with (
        tempfile.TemporaryDirectory() as place, mosquitto() as port, dashboard(port) as (address, _server),
        dashboard(port, *_recorded_there(Path(place))) as (recorded, _recorder), lessons(port, 16) as school,
    ):  # fmt: skip
        _tell_a_morning(school)
        with chromium() as browser:
            for name, view, width, height, scheme in (
                ("dashboard", "lesson/room-101/90", 1280, 900, "light"),
                ("dashboard-dark", "now/room-101", 1280, 860, "dark"),
                ("dashboard-school", "school", 1280, 860, "light"),
                ("dashboard-phone", "now/room-101", 390, 844, "light"),
                ("dashboard-phone-lesson", "lesson/room-101/45", 390, 844, "dark"),
            ):
                page = browser.new_page(
                    viewport={"width": width, "height": height},
                    device_scale_factor=2 if width < 500 else 1,
                    color_scheme="dark" if scheme == "dark" else "light",
                    timezone_id=_where_it_is_ten(),
                )
                page.goto(f"{recorded if view == 'school' else address}#{view}")
                school.live(2 * SECONDS)
                page.wait_for_timeout(1500)
                _draw(page, folder / f"{name}.png")
                page.close()


def recorded_screenshot(folder: Path) -> None:
    """Draw the pictures of lessons that were recorded, beside those of the weeks before."""
    with tempfile.TemporaryDirectory() as place, mosquitto() as port:
        recording, timetable = _record_lessons(Path(place)), write_timetable(Path(place))
        files = ("--database", str(recording), "--timetable", str(timetable), "--show-only")
        with dashboard(port, *files) as (address, _server), chromium() as browser:
            for name, room in (("dashboard-lesson", "room-1"), ("dashboard-headcount", "room-2")):
                page = browser.new_page(viewport={"width": 1280, "height": 600}, locale="en")
                page.goto(f"{address}#lesson/{room}/{LESSON.date()}/2nd%20period")
                page.locator("#past-chart .main-svg").first.wait_for()
                page.wait_for_timeout(1500)
                _draw(page, folder / f"{name}.png", whole=True)
                page.close()


def _draw(page: Page, path: Path, *, whole: bool = False) -> None:
    """A picture of few colours, as those of a page are, in a third of the bytes."""
    page.screenshot(path=path, full_page=whole)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


def _recorded_there(folder: Path) -> tuple[str, ...]:
    """Options with which a page has the tabs of recorded lessons, too."""
    return "--database", str(folder / "school.sqlite"), "--timetable", str(write_timetable(folder))


def _record_lessons(folder: Path) -> Path:
    """Ten weeks of a lesson in two rooms: in the newest one more looked happy for a while; the second only counts."""
    path, seq = folder / "school.sqlite", itertools.count(1)
    database = Database(path, "classroom")
    database.start()
    for week in range(9, -1, -1):
        changes = () if week else (Change("happy", 0.35, 22 * 60, 11 * 60),)
        lesson = SimulatedLesson(40 + week, window=30, changes=changes).payloads()
        start = LESSON + timedelta(minutes=50) - week * WEEK
        windows = (moved(each, "room-1", next(seq), start) for each in lesson)
        database.store([DeviceMessage("room-1", "window", each, "edge.window/2") for each in windows], LESSON)
        database.store(recorded_windows(start, 60 + week, room="room-2", headcount=True), LESSON)
    database.stop()
    return path


def _where_it_is_ten() -> str:
    """A time zone in which it is between ten and eleven in the morning."""
    ahead = (10 - datetime.now(timezone.utc).hour + 12) % 24 - 12
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def _tell_a_morning(school: School) -> None:
    """Two lessons with a break in which the camera was paused, few people at the start, and a camera that was lost."""
    now = datetime.now(timezone.utc)
    first, *others = school.rooms
    paused, lost, few, gone = (school.rooms[n] for n in (4, 9, 11, 13))
    for step in range(school.begin(1.5), 0, -1):
        minutes = step * SECONDS / 60
        if 41 < minutes <= 56 or 16 < minutes <= 18.5:
            school.skip(first)
        else:
            school.window(first, suppressed=38.5 < minutes <= 41, replayed=True)
        for room in others:
            school.skip(room)
    for ago, mode, reason in (
        (56, "paused", "paused by the schedule"), (41, "running", "resumed"),
        (18.5, "camera_lost", "no frame for 5 s"), (16, "running", "the camera is back"),
    ):  # fmt: skip
        state = first.state(mode, reason, now - timedelta(minutes=ago))
        school.say(first, "state", state.to_json()).wait_for_publish(10)
    school.say(paused, "state", paused.state("paused", "paused by the button in the room").to_json())
    school.say(lost, "state", lost.state("camera_lost", "no frame for 5 s").to_json())
    school.say(gone, "availability", b"offline")
    school.few.add(few.name)
    school.silent |= {paused.name, lost.name, gone.name}


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", type=int, default=40)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=35.0, help="how long each view is measured")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    if args.screenshots:
        screenshots(args.screenshots)
        recorded_screenshot(args.screenshots)
    else:
        measure(args.rooms, args.hours, args.seconds)


if __name__ == "__main__":
    main()
