"""`edge setup` and its camera: open only while somebody looks, lost and found again, refused, in use."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.cameras.capture_thread import Frame
from edge.config.schema import Config
from edge.daemon.guarded_camera import GuardedCamera
from edge.daemon.pause_store import Pause, PauseStore
from edge.errors import CameraError
from edge.vision.model_set import ModelChoice, ModelSet
from edge.web import server
from edge.web.keys import OneToken
from edge.web.setup.pages import routes
from edge.web.setup.preview_screen import View
from edge.web.setup.preview_session import Patience, PreviewSession, build_session, with_service
from tests.support.brokers import can_connect, free_port, wait_for
from tests.support.paths import ROOT

Edge = Callable[..., "subprocess.Popen[str]"]
ASKED = {"Authorization": "Bearer correct-horse-battery", "X-Edge-Setup": "1"}  # as the page's script does


# The camera and its viewers


def session_of(config: Config, source: str, patience: Patience | None = None) -> PreviewSession:
    """A session whose file stays as it is."""
    return build_session(config, source, lambda: config, patience=patience or Patience())


@contextmanager
def showing(session: PreviewSession) -> Iterator[tuple[int, threading.Thread]]:
    """The page of a session, served as `edge setup` does; its port and the thread that serves."""
    ready, ports = threading.Event(), []

    def started(port: int, stop: Callable[[], None]) -> None:
        ports.append((port, stop))
        session.start(on_end=stop)
        ready.set()

    app = server.application(routes(session.screen), keys=OneToken("correct-horse-battery"))
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
    connection.request("GET", f"/newest?after={after}", headers=ASKED)
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
    session = session_of(Config(), "sample:5", patience=Patience(idle=6.0, linger=0.5))
    with showing(session) as (port, thread):
        about, jpeg = ask_until_shown(port)
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape[:2] == (720, 1280)
        assert about["size"] == [1280, 720]
        assert {"happy", "neutral"} >= {face["emotion"] for face in about["faces"] if "emotion" in face}
        wait_for(lambda: session.closed, 30, "the camera to be closed")
        assert session.screen.size is None  # nothing of what it saw is kept
        again, _ = ask_until_shown(port)
        assert again["number"] > about["number"]  # it was opened again
        thread.join(60)
        assert not thread.is_alive()
        assert session.closed


def test_a_browser_that_does_not_read_holds_up_nobody_and_is_sent_nothing_old() -> None:
    session = session_of(Config(mode="headcount"), "sample:3")
    with showing(session) as (port, _):
        ask_until_shown(port)  # the slow one asks for a picture that there is
        slow = HTTPConnection("127.0.0.1", port, timeout=60)
        slow.connect()
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.request("GET", "/newest?after=0", headers=ASKED)
        last = 0
        for _ in range(5):
            about, _ = ask_until_shown(port, last)
            assert about["number"] > last
            last = about["number"]
        body = slow.getresponse().read()
        (length,) = struct.unpack_from(">I", body)
        assert cv2.imdecode(np.frombuffer(body[4 + length :], np.uint8), cv2.IMREAD_COLOR) is not None
        slow.close()  # what has waited for so long may be ended by the server's time limit
        slow.request("GET", "/newest?after=1", headers=ASKED)
        (length,) = struct.unpack_from(">I", body := slow.getresponse().read())
        assert json.loads(body[4 : 4 + length])["number"] >= last  # and then the newest
        slow.close()
        for wrong in ("-1", "x", "1" * 30, "%00"):
            assert ask(port, wrong)[0] == 400


def test_an_input_that_ends_is_shown_again_and_one_that_fails_is_tried_again(pictures: str) -> None:
    with showing(session_of(Config(mode="headcount"), pictures)) as (port, _):
        first, _ = ask_until_shown(port)
        second, _ = ask_until_shown(port, first["number"])
        assert second["number"] > first["number"]
        assert "No face is seen" in second["advice"]["text"]
        assert (second["front"], second["judged"], second["better_place"]) == (0, 0, None)
        file = next(Path(pictures.partition(":")[2]).iterdir())
        content = file.read_bytes()
        file.write_bytes(b"no picture")
        wait_for(lambda: bool(ask(port)[1]["problem"]), 60, "the problem to be told")
        file.write_bytes(content)
        ask_until_shown(port)


class CountingCamera(GuardedCamera):
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
        counting = CountingCamera(config, config, config.camera.source)
        session = PreviewSession(config, config.camera.source, models, counting, lambda: config)
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


def test_another_camera_is_shown_once_the_one_before_has_closed(tmp_path: Path) -> None:
    outbox = {"path": str(tmp_path / "o.sqlite")}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        camera = {"source": f"http://127.0.0.1:{silent.getsockname()[1]}/", "open_timeout": 3.0}
        config = Config.model_validate({"mode": "headcount", "camera": camera, "outbox": outbox})
        session = session_of(config, config.camera.source)
        session.start(lambda: None)
        try:
            wait_for(lambda: not session.closed, 20, "the camera to be opened")
            assert session.screen.show_now(View(config, "sample"), 60) == (1280, 720)
        finally:
            session.stop()


# What an installer is told before there is a page


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--host", "0.0.0.0"], 78, "--token-file"),
        (["--token-file", "/nowhere/token"], 78, "No such file"),
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
    done = subprocess.run([sys.executable, "-c", code, "setup"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "./run setup" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_camera_in_use_names_the_service_and_a_missing_one_does_not() -> None:
    held = with_service("camera /dev/video0 cannot be opened: it is in use by edge (process 812); stop that first")
    assert "process 812" in held
    assert "sudo systemctl stop edge" in held
    assert "systemctl" not in with_service("camera /dev/video9 does not exist: plug it in")


def test_a_pause_of_the_room_is_one_of_the_preview(tmp_path: Path) -> None:
    config = Config.model_validate({"mode": "headcount", "outbox": {"path": str(tmp_path / "o.sqlite")}})
    PauseStore(tmp_path / "o.pause").store(Pause("Mrs Doe", "2026-10-04T08:15:00.000Z"))
    session = session_of(config, "usb:0")
    session.start(on_end=lambda: None)
    with pytest.raises(CameraError, match="edge resume"):
        session.screen.show_now(View(config, "usb:1"), 5)
    session.stop()
