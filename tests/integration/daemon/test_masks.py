"""Masks in a running daemon: what closes the camera, what does not open it, and how a person does."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from edge.contract.payloads import Info
from tests.support.brokers import Subscriber, wait_for
from tests.support.commander import Commander, assert_nothing_measured
from tests.support.daemon import Edge, end
from tests.support.faulty_camera import FaultyCamera, faulty_camera

Subscribe = Callable[..., Subscriber]

TOP = [[0, 0], [1, 0], [1, 0.25], [0, 0.25]]
ALL = [[0, 0], [1, 0], [1, 1], [0, 1]]
DEAF = pytest.mark.skipif(cv2.__version__.startswith("4.11."), reason="OpenCV 4.11 takes no network cameras")
BOTH = ["pyav", pytest.param("opencv", marks=DEAF)]


class Device:
    """A daemon with a configuration file, and who listens to it."""

    def __init__(self, edge: Edge, folder: Path, port: int, subscriber: Subscriber) -> None:
        self._edge = edge
        self.file = folder / "config.yaml"
        self.masks = folder / "state/edge/classroom-room-1.masks"
        self.subscriber = subscriber
        self.values: dict[str, dict[str, Any]] = {
            "mqtt": {"broker": f"mqtt://127.0.0.1:{port}"},
            "camera": {"source": "sample:25", "masks": [TOP]},
            "window": {"seconds": 1},
            "vision": {"detect_width": 640, "fps": 2},
        }
        self.command = Commander(port, subscriber)

    def write(self, mode: str = "headcount", **camera: object) -> None:
        """Change the configuration file."""
        self.values["camera"] |= camera
        self.file.write_text(yaml.safe_dump({"mode": mode, **self.values}))

    def run(self) -> subprocess.Popen[str]:
        """Start the daemon."""
        return self._edge("run", "--config", str(self.file))

    def edge(self, *command: str) -> tuple[int, str]:
        """Run another command with the same configuration: exit status, and what it printed."""
        process = self._edge(*command, "--config", str(self.file))
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    def state(self) -> dict[str, str]:
        """The newest state."""
        found: dict[str, str] = self.subscriber.wait("state")[-1].json()
        return found

    def alert(self) -> dict[str, str] | None:
        """The newest alert about masks, None while there is none."""
        found = [message.payload for message in self.subscriber.messages if message.topic.endswith("alert/masks")]
        return json.loads(found[-1]) if found and found[-1] else None

    def wait_closed(self, words: str) -> None:
        """Wait until the camera is closed because of the masks, and everybody was told so."""
        wait_for(lambda: self.state()["mode"] == "paused" and words in self.state()["reason"], 40, f"paused: {words}")
        wait_for(lambda: self.alert() is not None, 5, "the alert")
        alert = self.alert()
        assert alert is not None
        assert words in alert["problem"]
        assert "edge masks --confirm" in alert["remedy"]

    def wait_running(self) -> None:
        """Wait until windows come again."""
        wait_for(lambda: self.state()["mode"] == "running", 40, "running")
        known = len(self.subscriber.named("window"))
        wait_for(lambda: len(self.subscriber.named("window")) > known, 20, "a window")
        assert self.alert() is None


@pytest.fixture
def device(edge: Edge, tmp_path: Path, broker: int, subscribe: Subscribe) -> Device:
    return Device(edge, tmp_path, broker, subscribe(broker, "#"))


def test_nobody_is_seen_below_a_mask_and_info_says_how_much_there_is(device: Device) -> None:
    device.write(mode="emotions", masks=[ALL])
    process = device.run()
    windows = device.subscriber.wait("window", 3, seconds=60)
    info = Info.model_validate_json(device.subscriber.named("info")[-1].payload)
    assert info.masked == 1
    assert info.place is not None
    for window in windows:
        assert window.json()["withheld"]["what"] == "figures"  # nobody: fewer than privacy.min_faces
    device.values["privacy"] = {"min_faces": 1}
    device.write(mode="headcount", masks=[TOP, [[0, 0.2], [0.1, 0.2], [0.1, 1]]])
    assert device.command("reload")["status"] == "ok"
    wait_for(lambda: len(device.subscriber.named("info")) > 1, 10)
    second = Info.model_validate_json(device.subscriber.named("info")[-1].payload)
    assert 0.25 < second.masked < 0.35
    assert second.place != info.place
    assert "0.25" not in device.subscriber.named("info")[-1].payload.decode().replace(str(second.masked), "")
    wait_for(lambda: (device.subscriber.named("window")[-1].json()["faces"]["mean"] or 0) > 5, 20, "faces")
    assert end(process)[2].count("Traceback") == 0


def test_a_turned_picture_stays_closed_whoever_resumes_until_it_is_confirmed(device: Device) -> None:
    device.write()
    process = device.run()
    device.wait_running()
    assert stat.S_IMODE(device.masks.stat().st_mode) == 0o600
    device.write(rotation=180)
    assert device.command("reload")["status"] == "ok"
    device.wait_closed("the masks were made for another picture (rotation 0")
    answer = device.command("resume")
    assert answer["status"] == "error"
    assert "edge masks --confirm" in answer["error"]
    assert device.command("pause")["status"] == "ok"
    status, said = device.edge("resume")
    assert status == 0
    assert "the camera stays closed all the same: the masks were made for another picture" in said
    assert_nothing_measured(device.subscriber)
    assert device.state()["reason"].startswith("paused: the masks were made for another picture")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process = device.run()  # and from its start: it never opens
    wait_for(lambda: device.state()["reason"].startswith("paused: the masks"), 40)
    assert_nothing_measured(device.subscriber)
    status, said = device.edge("check")
    assert status == 1
    assert "the camera of the daemon stays closed: the masks were made for another picture" in said
    status, said = device.edge("masks")
    assert status == 1
    assert "26% of the picture is masked" in said
    assert "(1, 0.25)" in said
    assert "accepted for: 1280x720, rotation 0" in said
    status, said = device.edge("masks", "--confirm")
    assert status == 0
    assert "accepted for: rotation 180" in said
    device.wait_running()
    assert "the camera stays closed" not in device.edge("masks")[1]
    _, out, err = end(process)
    assert "edge masks --confirm" in out + err  # whoever starts it is told at once
    assert '"audit": "pause"' in err
    assert '"by": "a person who confirmed the masks"' in err


def test_a_schedule_that_ends_does_not_open_it(device: Device) -> None:
    device.values["privacy"] = {"schedule": [{"from": "00:00", "to": "00:00"}], "trust_clock": True}  # always
    device.write()
    process = device.run()
    wait_for(lambda: device.state()["mode"] == "paused", 30)
    device.masks.write_text("damaged")
    del device.values["privacy"]
    device.write(hflip=True)
    device.command("reload")
    device.wait_closed("cannot be read")
    assert_nothing_measured(device.subscriber)
    assert device.edge("masks", "--confirm")[0] == 0
    device.wait_running()
    end(process)


HIDE_PYAV = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *package: None if name == "av" else find(name, *package)
"""


@pytest.fixture
def without_pyav(tmp_path: Path) -> Callable[[], None]:
    """Has commands that are started afterwards decode as where PyAV is not installed."""

    def hide() -> None:
        (tmp_path / "site").mkdir()
        (tmp_path / "site/sitecustomize.py").write_text(HIDE_PYAV)

    return hide


@pytest.fixture
def network() -> Iterator[FaultyCamera]:
    with faulty_camera() as camera:
        yield camera


@pytest.mark.parametrize("decoder", BOTH)
def test_a_stream_that_changes_its_shape_in_the_middle(
    device: Device, network: FaultyCamera, decoder: str, without_pyav: Callable[[], None]
) -> None:
    if decoder == "opencv":
        without_pyav()
    device.write(source=network.url("/resize"))
    process = device.run()
    device.wait_closed("made for a picture of 640x360 pixels, and one of 320x240 pixels came")
    assert_nothing_measured(device.subscriber)
    process.send_signal(signal.SIGKILL)
    process.wait()
    asked = len(network.asked)
    process = device.run()
    wait_for(lambda: device.subscriber.named("availability")[-1].payload == b"online", 40)
    device.wait_closed("made for a picture of 640x360 pixels")
    time.sleep(1)
    assert len(network.asked) == asked  # a restart does not even open the camera
    device.write(source=network.url("/good"))
    assert device.command("reload")["status"] == "ok"
    assert_nothing_measured(device.subscriber)
    assert device.edge("masks", "--confirm")[0] == 0
    device.wait_running()
    end(process)


@pytest.mark.parametrize("decoder", BOTH)
def test_a_stream_that_is_turned_round_by_its_own_mark_in_the_middle(
    device: Device, network: FaultyCamera, decoder: str, without_pyav: Callable[[], None]
) -> None:
    if decoder == "opencv":
        without_pyav()
    device.write(source=network.url("/turns"))
    process = device.run()
    closed = "made for a picture of EXIF orientation 1, and one of 3 came"
    device.wait_closed(closed)
    device.write(source=network.url("/upside-down"))
    asked = len(network.asked)
    assert device.command("reload")["status"] == "ok"
    status, said = device.edge("masks")
    assert status == 1
    assert closed in said
    assert len(network.asked) == asked  # it is not even opened
    assert device.edge("masks", "--confirm")[0] == 0
    device.wait_running()
    assert "turned upright from EXIF orientation 3" in device.edge("masks")[1]
    assert device.edge("check")[0] == 0
    end(process)


@DEAF
def test_a_stream_whose_size_nobody_would_tell_is_not_opened_with_masks(
    device: Device, network: FaultyCamera, tmp_path: Path, without_pyav: Callable[[], None]
) -> None:
    pytest.importorskip("av", reason="PyAV writes the film")
    from tests.support.films import plain_h264  # noqa: PLC0415 - with PyAV only

    without_pyav()
    network.files["/room.ts"] = plain_h264(tmp_path / "room.ts", 320, 200)
    device.write(source=network.url("/room.ts"))
    for command in ("run", "check"):
        status, said = device.edge(command)
        words = " ".join(said.split())
        assert status == (78 if command == "run" else 1)
        assert "camera.masks cannot be kept" in words
        assert "python3-av" in words
    assert "without PyAV they hold for a Motion JPEG stream" in device.edge("masks")[1]
    assert not device.subscriber.named("window")
    device.write(source="sample:25")
    process = device.run()
    device.subscriber.wait("window", 1, seconds=60)
    device.write(source=network.url("/room.ts"))
    assert device.command("reload")["status"] == "ok"
    wait_for(lambda: "camera.masks cannot be kept" in device.state()["reason"], 40, "a camera that is not used")
    assert device.state()["mode"] == "camera_lost"
    device.write(source=network.url("/good"))  # Motion JPEG: every picture says how large it is
    assert device.command("reload")["status"] == "ok"
    device.wait_running()
    end(process)


def test_pictures_of_another_shape_do_not_end_the_daemon_unseen(device: Device, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, size in enumerate(((240, 320), (240, 320), (320, 240), (320, 240))):
        cv2.imwrite(str(tmp_path / f"in/{number}.png"), np.full((*size, 3), 90, np.uint8))
    device.write(source=f"images:{tmp_path}/in")
    process = device.run()
    device.wait_closed("made for a picture of 320x240 pixels, and one of 240x320 pixels came")
    assert process.poll() is None
    end(process)


def test_an_invalid_mask_never_means_no_mask(device: Device) -> None:
    device.write(masks=[ALL])
    process = device.run()
    device.subscriber.wait("window", 1, seconds=40)
    for wrong in ([[[0.5, 0.5]]], [[[0, 0], [float("nan"), 1], [1, 0]]], None, "none", [[TOP]]):
        device.write(masks=wrong)
        answer = device.command("reload")
        assert answer["status"] == "error"
        assert "camera.masks" in answer["error"]
        known = len(device.subscriber.named("window"))
        device.subscriber.wait("window", known + 2, seconds=20)
        assert device.subscriber.named("window")[-1].json()["faces"]["mean"] is None  # still nobody to be seen
    assert Info.model_validate_json(device.subscriber.named("info")[-1].payload).masked == 1
    end(process)
    status, said = device.edge("run")
    assert status == 78
    assert f"{device.file}" in said
    assert "camera.masks" in said


def test_masks_that_cannot_be_remembered_keep_the_camera_closed(device: Device) -> None:
    device.write()
    device.masks.mkdir(parents=True)
    process = device.run()
    device.wait_closed("cannot be read (not a regular file)")
    assert_nothing_measured(device.subscriber)
    assert device.edge("masks", "--confirm")[0] == 1
    device.masks.rmdir()
    assert device.edge("masks", "--confirm")[0] == 0
    device.wait_running()
    end(process)
