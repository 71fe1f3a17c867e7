"""The camera of a room for those who are not its daemon: closed when the daemon's is, and never open in the dark."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import cv2
import gpiozero
import numpy as np
import pytest
from gpiozero.pins.mock import MockFactory

from edge.cameras.masks import covered
from edge.config.schema import Config
from edge.contract.timestamps import format_timestamp
from edge.daemon.accepted_picture import Accepted, MaskStore
from edge.daemon.guarded_camera import CameraClosedError, GuardedCamera
from edge.daemon.pause_store import Override, OverrideStore, Pause, PauseStore
from edge.errors import BusyError, CameraError
from tests.support.brokers import wait_for
from tests.support.paths import ROOT

LED = 17
LEFT = [[0.0, 0.0], [0.4, 0.0], [0.4, 1.0]]
BY_MRS_DOE = Pause("Mrs Doe", "2026-10-04T08:15:00.000Z")


def room(tmp_path: Path, **sections: object) -> Config:
    return Config.model_validate(
        {"mode": "headcount", "outbox": {"path": str(tmp_path / "o.sqlite")}, "gpio": {"led": LED}, **sections}
    )


def closed_because(config: Config, source: str) -> str:
    """What keeps the camera closed; empty: nothing."""
    try:
        GuardedCamera(config, config, source).check()
    except CameraClosedError as error:
        return str(error)
    return ""


def test_a_pause_and_the_schedule_of_the_room_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def config(**privacy: object) -> Config:
        return room(tmp_path, privacy=privacy)

    assert closed_because(config(), "usb:0") == ""
    PauseStore(tmp_path / "o.pause").store(BY_MRS_DOE)
    assert "by Mrs Doe" in closed_because(config(), "usb:0")
    assert closed_because(config(), "sample") == ""
    PauseStore(tmp_path / "o.pause").clear()
    always = config(schedule=[{"from": "00:00", "to": "00:00"}], time_zone="UTC", trust_clock=True)
    assert "schedule" in closed_because(always, "usb:0")
    now = datetime.now(timezone.utc)
    OverrideStore(tmp_path / "o.pause").store(
        Override("Mrs Doe", format_timestamp(now), format_timestamp(now.replace(year=now.year + 1)))
    )
    assert closed_because(always, "usb:0") == ""
    monkeypatch.setattr("edge.daemon.unset_clock.clock_synced", lambda: False)
    assert closed_because(always, "usb:0") == ""
    unsure = config(schedule=[{"from": "00:00", "to": "00:01"}], time_zone="UTC")
    assert "this machine's clock is not set" in closed_because(unsure, "usb:0")
    local = config(schedule=[{"from": "00:00", "to": "00:01"}], trust_clock=True)
    monkeypatch.setenv("TZ", "Nowhere/Gone")  # set after the start
    assert "TZ=Nowhere/Gone names no time zone" in closed_because(local, "usb:0")


def test_a_pause_that_only_the_daemon_knows_of_holds(tmp_path: Path) -> None:
    config = room(tmp_path)
    code = "import sys, time; from pathlib import Path; from edge.daemon.daemon_lock import DaemonLock, Flag; "
    code += "lock = DaemonLock(Path(sys.argv[1])); lock.make(); lock.set_flag(Flag.UNSTORED, held=True); "
    code += "print(1, flush=True); time.sleep(600)"
    daemon = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "o.pause")], cwd=ROOT, stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    daemon.stdout.readline()
    assert "the daemon is paused" in closed_because(config, "usb:0")
    daemon.kill()
    daemon.communicate()
    assert closed_because(config, "usb:0") == ""


def test_a_pause_that_is_stored_at_this_moment_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as no file says so, the daemon holds a flag: one of both is seen, whenever one looks."""
    load = PauseStore.load

    def load_just_before(store: PauseStore) -> Pause | None:
        found = load(store)
        store.store(BY_MRS_DOE)
        return found

    monkeypatch.setattr(PauseStore, "load", load_just_before)
    monkeypatch.setattr("edge.daemon.guarded_camera.is_held", lambda path, _: not PauseStore(path).is_there())
    assert "the daemon is paused" in closed_because(room(tmp_path), "usb:0")


def test_a_pause_under_a_name_that_version_0_1_misread_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    PauseStore(tmp_path / "edge/classroom-83.pause").store(BY_MRS_DOE)  # 0123 was read as octal
    assert "by Mrs Doe" in closed_because(Config.model_validate({"device": {"name": "0123"}}), "usb:0")


def test_the_lamp_is_lit_while_it_is_open(tmp_path: Path, pins: MockFactory) -> None:
    config = room(tmp_path)
    camera = GuardedCamera(config, config, "sample:2")
    camera.check_lamp()
    assert not pins.pin(LED).state
    camera.start()
    assert pins.pin(LED).state
    assert camera.take(20) is not None
    camera.stop()
    assert not pins.pin(LED).state


def test_the_pin_of_the_lamp_is_free_while_the_camera_is_closed(tmp_path: Path, pins: MockFactory) -> None:
    config = room(tmp_path)
    camera = GuardedCamera(config, config, "sample:2")
    camera.check_lamp()
    daemon = gpiozero.LED(LED, pin_factory=pins)  # it starts now
    for lights in (camera.check_lamp, camera.start):
        with pytest.raises(BusyError, match=r"gpio\.led"):
            lights()
        assert camera.closed
    daemon.close()
    camera.start()
    assert camera.take(20) is not None
    with pytest.raises(gpiozero.GPIOPinInUse):
        gpiozero.LED(LED, pin_factory=pins)
    camera.pause()
    wait_for(lambda: camera.take(0.0) is None and camera.closed, 20)
    gpiozero.LED(LED, pin_factory=pins).close()
    camera.stop()


def test_the_pin_of_the_lamp_is_free_again_when_the_camera_is_lost(tmp_path: Path, pins: MockFactory) -> None:
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures/a.png"), np.full((480, 640, 3), 90, np.uint8))
    config = room(tmp_path)
    camera = GuardedCamera(config, config, f"images:{tmp_path}/pictures")
    camera.start()
    assert camera.take(20) is not None
    camera.show(config, f"images:{tmp_path}/nothing")
    wait_for(lambda: camera.take(0.1) is None and camera.mode == "camera_lost" and camera.closed, 20)
    gpiozero.LED(LED, pin_factory=pins).close()
    camera.stop()


def test_the_rules_of_a_room_that_was_saved_hold_and_a_pause_of_its_former_names(tmp_path: Path) -> None:
    config = room(tmp_path, gpio={})
    camera = GuardedCamera(config, config, "usb:0")
    other = room(tmp_path, gpio={}, outbox={"path": str(tmp_path / "p.sqlite")})
    third = room(tmp_path, gpio={}, outbox={"path": str(tmp_path / "q.sqlite")})
    PauseStore(tmp_path / "p.pause").store(BY_MRS_DOE)
    camera.check()
    for now in (other, third):
        camera.use_room(now)
        with pytest.raises(CameraClosedError, match="by Mrs Doe"):
            camera.check()
    PauseStore(tmp_path / "p.pause").clear()
    PauseStore(tmp_path / "o.pause").store(BY_MRS_DOE)
    with pytest.raises(CameraClosedError, match="under the name that it had before"):
        camera.check()
    camera.use_room(config)  # its name of now
    with pytest.raises(CameraClosedError, match="edge resume ends it"):
        camera.check()
    always = {"schedule": [{"from": "00:00", "to": "00:00"}], "time_zone": "UTC", "trust_clock": True}
    PauseStore(tmp_path / "o.pause").clear()
    camera.use_room(room(tmp_path, gpio={}, privacy=always))
    with pytest.raises(CameraClosedError, match="the schedule"):
        camera.check()


def test_a_lamp_that_was_saved_is_lit_whether_the_camera_is_open_or_not(tmp_path: Path, pins: MockFactory) -> None:
    config = room(tmp_path)
    camera = GuardedCamera(config, config, "sample:2")
    camera.use_room(room(tmp_path, gpio={"led": 22}))
    camera.start()
    assert camera.take(20) is not None
    assert pins.pin(22).state
    gpiozero.LED(LED, pin_factory=pins).close()  # nobody holds it
    camera.use_room(room(tmp_path, gpio={"led": 27}))
    assert (pins.pin(22).state, pins.pin(27).state) == (False, True)
    camera.stop()
    assert not pins.pin(27).state


def test_a_room_that_is_paused_stays_dark_and_closed(tmp_path: Path, pins: MockFactory) -> None:
    config = room(tmp_path)
    PauseStore(tmp_path / "o.pause").store(BY_MRS_DOE)
    camera = GuardedCamera(config, config, "http://127.0.0.1:9/")
    with pytest.raises(CameraClosedError, match="by Mrs Doe"):
        camera.start()
    assert camera.closed
    assert not pins.pin(LED).state
    camera.stop()


@pytest.mark.parametrize(
    ("accepted", "words"),
    [({"rotation": 180}, "the masks were made for another picture"), ({"size": (640, 640)}, "one of 640x480")],
)
def test_masks_that_have_to_be_confirmed_keep_it_closed(
    tmp_path: Path, accepted: dict[str, object], words: str
) -> None:
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures/a.png"), np.full((480, 640, 3), 90, np.uint8))
    config = room(tmp_path, camera={"source": f"images:{tmp_path}/pictures", "masks": [LEFT]}, gpio={})
    MaskStore(tmp_path / "o.masks").store(Accepted.now(config.camera).model_copy(update=accepted))
    before = (tmp_path / "o.masks").read_bytes()
    camera = GuardedCamera(config, config, config.camera.source)

    def look() -> None:
        camera.start()
        camera.take(20)

    with pytest.raises(CameraError, match=words):
        look()
    camera.stop()
    to_confirm = GuardedCamera(config, config, config.camera.source, confirms_masks=True)
    to_confirm.start()
    frame = to_confirm.take(20)
    assert frame is not None
    assert (frame.image[covered([LEFT], (640, 480))] == 0).all()  # under the masks all the same
    to_confirm.stop()
    wait_for(lambda: camera.closed and to_confirm.closed, 10)
    assert (tmp_path / "o.masks").read_bytes() == before  # whoever only looks accepts nothing


LIMITED = """
import resource
from edge.config.schema import Config
from edge.daemon.guarded_camera import GuardedCamera
before = resource.getrlimit(resource.RLIMIT_DATA)[0]
config = Config()
camera = GuardedCamera(config, config, "http://127.0.0.1:9/")
camera.start()
camera.stop()
print(before == resource.RLIM_INFINITY, 2**30 < resource.getrlimit(resource.RLIMIT_DATA)[0] < 2**35)
"""


def test_it_is_held_within_the_memory_of_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "True True\n"
