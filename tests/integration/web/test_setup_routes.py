"""`edge setup` over real HTTP: from nothing to a file that the daemon starts with, and whoever must not do that."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.config.loader import load_config
from edge.config.schema import CameraConfig, Config
from edge.daemon import mask_guard
from edge.daemon.paths import masks_path
from edge.timing.clock import clock_synced
from edge.web.setup.config_file import RECIPIENT
from tests.support.brokers import Broker, free_port, wait_for
from tests.support.daemon import end, run_sample
from tests.support.faults import SmallDisk, mounted_over_itself
from tests.support.paths import ROOT
from tests.support.setup_page import SetupPage
from tests.support.tls_camera import make_certificates, tls_camera

Edge = Callable[..., "subprocess.Popen[str]"]
Open = Callable[..., SetupPage]
SHIPPED = (ROOT / "config.yaml").read_text()


@pytest.fixture
def setup(edge: Edge, tmp_path: Path) -> Open:
    """Opens the page for a file."""

    def start(file: Path | None = None, *arguments: str) -> SetupPage:
        return SetupPage(edge("setup", "--config", str(file or tmp_path / "c.yaml"), "--port", "0", *arguments))

    return start


def files(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir() if each.name != "state"}


# From nothing to a valid file


def test_from_no_file_to_one_that_the_daemon_starts_with(setup: Open, tmp_path: Path) -> None:
    page = setup()
    state = page.get("/api/state")
    assert (state["file"], state["can_restart"], state["password"]) == (str(tmp_path / "c.yaml"), False, "none")
    assert state["values"] == {**state["defaults"], "mode": "headcount"}  # until somebody answers for more
    assert state["mode_in_file"] is None
    assert page.change(mode="emotions")[0] == 200
    assert page.get("/api/difference")["difference"] == ""
    status, told = page.change(camera__source="usb:0", device__name="hall")
    assert status == 200
    assert [each["key"] for each in told["problems"]] == ["camera.source"]
    status, told = page.save()
    assert status == 422
    assert "deployment.responsible" in told["problem"]
    assert files(tmp_path) == set()
    page.change(deployment__responsible="Jane: #1", deployment__legal_basis="no")
    shown = page.get("/api/difference")["difference"].splitlines()
    assert sum(line.startswith("+ ") for line in shown) == 4
    status, told = page.save()
    assert (status, told["saved"], told["backup"]) == (200, str(tmp_path / "c.yaml"), None)
    assert told["next"].endswith(f"then start: edge run --config {tmp_path / 'c.yaml'}")
    config = load_config(tmp_path / "c.yaml")
    assert (config.camera.source, config.deployment.responsible) == ("usb:0", "Jane: #1")
    assert config.deployment.legal_basis == "no"
    page.change(device__name="yard")
    _, told = page.save()
    assert Path(told["backup"]).read_text().count("hall") == 1


def test_after_saving_the_terminal_says_what_to_type(
    setup: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_COMMAND", "./run")
    monkeypatch.chdir(tmp_path)
    for name, command in (("config.yaml", "./run"), ("my room.yaml", "./run --config 'my room.yaml'")):
        page = setup(Path(name), "--set", "mode=headcount")
        page.change(device__name="hall")
        _, told = page.save()
        assert told["next"].endswith(f"then start: {command}")
        page.process.send_signal(signal.SIGINT)
        assert page.process.stdout is not None
        out = page.process.stdout.read()
        assert f"ssh -L {page.port}:127.0.0.1:{page.port} " in out
        assert "--host 0.0.0.0 --token-file FILE" in out
        assert f"{name} is saved. {told['next']}" in out


def test_export_is_yaml_of_what_differs_for_other_devices(setup: Open, edge: Edge, tmp_path: Path) -> None:
    page = setup()
    page.change(mode="headcount", privacy__schedule=[{"from": "10:00", "to": "11:00"}], privacy__time_zone="UTC")
    text = page.ask("GET", "/api/export")[1].decode()
    assert text.splitlines()[0] == "mode: headcount"
    page.save()
    out, _ = edge("setup", "--config", str(tmp_path / "c.yaml"), "--export").communicate(timeout=60)
    assert out == text
    (tmp_path / "other.yaml").write_text(text)
    assert load_config(tmp_path / "other.yaml") == load_config(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "c.yaml does not exist"), ("mode: heads\nwindow: {seconds: 9}\n", "mode:")]
)
def test_nothing_is_exported_of_a_file_that_is_wrong_or_not_there(
    edge: Edge, tmp_path: Path, content: str | None, said: str
) -> None:
    if content:
        (tmp_path / "c.yaml").write_text(content)
    process = edge("setup", "--config", "c.yaml", "--export")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (78, "")
    assert said in err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_file_in_the_current_folder_is_not_set_up(edge: Edge, tmp_path: Path) -> None:
    """It would say to which broker our password goes."""
    (tmp_path / "config.yaml").write_text("mode: headcount\n")
    os.chown(tmp_path / "config.yaml", 12345, 12345)
    process = edge("setup", "--export")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (78, "")
    assert "belongs to another user (uid 12345)" in err
    out, _ = edge("setup", "--config", "config.yaml", "--export").communicate(timeout=60)
    assert out == "mode: headcount\n"


def test_a_page_opens_without_a_camera_and_one_is_chosen_in_it(setup: Open) -> None:
    page = setup(None, "--set", "mode=headcount")
    status, told = page.open_camera({"source": "sample:7", "rotation": 90})
    assert (status, told) == (200, {"ok": True, "picture": [720, 1280], "opened": "sample:7"})
    assert page.get("/api/state")["source"] == "sample:7"
    assert page.get("/api/state")["values"]["camera.source"] == "auto"  # only looked at
    status, told = page.open_camera({"source": "/dev/video99"})
    assert status == 422
    assert "does not exist" in told["problem"]
    assert page.open_camera({"source": "nonsense"})[0] == 422
    found = page.get("/api/cameras")
    assert found["cameras"][-1]["source"] == "sample"


def test_a_film_or_a_folder_of_pictures_is_chosen_by_its_path(
    setup: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    picture = tmp_path / "films/a [1].png"
    picture.write_bytes(cv2.imencode(".png", np.zeros((240, 320, 3), np.uint8))[1].tobytes())
    film = tmp_path / "films/b.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for _ in range(5):
        writer.write(np.zeros((240, 320, 3), np.uint8))
    writer.release()
    page = setup(None, "--set", "mode=headcount")
    for typed, source in (
        (str(film), f"file:{film}"),
        ("~/films/b.avi", f"file:{film}"),
        ("films", f"images:{tmp_path}/films"),
        ("./films/a [1].png", f"images:{tmp_path}/films/a [[]1].png"),
    ):
        status, told = page.open_camera({"source": typed})
        assert (status, told.get("opened"), told.get("picture")) == (200, source, [320, 240])
        assert page.change(camera__source=typed)[1]["values"]["camera.source"] == source
    for typed in ("films/c.avi", "~/c.avi", str(tmp_path / "none")):
        status, told = page.open_camera({"source": typed})
        assert (status, told["key"]) == (422, "camera.source")
        assert "there is no file " + str(tmp_path) in told["problem"]
        assert page.change(camera__source=typed)[1]["problem"] == told["problem"]
    assert f"there is no file {tmp_path}/none" in page.open_camera({"source": "file:none.avi"})[1]["problem"]
    assert page.open_camera({"source": f"images:{tmp_path}/fil*/*[[]1].p*"})[0] == 200
    for typed in ("nonsense", "htp://camera/x", "~nobody-here/a.avi"):
        assert "there is no file" not in page.open_camera({"source": typed})[1]["problem"]
    assert page.get("/api/state")["clock_synced"] == clock_synced()


ELSEWHERE = "this page opens live cameras, the sample room, and films and pictures below "


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder with a picture that has nothing to do with the room, whose configuration lies in another one."""
    for name in ("private", "room"):
        (tmp_path / name).mkdir()
    picture = cv2.imencode(".png", np.zeros((240, 320, 3), np.uint8))[1].tobytes()
    (tmp_path / "private/holiday.png").write_bytes(picture)
    return tmp_path / "private"


def test_what_lies_elsewhere_is_not_opened_from_the_page_and_nobody_learns_whether_it_is_there(
    setup: Open, tmp_path: Path, private: Path
) -> None:
    room = tmp_path / "room"
    (room / "link").symlink_to(private)
    page = setup(room / "c.yaml", "--set", "mode=headcount")
    folders = [private, tmp_path / "none", room / "link", f"{room}/../private", f"{room}/l*k", f"{tmp_path}/p*"]
    forms = (
        "{}/holiday.png", "images:{}", "images:{}/*", "images:{}/holiday.png", "file:{}/holiday.png",
        "/dev/..{}/holiday.png", "gstreamer:filesrc location={}/holiday.png ! decodebin",
    )  # fmt: skip
    sources = [form.format(folder) for form in forms for folder in folders]
    sources += ["~/a.png", "~nobody-here/a.png", "~root/a.png", "/etc/shadow", "/etc/shadow-none"]
    answers = set()
    for source in sources:
        for status, told in (page.open_camera({"source": source}), page.change(camera__source=source)):
            answers.add((status, told["key"], told["problem"], told["remedy"]))
    by_hand = f"write any other camera.source into {room}/c.yaml by hand"
    assert answers == {(422, "camera.source", f"{ELSEWHERE}{room}", by_hand)}
    assert page.get("/api/state")["values"]["camera.source"] == "auto"


def test_a_folder_whose_pictures_are_links_to_elsewhere_is_not_opened_from_the_page(
    setup: Open, tmp_path: Path, private: Path
) -> None:
    room = tmp_path / "room"
    (room / "pictures [1]").mkdir()
    (room / "notes.txt").symlink_to(private / "holiday.png")  # no picture by its name
    shutil.copy(private / "holiday.png", room / "pictures [1]/a.png")
    (room / "pictures [1]/b.png").symlink_to("a.png")
    page = setup(room / "c.yaml", "--set", "mode=headcount")
    pictures = room / "pictures [1]"
    for typed in (f"images:{pictures}", str(pictures), f"images:{room}"):
        assert page.change(camera__source=typed)[0] == 200
    page.change(camera__source="auto")
    (pictures / "c.JPG").symlink_to(private / "holiday.png")
    for typed in (f"images:{pictures}", str(pictures), "pictures [1]", f"images:{pictures}/"):
        for status, told in (page.open_camera({"source": typed}), page.change(camera__source=typed)):
            assert (status, told["key"]) == (422, "camera.source")
            assert told["problem"] == f"{pictures}/c.JPG is a link, and leads out of {room}"
            assert told["remedy"].endswith("by hand")


def test_what_the_file_says_by_hand_may_lie_elsewhere(setup: Open, tmp_path: Path, private: Path) -> None:
    file = tmp_path / "room/c.yaml"
    file.write_text(f"mode: headcount\ncamera: {{source: 'images:{private}'}}\n")
    page = setup(file)
    assert page.change(camera__source="sample")[0] == 200
    assert page.open_camera({"source": f"images:{private}"})[1].get("picture") == [320, 240]
    assert page.change(camera__source=f"images:{private}")[0] == 200
    assert ELSEWHERE in page.open_camera({"source": f"images:{private}/*"})[1]["problem"]


def test_every_live_camera_is_chosen_from_the_page(setup: Open) -> None:
    page = setup()
    for camera in ("gstreamer:csi", "gstreamer:csi:1", "/dev/video99", "usb:99", "picamera", "rtsp://127.0.0.1:9"):
        assert page.change(camera__source=camera)[1]["values"]["camera.source"] == camera


def test_without_its_ca_file_a_stored_address_is_sent_to_nobody(setup: Open, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="OpenCV decodes video, and checks no certificates")
    make_certificates(tmp_path)
    file = tmp_path / "c.yaml"
    with tls_camera(tmp_path / "stranger.pem") as stranger:  # in the camera's place
        address = stranger.url("rtsps")
        file.write_text(f"mode: headcount\ncamera: {{source: '{address}', ca_file: '{tmp_path}/ca.pem'}}\n")
        page, before = setup(file), file.read_text()
        status, state = page.change(camera__ca_file=None)
        assert (status, [each["key"] for each in state["problems"]]) == (200, ["camera.source"])
        assert "another camera.ca_file" in page.picture_problem()
        assert "another camera.ca_file" in page.save()[1]["problem"]
        for source in ({}, {"source": state["values"]["camera.source"]}):
            assert "another camera.ca_file" in page.open_camera(source)[1]["problem"]
        assert (stranger.asked, file.read_text()) == ([], before)
        page.open_camera({"source": address})  # which a person has typed, and wants so
        assert ("OPTIONS", True) in stranger.asked
        assert page.change(camera__source=address)[1]["problems"] == []
        assert page.save()[0] == 200


def test_an_address_is_not_opened_for_another_ca_file_than_it_was_typed_for(setup: Open, tmp_path: Path) -> None:
    pytest.importorskip("av", reason="OpenCV decodes video, and checks no certificates")
    make_certificates(tmp_path)
    file = tmp_path / "c.yaml"
    with tls_camera(tmp_path / "stranger.pem") as stranger:  # in the camera's place
        typed = {"source": stranger.url("rtsps")}
        before = typed["source"].replace("geheim", "old-one")
        file.write_text(f"mode: headcount\ncamera: {{source: '{before}', ca_file: '{tmp_path}/ca.pem'}}\n")
        page = setup(file)
        seen = page.in_sight()
        page.change(camera__ca_file=None)  # in another browser, while the person types
        change = {"set": {"camera.source": typed["source"]}}
        for revision in (seen["revision"], page.in_sight()["revision"]):  # a page may follow that by itself
            beside = {**seen, "revision": revision}
            for path, body in (("/api/camera", typed), ("/api/change", change)):
                status, told = page.post(path, {**beside, **body})
                assert (status, "beside another camera.ca_file" in told["problem"]) == (409, True)
        page.change(camera__ca_file=f"{tmp_path}/ca.pem")
        assert page.post("/api/camera", {**seen, **typed})[0] == 409  # as everything that is said of an older draft
        for missing in ("recipient", "revision"):
            part = {name: value for name, value in page.in_sight().items() if name != missing}
            assert page.post("/api/camera", {**part, **typed})[0] == 400
            assert page.post("/api/change", {**part, **change})[0] == 400
        assert "certificate" in page.open_camera(typed)[1]["problem"]
        assert stranger.asked == []


def test_a_broker_is_tried_as_the_page_shows_it_only(setup: Open) -> None:
    page = setup(None, "--set", "mode=headcount")
    seen = page.in_sight()
    page.change(mqtt__broker="mqtt://127.0.0.1:9")
    assert page.post("/api/connect/try", seen)[0] == 409
    assert page.try_broker()[0]["status"] == "failed"


def test_files_that_cannot_be_read_at_all_end_it_with_a_sentence(edge: Edge, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    for content, words in ((b"device: {name: [\n", "is not valid YAML"), (b"\xff\xfe", "is not UTF-8")):
        file.write_bytes(content)
        process = edge("setup", "--config", str(file), "--port", "0")
        _, err = process.communicate(timeout=60)
        assert process.returncode == 78
        assert words in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mode: emotions\ndeployment: {responsible: Jane, legal_basis: vote 7}\n", "emotions"),
        ("deployment: {responsible: Jane, legal_basis: vote 7}\n", "emotions"),
        ("window: {seconds: 30}\n", "headcount"),  # as a file of 0.2.0, and nobody named
        ("mode: facing\n", "headcount"),
    ],
)
def test_what_a_save_changes_of_what_is_measured_is_in_the_state(
    setup: Open, tmp_path: Path, before: str, after: str
) -> None:
    (tmp_path / "c.yaml").write_text(before)
    page = setup(None, "--set", "camera.source=sample:3")
    state = page.get("/api/state")
    assert state["mode_in_file"] == ("facing" if "facing" in before else "emotions")
    assert state["values"]["mode"] == after
    assert page.change(device__name="hall")[0] == 200
    assert page.save()[0] == 200
    assert load_config(tmp_path / "c.yaml").mode == after
    assert page.get("/api/state")["mode_in_file"] == after


def test_a_file_with_mistakes_opens_says_them_and_can_be_mended(setup: Open, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("mode: headcount # least\ncamera: {sourc: usb:0, rotation: 45}\n")
    page = setup()
    assert {each["key"] for each in page.get("/api/state")["problems"]} == {"camera.sourc", "camera.rotation"}
    assert page.save()[0] == 422
    assert page.change("camera.sourc", camera__rotation=90)[1]["problems"] == []
    assert page.save()[0] == 200
    assert (tmp_path / "c.yaml").read_text() == "mode: headcount # least\ncamera: {rotation: 90}\n"


def test_on_an_installed_device_the_result_is_handed_over_and_root_installs_it(
    edge: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etc, folder, credentials = tmp_path / "etc", tmp_path / "run", tmp_path / "credentials"
    for each in (etc, folder, credentials):
        each.mkdir(mode=0o700)
    (credentials / "mqtt-password").write_text("\n")  # systemd's, where there is no file
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    file, secret = etc / "config.yaml", etc / "mqtt-password"
    file.write_text("# mine\nmode: headcount\n")
    page = SetupPage(edge("setup", "--config", str(file), "--hand-over", str(folder), "--port", "0"))
    state = page.get("/api/state")
    assert (state["can_restart"], state["password"]) == (True, "none")
    page.change(device__name="hall", mqtt__broker=f"mqtt://127.0.0.1:{free_port()}", mqtt__username="room")
    page.give_password("geheim-17")
    status, told = page.save()
    assert (status, told["restarted"]) == (200, True)
    out, err = page.process.communicate(timeout=30)  # it ends by itself
    assert page.process.returncode == 0, err
    assert file.read_text() == "# mine\nmode: headcount\n"
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    root = edge("setup", "--config", str(file), "--install-from", str(folder), "--password-to", str(secret))
    said, err = root.communicate(timeout=30)
    assert root.returncode == 0, err
    assert f"{file} is installed" in said
    config = load_config(file)
    assert (config.device.name, config.mqtt.password_file) == ("hall", None)
    assert file.read_text().startswith("# mine\nmode: headcount\n")
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("geheim-17\n", 0o600)
    assert "geheim-17" not in out + said + err + file.read_text()
    again = edge("setup", "--config", str(file), "--install-from", str(folder), "--password-to", str(secret))
    assert "changed by somebody else" in again.communicate(timeout=30)[1]


# The broker


def test_the_password_goes_into_a_file_of_its_own_and_nowhere_else(
    setup: Open, tmp_path: Path, start_broker: Callable[..., Broker]
) -> None:
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        pytest.skip("mosquitto_passwd is not installed")
    users = tmp_path / "users"
    subprocess.run([tool, "-b", "-c", str(users), "room", "geheim-17"], check=True)
    users.chmod(0o644)
    port = start_broker("allow_anonymous false", f"password_file {users}").port
    page = setup(None, "--set", "mode=headcount")
    page.change(mqtt__broker=f"mqtt://127.0.0.1:{port}", mqtt__username="room")
    (check,) = page.try_broker()
    assert (check["status"], check["remedy"]) == ("failed", "fill in the password above, then try again")
    assert page.give_password("wrong")[0] == 200
    (check,) = page.try_broker()
    assert check["remedy"].startswith("check the user name, type the password again, then try again. ")
    assert (
        "the user name or the password is wrong, or the user has no rights there, or is for another client id"
        in (check["text"])
    )
    page.change(mqtt__username=None)
    assert page.try_broker()[-1]["remedy"] == "fill in user name and password above, then try again"
    page.change(mqtt__username="room")
    assert page.give_password("geheim-17")[0] == 200
    assert page.get("/api/state")["password"] == "given"
    checks = page.try_broker()
    assert [each["status"] for each in checks] == ["ok", "ok"]
    assert "round trip" in checks[0]["text"]
    seen = json.dumps([page.get("/api/state"), page.get("/api/difference"), checks])
    assert page.save()[0] == 200
    secret = tmp_path / "c.mqtt-password"
    assert secret.read_text() == "geheim-17\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert load_config(tmp_path / "c.yaml").mqtt.password_file == str(secret)
    assert page.get("/api/state")["password"] == "stored"
    page.process.terminate()
    out, err = page.process.communicate(timeout=60)
    assert "geheim-17" not in seen + out + err + (tmp_path / "c.yaml").read_text()


def test_a_password_is_not_written_wherever_a_page_likes(setup: Open, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("old\n")
    page = setup(None, "--set", "mode=headcount")
    page.change(mqtt__broker="mqtt://127.0.0.1:1", mqtt__username="room")
    status, told = page.change(mqtt__password_file=str(mine))
    assert (status, told["key"]) == (422, "mqtt.password_file")
    page.give_password("geheim-17")
    assert page.save()[0] == 200
    assert mine.read_text() == "old\n"


def test_a_password_goes_into_the_file_that_a_person_named_and_nobody_else_can_read_it(
    setup: Open, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("old\n")
    mine.chmod(0o644)
    (tmp_path / "c.yaml").write_text(
        f"mode: headcount\nmqtt: {{broker: 'mqtt://127.0.0.1:1', username: room, password_file: {mine}}}\n"
    )
    page = setup()
    page.give_password("geheim-17")
    assert page.save()[0] == 200
    assert (mine.read_text(), mine.stat().st_mode & 0o777) == ("geheim-17\n", 0o600)


class Eavesdropper:
    """Takes connections as a broker would, and remembers what it is told first."""

    def __init__(self) -> None:
        self.heard = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                connection, _ = self._server.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    self.heard += connection.recv(4096)

    def stop(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)


@pytest.fixture
def eavesdroppers() -> Iterator[tuple[Eavesdropper, Eavesdropper]]:
    """Two brokers."""
    both = Eavesdropper(), Eavesdropper()
    yield both
    for each in both:
        each.stop()


@pytest.fixture
def with_password(tmp_path: Path, eavesdroppers: tuple[Eavesdropper, Eavesdropper]) -> Path:
    """A configuration whose password is stored for user room at the first broker."""
    (tmp_path / "secret").write_text("geheim-17\n")
    (tmp_path / "secret").chmod(0o600)
    file = tmp_path / "c.yaml"
    broker = f"broker: '{eavesdroppers[0].url}', username: room, password_file: {tmp_path}/secret"
    file.write_text(f"mode: headcount\nmqtt: {{{broker}}}\n")
    return file


def ask_for_everything(page: SetupPage) -> str:
    """All that a page does with a broker; what the trial says."""
    (check,) = page.try_broker()
    page.ask("GET", "/api/connect/rooms")
    page.ask("GET", "/api/support")
    return f"{check['status']}: {check['text']}: {check['remedy']}"


@pytest.mark.parametrize("changed", ["mqtt__broker", "mqtt__username"])
def test_a_password_that_was_given_is_saved_for_no_other_broker_and_user(
    setup: Open, with_password: Path, changed: str
) -> None:
    page = setup()
    assert page.give_password("of this one")[0] == 200
    other = {"mqtt__broker": "mqtt://127.0.0.1:9", "mqtt__username": "other"}[changed]
    status, state = page.change(**{changed: other})
    assert (status, state["password"]) == (200, "again")
    status, told = page.save()
    assert (status, told["key"]) == (422, "mqtt.password_file")
    assert other not in with_password.read_text()


@pytest.mark.parametrize("changed", ["broker", "port", "TLS", "user", "authority"])
def test_a_stored_password_goes_to_no_other_broker_and_user_than_it_is_for(
    setup: Open, with_password: Path, eavesdroppers: tuple[Eavesdropper, Eavesdropper], changed: str
) -> None:
    mine, other = eavesdroppers
    port = mine.url.rpartition(":")[2]
    values = {
        "broker": {"mqtt__broker": f"mqtt://localhost:{port}"}, "port": {"mqtt__broker": other.url},
        "TLS": {"mqtt__broker": f"mqtts://127.0.0.1:{port}"}, "user": {"mqtt__username": "other"},
        "authority": {"mqtt__ca_file": str(with_password)},
    }[changed]  # fmt: skip
    if changed == "authority":  # there is one with TLS only
        with_password.write_text(with_password.read_text().replace("mqtt://", "mqtts://"))
    page, before = setup(), with_password.read_text()
    status, state = page.change(**values)
    assert (status, state["password"]) == (200, "again")
    assert [each["key"] for each in state["problems"]] == ["mqtt.password_file"]
    assert "failed: the password is for another broker or user" in ask_for_everything(page)
    status, told = page.save()
    assert (status, told["key"]) == (422, "mqtt.password_file")
    assert with_password.read_text() == before
    assert b"geheim-17" not in mine.heard + other.heard
    page.give_password("geheim-18")
    state = page.get("/api/state")
    assert (state["password"], state["problems"]) == ("given", [])
    if changed == "port":
        ask_for_everything(page)
        assert b"geheim-18" in other.heard
        assert b"geheim-17" not in other.heard  # the support file would have the stored one
        assert page.save()[0] == 200
        assert "room" in with_password.read_text()
        page.change(mqtt__broker=mine.url)  # it is for the other one now
        assert page.get("/api/state")["password"] == "again"


@pytest.mark.parametrize("changed", ["broker", "embedded_port", "ca_file", "username"])
def test_a_password_is_not_kept_for_another_broker_than_it_was_typed_for(
    setup: Open, eavesdroppers: tuple[Eavesdropper, Eavesdropper], changed: str
) -> None:
    mine, other = eavesdroppers
    page = setup(None, "--set", "mode=headcount")
    page.change(mqtt__broker=mine.url, mqtt__username="room")
    seen = page.get("/api/state")
    beside = {key: seen["values"][key] for key in RECIPIENT}
    theirs = {"broker": other.url, "embedded_port": 1999, "ca_file": "/etc/ca.pem", "username": "me"}[changed]
    page.change(**{f"mqtt__{changed}": theirs})  # by somebody else, while the person types
    now = page.get("/api/state")["revision"]  # a page follows that by itself
    for revision in (seen["revision"], now):
        given = {"password": "geheim-17", "recipient": beside, "revision": revision}
        status, told = page.post("/api/connect/password", given)
        assert (status, "typed for another broker" in told["problem"]) == (409, True)
        assert "type it again" in told["remedy"]
    page.change(**{f"mqtt__{changed}": seen["values"][f"mqtt.{changed}"]})
    given = {"password": "geheim-17", "recipient": beside, "revision": seen["revision"]}
    assert page.post("/api/connect/password", given)[0] == 409  # as everything that is said of an older draft
    for missing in ("recipient", "revision"):
        part = {name: value for name, value in given.items() if name != missing}
        assert page.post("/api/connect/password", part)[0] == 400
    assert page.get("/api/state")["password"] == "none"
    ask_for_everything(page)
    assert b"geheim" not in mine.heard + other.heard
    assert page.give_password("geheim-17")[0] == 200
    assert page.post("/api/connect/password", {"password": None, **page.in_sight()})[1] == {"password": "none"}


@pytest.mark.parametrize("theirs", ["wrong-18", None])
def test_a_password_that_somebody_has_not_seen_is_neither_replaced_nor_saved(
    setup: Open, tmp_path: Path, theirs: str | None
) -> None:
    page = setup(None, "--set", "mode=headcount")
    page.change(mqtt__broker="mqtt://10.9.9.9:1883", mqtt__username="room")
    before = page.get("/api/state")
    beside = {key: before["values"][key] for key in RECIPIENT}
    assert page.give_password("right-17")[0] == 200
    seen = page.get("/api/state")["revision"]
    given = {"password": theirs, "recipient": beside, "revision": before["revision"]}
    for path, body in (("/api/connect/password", given), ("/api/connect/try", given), ("/api/save", given)):
        assert page.post(path, body)[0] == 409, f"{path}: this page says that there is none"
    assert page.post("/api/connect/password", {**given, "revision": seen})[0] == 200
    assert page.post("/api/save", {"revision": seen})[0] == 409
    assert not list(tmp_path.glob("*password*"))


def test_a_stored_password_goes_where_it_is_for(
    setup: Open, with_password: Path, eavesdroppers: tuple[Eavesdropper, Eavesdropper]
) -> None:
    page = setup(with_password)
    page.change(device__name="hall", mqtt__broker=f"{eavesdroppers[0].url}/")  # in other words the same
    assert page.get("/api/state")["password"] == "stored"
    ask_for_everything(page)
    assert b"geheim-17" in eavesdroppers[0].heard


def test_a_password_of_systemd_does_not_follow_a_file_that_names_another_broker_by_and_by(
    setup: Open,
    tmp_path: Path,
    eavesdroppers: tuple[Eavesdropper, Eavesdropper],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine, other = eavesdroppers
    (tmp_path / "mqtt-password").write_text("geheim-17\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "c.yaml").write_text(f"mode: headcount\nmqtt: {{broker: '{mine.url}', username: room}}\n")
    page = setup()
    ask_for_everything(page)
    assert b"geheim-17" in mine.heard
    page.change(mqtt__broker=other.url, mqtt__username=None)
    ask_for_everything(page)  # nobody is shown the password, so nobody has to type it
    assert page.save()[0] == 200
    page.change(mqtt__username="room")
    assert page.get("/api/state")["password"] == "again"
    assert "another broker or user" in ask_for_everything(page)
    assert page.save()[0] == 422
    assert other.heard
    assert b"geheim" not in other.heard


def test_a_password_that_was_given_goes_to_no_other_broker_either(
    setup: Open, eavesdroppers: tuple[Eavesdropper, Eavesdropper]
) -> None:
    page = setup(None, "--set", "mode=headcount")
    page.change(mqtt__broker=eavesdroppers[0].url, mqtt__username="room")
    page.give_password("geheim-17")
    page.change(mqtt__broker=eavesdroppers[1].url)  # by somebody else who has the page open
    assert page.get("/api/state")["password"] == "again"
    assert "another broker or user" in ask_for_everything(page)
    assert page.save()[0] == 422
    page.change(mqtt__broker=eavesdroppers[0].url)
    ask_for_everything(page)
    assert b"geheim-17" in eavesdroppers[0].heard
    assert b"geheim-17" not in eavesdroppers[1].heard


def test_a_new_name_of_the_room_confirms_no_masks(setup: Open, tmp_path: Path) -> None:
    masks = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))
    outbox = tmp_path / "state"
    file = tmp_path / "c.yaml"
    shape = [[list(point) for point in masks]]
    file.write_text(f"mode: headcount\ncamera: {{source: sample, masks: {shape}}}\noutbox: {{path: {outbox}/o}}\n")
    outbox.mkdir()
    config = load_config(file)
    mask_guard.confirm(masks_path(config), config.camera)
    page = setup(file)
    page.change(camera__rotation=180, outbox__path=f"{outbox}/other")
    assert page.get("/api/state")["masks_confirmed"] is False
    assert page.save()[0] == 200
    new = load_config(file)
    assert mask_guard.problem(masks_path(new), new.camera)


def test_the_notice_and_the_support_file_are_about_the_draft(setup: Open, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("camera: {rotation: 45}\nmode: headcount\n")  # a mistake keeps neither away
    page = setup()
    page.change(device__name="hall-17", deployment__responsible="Jane Doe <head>")
    status, body = page.ask("GET", "/notice?language=de")
    assert status == 200
    assert b"Jane Doe &lt;head&gt;" in body
    status, body = page.ask("GET", "/api/support")
    assert status == 200
    assert body.startswith(b"Support file of edge")
    assert b"Jane" not in body


def test_rooms_that_are_there_are_named_and_a_name_that_is_taken_is_warned_of(
    setup: Open, broker: int, subscribe: Callable[..., Any]
) -> None:
    client = subscribe(broker)._client
    client.publish("classroom/hall/availability", "online", 1, retain=True).wait_for_publish(10)
    client.publish("classroom/yard/availability", "offline", 1, retain=True).wait_for_publish(10)
    page = setup(None, "--set", "mode=headcount")
    page.change(mqtt__broker=f"mqtt://127.0.0.1:{broker}", device__name="hall")
    for name, status in (("hall", "warning"), ("yard", "warning"), ("cellar", "ok")):
        page.change(device__name=name)
        checks = page.try_broker()
        assert [each["status"] for each in checks] == ["ok", status]
        assert name in checks[1]["text"]
        assert page.get("/api/connect/rooms") == {"rooms": ["hall", "yard"], "name": checks[1]}


def test_this_device_itself_is_no_other_room(
    setup: Open, edge: Edge, broker: int, subscribe: Callable[..., Any]
) -> None:
    # The daemon runs, with an outbox that was made a moment ago, and holds it.
    process = run_sample(edge, broker, "device.name=hall", "mode=headcount", "window.seconds=6")
    subscribe(broker, "classroom/hall/latest").wait("latest")
    page = setup(None, "--set", "mode=headcount")
    page.change(mqtt__broker=f"mqtt://127.0.0.1:{broker}", device__name="hall")
    for _ in ("while it runs", "when it has ended"):
        found = page.get("/api/connect/rooms")
        assert (found["rooms"], found["name"]["status"]) == ([], "ok")
        assert page.try_broker()[1] == found["name"]
        if process.poll() is None:
            end(process)
    elsewhere = setup(None, "--set", "mode=headcount", "--set", "outbox.path=/nowhere/o.sqlite")
    elsewhere.change(mqtt__broker=f"mqtt://127.0.0.1:{broker}", device__name="hall")
    assert elsewhere.get("/api/connect/rooms")["name"]["status"] == "warning"


def test_a_broker_that_is_not_there_and_tls_files_that_are_not(setup: Open, tmp_path: Path) -> None:
    page = setup(None, "--set", "mode=headcount")
    page.change(mqtt__broker=f"mqtt://127.0.0.1:{free_port()}")
    (check,) = page.try_broker()
    assert (check["status"], bool(check["remedy"])) == ("failed", True)
    page.change(mqtt__broker="mqtts://127.0.0.1:8883", mqtt__ca_file=str(tmp_path / "none.pem"))
    (check,) = page.try_broker()
    assert "none.pem" in check["text"]
    status, told = page.save()
    assert status == 422
    assert "none.pem" in told["problem"]
    for password in ("", "a\nb", "x" * 5000, 7):
        assert page.give_password(password)[0] in (400, 422)


# Masks


def test_masks_in_a_picture_that_is_turned_are_confirmed_before_they_are_saved(setup: Open, tmp_path: Path) -> None:
    triangle = [[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]]
    page = setup(None, "--set", "mode=headcount", "--set", "camera.source=sample:5")
    page.change(camera__masks=[triangle], outbox__path=str(tmp_path / "o.sqlite"))
    assert page.get("/api/state")["masks_confirmed"]
    config = Config.model_validate({"camera": {"masks": [triangle]}, "outbox": {"path": str(tmp_path / "o.sqlite")}})
    mask_guard.confirm(masks_path(config), config.camera)
    _, state = page.change(camera__rotation=90)
    assert not state["masks_confirmed"]
    assert page.post("/api/masks/confirm", {"revision": 1})[0] == 409
    status, state = page.post("/api/masks/confirm", {"revision": state["revision"]})
    assert (status, state["masks_confirmed"]) == (200, True)
    assert mask_guard.problem(masks_path(config), load_camera(page)) != ""  # nothing is in force yet
    assert page.save()[0] == 200
    assert mask_guard.problem(masks_path(config), load_config(tmp_path / "c.yaml").camera) == ""
    assert f"\n    - {triangle}\n" in (tmp_path / "c.yaml").read_text()


def load_camera(page: SetupPage) -> CameraConfig:
    values = page.get("/api/state")["values"]
    return CameraConfig(masks=values["camera.masks"], rotation=values["camera.rotation"])


# Two at once, and somebody else


def test_two_browsers_do_not_overwrite_each_other(setup: Open) -> None:
    page = setup(None, "--set", "mode=headcount")
    seen = page.get("/api/state")["revision"]

    def turn(degrees: int) -> int:
        return page.post("/api/change", {"revision": seen, "set": {"camera.rotation": degrees}})[0]

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(turn, (90, 180, 270))) == [200, 409, 409]
    status, told = page.post("/api/save", {"revision": seen})
    assert (status, "in another browser" in told["problem"]) == (409, True)


def test_a_file_that_somebody_edits_meanwhile_is_not_overwritten(setup: Open, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("mode: headcount\n")
    page = setup()
    page.change(camera__rotation=90)
    file.write_text("mode: headcount\ndevice: {name: hall}\n")
    status, told = page.save()
    assert status == 422
    assert "changed by somebody else" in told["problem"]
    assert file.read_text() == "mode: headcount\ndevice: {name: hall}\n"
    assert page.save()[0] == 200  # now that theirs has been seen
    config = load_config(file)
    assert (config.device.name, config.camera.rotation) == ("hall", 90)


def test_a_full_disk_is_a_sentence_and_the_old_file_is_intact(setup: Open, disk: SmallDisk) -> None:
    file = disk.folder / "c.yaml"
    file.write_text(SHIPPED)
    page = setup(file, "--set", "mode=headcount")
    page.change(camera__rotation=90)
    page.change(mqtt__username="room")
    page.give_password("geheim")
    disk.fill()
    status, told = page.save()
    assert status == 422
    assert "No space left on device" in told["problem"]
    assert told["remedy"] == "make room on the disk"
    assert file.read_text() == SHIPPED
    assert {each.name for each in disk.folder.iterdir()} == {"c.yaml", "filler"}
    disk.clear()
    assert page.save()[0] == 200


def test_a_file_that_cannot_be_replaced_keeps_its_password(setup: Open, with_password: Path) -> None:
    """As one that is mounted into a container by itself: its broker must not be shown the new broker's password."""
    before, secret = with_password.read_text(), with_password.with_name("secret")
    page = setup(with_password)
    page.change(mqtt__broker="mqtts://new.broker.example:8883")
    page.give_password("new-17")
    with mounted_over_itself(with_password):
        status, told = page.save()
        assert (status, "busy); what was there is as it was" in told["problem"]) == (422, True)
    assert (with_password.read_text(), secret.read_text()) == (before, "geheim-17\n")
    assert files(with_password.parent) == {"c.yaml", "secret"}
    assert page.save()[0] == 200
    assert secret.read_text() == "new-17\n"
    assert len(files(with_password.parent)) == 3  # and a backup


def test_killed_between_two_files_no_broker_is_shown_the_password_of_the_other(
    setup: Open, edge: Edge, with_password: Path, eavesdroppers: tuple[Eavesdropper, Eavesdropper]
) -> None:
    mine, other = eavesdroppers
    page = setup(with_password)
    page.change(mqtt__broker=other.url)
    page.give_password("new-17")
    with killed_at_rename(page.process.pid, 2), contextlib.suppress(OSError, HTTPException):
        page.save()
    assert page.process.wait(30) == -signal.SIGKILL
    daemon = edge("run", "--config", str(with_password), "--set", "camera.source=sample")
    assert "saving it was interrupted: give the password again in edge setup" in daemon.communicate(timeout=60)[1]
    assert daemon.returncode == 78
    page = setup(with_password)
    assert page.get("/api/state")["password"] == "none"
    page.change(mqtt__broker=other.url)
    page.give_password("new-17")
    ask_for_everything(page)
    assert page.save()[0] == 200
    assert b"geheim-17" not in mine.heard + other.heard
    assert b"new-17" in other.heard
    assert b"new-17" not in mine.heard
    assert not with_password.with_name(".secret.old").exists()


@contextlib.contextmanager
def killed_at_rename(process: int, number: int) -> Iterator[None]:
    """kill -9 at its NUMBERth rename, as a power cut does."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    calls = "rename,renameat,renameat2"
    inject = f"inject={calls}:signal=KILL:when={number}"
    tracer = subprocess.Popen(
        [strace, "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", inject, "-p", str(process)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    if "attached" not in tracer.stderr.readline():
        tracer.wait()
        pytest.skip("strace may not attach to a process here")
    try:
        yield
    finally:
        tracer.wait(30)
        tracer.stderr.close()


# Whoever must not


def test_a_page_from_elsewhere_changes_nothing(setup: Open, tmp_path: Path) -> None:
    page = setup()
    body = {"revision": page.get("/api/state")["revision"], "set": {"mode": "facing"}}
    own = f"http://127.0.0.1:{page.port}"
    foreign: list[dict[str, str]] = [
        {"Content_Type": "text/plain"},
        {"Content_Type": ""},
        {"X_Edge_Setup": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{page.port + 1}"},
    ]
    for headers in foreign:
        assert page.post("/api/change", body, **headers)[0] == 403, headers
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert page.post("/api/change", body, **form)[0] == 403  # the gate takes it for a token
    for path in ("/api/save", "/api/camera", "/api/connect/password", "/api/connect/try", "/api/place/start"):
        assert page.post(path, {}, Origin="https://evil.example")[0] == 403
        assert page.ask("GET", path)[0] in (404, 405)
    assert page.post("/api/change", body, Host="evil.example")[0] == 421  # DNS rebinding
    assert page.get("/api/state")["values"]["mode"] == "headcount"
    assert page.post("/api/change", body, Origin=own)[0] == 200


def test_whatever_saves_or_tries_is_refused_to_a_page_that_shows_an_older_draft(setup: Open) -> None:
    page = setup()
    seen = page.in_sight()
    assert page.change(device__name="hall")[0] == 200
    asked: dict[str, dict[str, Any]] = {
        "/api/change": {"set": {"mode": "headcount"}, "unset": []},
        "/api/save": {},
        "/api/masks/confirm": {},
        "/api/camera": {"source": "sample"},
        "/api/connect/password": {"password": None},
        "/api/connect/try": {},
        "/api/place/start": {},
        "/api/place/keep": {"measurement": 0},
    }
    for path, body in asked.items():
        status, told = page.post(path, {**seen, **body})
        assert (status, "somebody else has changed these settings" in told["problem"]) == (409, True), path
        assert page.post(path, {**seen, **body, "revision": None})[0] == 400, path


def test_without_the_token_nothing_is_answered(setup: Open) -> None:
    page = setup()
    for path in (
        "/",
        "/newest",
        "/api/state",
        "/api/difference",
        "/api/export",
        "/api/cameras",
        "/api/support",
        "/notice",
    ):
        assert page.ask("GET", path, Authorization="")[0] == 403
        assert page.ask("GET", path, Authorization="Bearer wrong")[0] == 403
    assert page.post("/api/change", {"revision": 1}, Authorization="")[0] == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b'{"revision": "1"}', 400),
        (b'{"revision": true}', 400),
        (b'{"revision": 3, "set": []}', 400),
        (b'{"revision": 3, "set": {"camera.fps": NaN}}', 400),
        (b'{"revision": 3, "set": {"camera.fps": -Infinity}}', 400),
        (b'{"revision": 3, "set": {"camera.fps": 1e999}}', 422),
        (b'{"revision": 3, "set": {"camera.width": ' + b"9" * 5000 + b"}}", 400),
        (b'{"revision": 3, "set": {"privacy.schedule": ' + b"[" * 30000 + b"]" * 30000 + b"}}", 400),
        (b'{"revision": 3, "set": {"device.name": "\\ud800"}}', 422),
        (b'{"revision": 3, "set": {"__proto__": {}}}', 422),
        (b'{"revision": 3, "set": {"camera": {"source": "sample"}}}', 422),
        (b'{"revision": 3, "unset": ["nothing.there", 7]}', 422),
        (b"{" + b" " * 70000 + b"}", 413),
    ],
)
def test_whatever_is_sent_is_answered_in_a_sentence(setup: Open, body: bytes, status: int) -> None:
    page = setup()
    revision = page.get("/api/state")["revision"]
    found, told = page.post("/api/change", body.replace(b'"revision": 3', b'"revision": %d' % revision))
    assert found == status
    assert told["problem"] if isinstance(told, dict) else "too large" in told
    assert page.get("/api/state")["revision"] == revision


def test_polygons_without_end_are_refused(setup: Open) -> None:
    page = setup()
    for polygons in ([[[0.1, 0.1]]], [[[0, 0], [1, 0], [1, 1]]] * 5000, [[[0.1, 0.1]] * 1000], [[["a", 0]] * 3]):
        status, _ = page.change(camera__masks=polygons)
        assert status in (413, 422)
    assert page.ask("GET", "/..%2f..%2fetc/passwd")[0] == 404


# What an attacker found


def test_a_pause_holds_where_the_camera_of_the_file_is_not_valid(setup: Open, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    always = 'privacy: {time_zone: UTC, trust_clock: true, schedule: [{from: "00:00", to: "00:00"}]}\n'
    file.write_text(f"mode: headcount\ncamera: {{source: nonsense}}\n{always}")
    page = setup(file)
    page.change(camera__source="rtsp://127.0.0.1:9/1")
    assert "the schedule keeps the camera closed" in page.picture_problem()
    file.write_text(
        'mode: headcount\ncamera: {source: "rtsp://127.0.0.1:9/1"}\nprivacy: {schedule: [{from: "25:00"}]}\n'
    )
    page = setup(file)
    page.change(privacy__schedule=[])
    assert "correct it and save" in page.picture_problem()
    assert page.save()[0] == 200
    wait_for(lambda: "correct it" not in page.picture_problem(), 30, "the room as it is saved")


@pytest.mark.parametrize(
    "source",
    [
        'rtsp://me:hush"hush hush@127.0.0.1:9/1',
        "gstreamer:rtspsrc location=rtsp://h user-pw=hush ! appsink",
        "rtsps://127.0.0.1:9/hush7sD8fKj2",
    ],
    ids=["address", "pipeline", "path"],
)
def test_no_password_is_shown_however_it_is_written(setup: Open, tmp_path: Path, source: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "mode: headcount\n"
        f"camera:\n  source: '{source}'\n  width: 640\n"
        "mqtt:\n  password: hush-as-well\n  broker: mqtt://me:hush@host\n"
    )
    page = setup(file)
    page.change(camera__width=1280, device__name="hall")
    page.change(mqtt__broker="embedded")
    for path in ("/api/state", "/api/difference", "/api/export"):
        assert "hush" not in page.ask("GET", path)[1].decode(), path
    shown = page.get("/api/state")["values"]["camera.source"]
    assert page.change(camera__source=shown)[0] == 200  # as it came: nothing was typed
    assert not re.search(r"(?m)^[-+] *source:", page.get("/api/difference")["difference"])
    page.change(camera__source="usb:0")
    for typed in ("rtsp://***@127.0.0.1/1", "rtsp://127.0.0.1/***", "http://127.0.0.1?***"):
        status, told = page.change(camera__source=typed)
        assert (status, told["key"]) == (422, "camera.source")
    assert "hush" not in shown


def test_a_model_that_cannot_be_loaded_is_not_saved(setup: Open, tmp_path: Path) -> None:
    page = setup()
    page.change(mode="emotions", vision__emotions_model="/nowhere.json", camera__source="sample")
    status, told = page.save()
    assert status >= 400
    assert "/nowhere.json" in told["problem"]
    assert files(tmp_path) == set()


def test_a_model_of_emotions_that_is_gone_does_not_end_the_page_that_can_do_without(
    setup: Open, tmp_path: Path
) -> None:
    """Who has no terminal would see nothing of why."""
    file = tmp_path / "c.yaml"
    file.write_text(
        "mode: emotions\ncamera: {source: sample}\nvision: {emotions_model: /nowhere.json}\n"
        "deployment: {responsible: me, legal_basis: consent}\n"
    )
    page = setup(file)
    assert "/nowhere.json does not exist" in page.picture_problem()
    assert page.change(mode="headcount")[0] == 200
    assert page.open_camera({"source": "sample"})[0] == 200
    assert page.save()[0] == 200
