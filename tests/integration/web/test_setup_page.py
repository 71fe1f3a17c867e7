"""`edge preview`: the page in a real browser, its manners with the camera, and what it tells an installer."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from edge.cameras.capture_thread import Frame
from edge.cameras.supervisor import CameraSupervisor, capture_maker
from edge.cli.preview import _with_service
from edge.config.schema import Config, GpioConfig
from edge.contract.timestamps import format_timestamp
from edge.daemon.pause_store import Override, OverrideStore, Pause, PauseStore
from edge.errors import CameraError
from edge.hardware.gpio import GpioPins
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.vision.model_set import ModelChoice, ModelSet
from edge.web import server
from edge.web.setup.distance import advice, lenses, metres
from edge.web.setup.pages import routes
from edge.web.setup.preview_analyzer import by_size
from edge.web.setup.preview_session import PreviewSession, build_session, closed_because
from edge.web.setup.quality import judge_light, sharpness
from tests.support.brokers import Subscriber, can_connect, free_port, wait_for
from tests.support.paths import ROOT

playwright = pytest.importorskip("playwright.sync_api", reason="no browser for this machine")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no browser for this machine")


Edge = Callable[..., "subprocess.Popen[str]"]
NOBODY = np.empty((0, 4), np.float32)
MARKS = {"happy": "#ffd447", "neutral": "#d3dae2", "too small": "#ff5fa2"}
COUNT = """colour => {
  const { width, height } = document.getElementById("canvas");
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(document.getElementById("canvas"), 0, 0);
  const data = new Uint32Array(copy.getImageData(0, 0, width, height).data.buffer);
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const wanted = (255 << 24 | b << 16 | g << 8 | r) >>> 0;
  return data.reduce((found, pixel) => found + (pixel === wanted), 0);
}"""


@pytest.fixture
def browser() -> Iterator[Any]:
    """A real Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed (./test installs it)")
    with playwright.sync_playwright() as drive:
        chromium = drive.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


def address(process: subprocess.Popen[str]) -> str:
    """What it prints for the browser."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return found[0]
    pytest.fail(f"no address: {process.communicate()[1]}")


def text(page: Any, name: str) -> str:
    return str(page.evaluate("name => document.getElementById(name).textContent", name))


def number(page: Any) -> int:
    return int(page.evaluate("() => document.getElementById('canvas').dataset.number ?? 0"))


def look_over(page: Any, url: str, width: int) -> None:
    """All that has to be true of the page, at any width."""
    said: list[str] = []
    hosts: set[str | None] = set()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(url)
    assert "token" not in page.url
    wait_for(lambda: number(page) > 0 and text(page, "fps")[0].isdigit(), 60, "a picture")
    seen = number(page)
    wait_for(lambda: number(page) > seen + 2, 60, "newer pictures")
    banner = page.inner_text(".banner")
    assert "Pictures of people are shown here" in banner
    assert "does not publish meanwhile" in banner
    assert text(page, "status") == ""
    for name, colour in MARKS.items():
        wait_for(lambda colour=colour: page.evaluate(COUNT, colour) > 100, 60, f"a box: {name}")  # type: ignore[misc]
    spoken = r"Live picture with \d+ faces, .*\d+ happy, \d+ neutral.*, \d+ too small for an emotion"
    wait_for(lambda: bool(re.match(spoken, page.get_attribute("#canvas", "aria-label"))), 60, "what boxes say in words")
    assert "too small for an emotion" in text(page, "advice")
    assert "°" in text(page, "distances")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")] == []
    page.focus("#zoom")
    page.keyboard.press("Enter")
    wait_for(lambda: page.evaluate("() => canvas.clientWidth") == 1280, 20, "its actual size")
    reach = text(page, "reach")
    page.select_option("#lens", "102")
    assert text(page, "reach") != reach
    assert said == []
    assert hosts == {"127.0.0.1"}


def test_the_page_lives_and_nothing_is_published_or_written(
    edge: Edge, browser: Any, broker: int, subscribe: Callable[..., Subscriber], tmp_path: Path
) -> None:
    subscriber = subscribe(broker, "#")
    settings = ("camera.source=sample:12", "vision.min_face_px=48", f"mqtt.broker=mqtt://127.0.0.1:{broker}")
    process = edge("preview", "--port", "0", *(word for each in settings for word in ("--set", each)))
    url = address(process)
    for width, height, scheme in ((1440, 900, "light"), (390, 844, "dark")):
        page = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
        look_over(page, url, width)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.communicate()[1] == ""
    wait_for(lambda: "No connection" in text(page, "status"), 60, "the page to say that it is over")
    assert subscriber.messages == []
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("mosquitto")} == set()


def test_headcount_shows_boxes_and_no_emotion(edge: Edge, browser: Any) -> None:
    page = browser.new_page()
    page.goto(address(edge("preview", "--port", "0", "--set", "camera.source=sample:7", "--set", "mode=headcount")))
    wait_for(lambda: page.evaluate(COUNT, "#5fd0c5") > 100, 60, "a box")
    assert page.inner_text("#legend").strip() == "face"
    wait_for(lambda: text(page, "reach") != "", 20, "figures")
    assert re.fullmatch(r"Live picture with \d+ faces", page.get_attribute("#canvas", "aria-label"))
    assert "reliably" in text(page, "reach")


# The camera and its viewers


@contextmanager
def showing(session: PreviewSession) -> Iterator[tuple[int, threading.Thread]]:
    """The page of a session, served as `edge preview` does; its port and the thread that serves."""
    ready, ports = threading.Event(), []

    def started(port: int, stop: Callable[[], None]) -> None:
        ports.append((port, stop))
        session.start(on_end=stop)
        ready.set()

    session.open()
    app = server.application(routes(session, {}), token="correct-horse-battery")
    thread = threading.Thread(target=server.serve, args=(app, "127.0.0.1", 0, started))
    thread.start()
    try:
        assert ready.wait(60)
        yield ports[0][0], thread
    finally:
        ports[0][1]()
        session.stop()
        thread.join(20)


def ask(port: int, after: object = 0) -> tuple[int, dict[str, Any], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/newest?after={after}", headers={"Authorization": "Bearer correct-horse-battery"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        return answer.status, {}, b""
    (length,) = struct.unpack_from(">I", body)
    return 200, json.loads(body[4 : 4 + length]), body[4 + length :]


def ask_until_shown(port: int, after: int = 0) -> tuple[dict[str, Any], bytes]:
    for _ in range(60):
        _, about, jpeg = ask(port, after)
        if jpeg:
            return about, jpeg
    pytest.fail("no picture")


def test_the_camera_is_open_only_while_somebody_looks_and_in_the_end_all_ends() -> None:
    session = build_session(Config(), "sample:5", idle=6.0, linger=0.5)
    with showing(session) as (port, thread):
        about, jpeg = ask_until_shown(port)
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape[:2] == (720, 1280)
        assert about["size"] == [1280, 720]
        assert {"happy", "neutral"} >= {face["emotion"] for face in about["faces"] if "emotion" in face}
        wait_for(lambda: session.closed, 30, "the camera to be closed")
        assert session._shot is None  # nothing of what it saw is kept
        again, _ = ask_until_shown(port)
        assert again["number"] > about["number"]  # it was opened again
        thread.join(60)
        assert not thread.is_alive()
        assert session.closed


def test_a_browser_that_does_not_read_holds_up_nobody_and_is_sent_nothing_old() -> None:
    session = build_session(Config(mode="headcount"), "sample:3")
    with showing(session) as (port, _):
        slow = HTTPConnection("127.0.0.1", port, timeout=60)
        slow.connect()
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.request("GET", "/newest?after=0", headers={"Authorization": "Bearer correct-horse-battery"})
        last = 0
        for _ in range(10):
            about, _ = ask_until_shown(port, last)
            assert about["number"] > last
            last = about["number"]
        body = slow.getresponse().read()
        (length,) = struct.unpack_from(">I", body)
        assert cv2.imdecode(np.frombuffer(body[4 + length :], np.uint8), cv2.IMREAD_COLOR) is not None
        slow.request("GET", "/newest?after=1", headers={"Authorization": "Bearer correct-horse-battery"})
        (length,) = struct.unpack_from(">I", body := slow.getresponse().read())
        assert json.loads(body[4 : 4 + length])["number"] >= last  # and then the newest
        slow.close()
        for wrong in ("-1", "x", "1" * 30, "%00"):
            assert ask(port, wrong)[0] == 400


def test_an_input_that_ends_is_shown_again_and_one_that_fails_is_tried_again(pictures: str) -> None:
    with showing(build_session(Config(mode="headcount"), pictures)) as (port, _):
        first, _ = ask_until_shown(port)
        second, _ = ask_until_shown(port, first["number"])
        assert second["number"] > first["number"]
        assert "No face is seen" in second["advice"]
        file = next(Path(pictures.partition(":")[2]).iterdir())
        content = file.read_bytes()
        file.write_bytes(b"no picture")
        wait_for(lambda: bool(ask(port)[1]["problem"]), 60, "the problem to be told")
        file.write_bytes(content)
        ask_until_shown(port)


class CountingSupervisor(CameraSupervisor):
    """Counts how often a frame is asked for."""

    takes = 0

    def take(self, timeout: float) -> Frame | None:
        self.takes += 1
        return super().take(timeout)


def test_a_camera_that_goes_away_is_said_and_found_again(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tests.support.network_camera", str(port)]
    camera = {"source": f"http://127.0.0.1:{port}/", "read_timeout": 1.0}
    config = Config.model_validate(
        {"mode": "headcount", "camera": camera, "outbox": {"path": str(tmp_path / "o.sqlite")}}
    )
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_for(lambda: can_connect(port), 30, "the network camera")
        models = ModelSet.load(ModelChoice.of(config))
        make_capture = capture_maker(config, config.camera.source, time.monotonic)
        counting = CountingSupervisor(make_capture, time.monotonic, recovers=True)
        session = PreviewSession(config, config.camera.source, models, counting, GpioPins(GpioConfig()))
        with showing(session) as (page, _):
            before, _ = ask_until_shown(page)
            process.kill()
            process.wait()
            wait_for(lambda: bool(ask(page)[1]["problem"]), 60, "the problem to be told")
            assert str(port) not in ask(page)[1]["problem"]  # where it is and how one gets in is nobody's business
            takes = counting.takes
            for _ in range(3):
                assert ask(page)[2] == b""
            assert counting.takes - takes < 50  # nothing spins while it waits
            process = subprocess.Popen(command, cwd=ROOT)
            after, _ = ask_until_shown(page)
            assert after["number"] > before["number"]
    finally:
        process.kill()
        process.wait()


# What an installer is told before there is a page


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--host", "0.0.0.0"], 78, "--token-file"),
        (["--token-file", "/nowhere/token"], 78, "No such file"),
        (["--set", "camera.source=usb:0"], 78, "deployment.responsible"),
        (["--set", "camera.source=/dev/video99", "--set", "mode=headcount"], 66, "does not exist"),
        (["--port", "70000"], 2, "0 to 65535"),
    ],
)
def test_what_cannot_be_is_one_sentence(edge: Edge, arguments: list[str], status: int, words: str) -> None:
    process = edge("preview", "--port", "0", *arguments)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert words in err
    assert "Traceback" not in err


def test_a_port_in_use_ends_it_and_closes_the_camera(edge: Edge, pictures: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = edge("preview", "--port", port, "--set", f"camera.source={pictures}")
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--port" in err
    assert "Traceback" not in err


def test_missing_libraries_are_named() -> None:
    code = "import sys; sys.modules['uvicorn'] = None; from edge.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "preview"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 78
    assert "./run preview" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_camera_in_use_names_the_service_and_a_missing_one_does_not() -> None:
    held = CameraError("camera /dev/video0 cannot be opened", "it is in use by edge (process 812); stop that first")
    assert "process 812" in str(_with_service(held))
    assert "sudo systemctl stop edge" in str(_with_service(held))
    assert "systemctl" not in str(_with_service(CameraError("camera /dev/video9 does not exist", "plug it in")))


def test_a_pause_of_the_room_is_one_of_the_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def config(**privacy: object) -> Config:
        return Config.model_validate(
            {"mode": "headcount", "outbox": {"path": str(tmp_path / "o.sqlite")}, "privacy": privacy}
        )

    assert closed_because(config(), "usb:0") == ""
    PauseStore(tmp_path / "o.pause").store(Pause("Mrs Doe", "2026-10-04T08:15:00.000Z"))
    assert "by Mrs Doe" in closed_because(config(), "usb:0")
    assert closed_because(config(), "sample") == ""
    with pytest.raises(CameraError, match="edge resume"):
        build_session(config(), "usb:0").open()
    PauseStore(tmp_path / "o.pause").clear()
    always = config(schedule=[{"from": "00:00", "to": "00:00"}], time_zone="UTC", trust_clock=True)
    assert "schedule" in closed_because(always, "usb:0")
    now = datetime.now(timezone.utc)
    OverrideStore(tmp_path / "o.pause").store(
        Override("Mrs Doe", format_timestamp(now), format_timestamp(now.replace(year=now.year + 1)))
    )
    assert closed_because(always, "usb:0") == ""
    monkeypatch.setattr("edge.web.setup.preview_session.clock_synced", lambda: False)
    assert closed_because(always, "usb:0") == ""
    unsure = config(schedule=[{"from": "00:00", "to": "00:01"}], time_zone="UTC")
    assert "nothing has set this machine's clock" in closed_because(unsure, "usb:0")


# Light, focus, distance


@pytest.fixture
def scene() -> Scene:
    return Scene(read_portraits(), faces=12)


def test_light_is_judged_by_what_an_installer_can_change(scene: Scene) -> None:
    frame = scene.render(3.0)
    boxes = np.array([person.box for person in scene.truth(3.0)], np.float32)
    assert judge_light(frame, boxes).hint == ""
    assert judge_light(frame, NOBODY).hint == ""
    assert "Too dark" in judge_light((frame * 0.2).astype(np.uint8), boxes).hint
    assert "Too bright" in judge_light(np.clip(frame * 2.5, 0, 255).astype(np.uint8), NOBODY).hint
    against = np.full_like(frame, 230)
    for x, y, width, height in boxes.astype(int):
        part = np.s_[y : y + height, x : x + width]
        against[part] = frame[part] // 2
    assert "dark against a bright background" in judge_light(against, boxes).hint
    window = np.zeros_like(frame)
    window[:200] = 255
    light = judge_light(window, NOBODY)
    assert "bright window" in light.hint
    assert light.over == pytest.approx(200 / 720, abs=0.02)
    assert light.under == pytest.approx(520 / 720, abs=0.02)
    # A face at the very edge of the frame, and a frame smaller than what is looked at.
    assert judge_light(frame[:40, :40], np.array([[39, 39, 1, 1]], np.float32)).brightness > 0


def test_sharpness_falls_with_every_turn_of_the_ring_and_not_with_the_light(scene: Scene) -> None:
    frame = scene.render(3.0)
    blurred = [np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8) for sigma in (0.6, 0.9, 1.4, 2.0, 4.0)]
    found = [sharpness(each) for each in (frame, *blurred)]
    assert found == sorted(found, reverse=True)
    assert found[1] < 0.93 * found[0]  # even a slight one is to be seen
    assert sharpness((frame * 0.6).astype(np.uint8)) == pytest.approx(found[0], rel=0.1)
    assert sharpness(np.zeros((9, 9, 3), np.uint8)) == 0


def test_distances_are_those_of_the_table_in_the_readme() -> None:
    for degrees, metre, pixels in ((66, 3, 72), (66, 6, 36), (66, 9, 24), (102, 3, 38), (102, 6, 19), (102, 9, 13)):
        assert metres(pixels, 1280, degrees) == pytest.approx(metre, rel=0.04)
    plain = next(lens for lens in lenses([72, 24], 1280, 24) if lens.degrees == 66)
    assert plain.narrower is None
    assert [round(each or 0) for each in (plain.reach, plain.nearest, plain.farthest)] == [9, 3, 9]
    wide = next(lens for lens in lenses([38, 13], 1280, 24) if lens.degrees == 102)
    assert wide.narrower == 67  # which brings those at 9 m to 24 px, as the table says
    nobody = lenses([], 1280, 24)[0]
    assert (nobody.nearest, nobody.farthest, nobody.narrower) == (None, None, None)


def test_advice_and_sizes() -> None:
    said = advice([72.0, 12.0, 20.0], 24, "for an emotion")
    assert said.startswith("2 of 3 faces are too small for an emotion")
    assert "2.0 times nearer" in said
    assert advice([30.0], 24, "for an emotion") == "All faces are large enough for an emotion."
    assert "wider lens" in advice([60.0], 24, "for an emotion")
    assert "farthest seat" in advice([], 24, "for an emotion")
    rows = by_size([10.0, 23.9, 24.0, 47.0, 48.0, 300.0], 24)
    found = [(row["from"], row["to"], row["faces"]) for row in rows]
    assert found == [(0, 24, 2), (24, 48, 2), (48, 96, 1), (96, None, 1)]
    assert [row["from"] for row in by_size([], 60)] == [0, 60, 96]
