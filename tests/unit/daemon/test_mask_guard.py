"""Masks and the picture they were made for: what closes the camera, and that only a person opens it again."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config.schema import CameraConfig
from edge.daemon.mask_guard import MaskGuard, accepted, confirm, problem
from tests.support.faults import SmallDisk

LEFT = [[0.0, 0.0], [0.4, 0.0], [0.4, 1.0]]
RIGHT = [[0.6, 0.0], [1.0, 0.0], [1.0, 1.0]]


def camera(*masks: list[list[float]], **turn: object) -> CameraConfig:
    return CameraConfig.model_validate({"masks": masks or (LEFT,), **turn})


def begun(path: Path, settings: CameraConfig, clock: Callable[[], float] = lambda: 0.0) -> MaskGuard:
    """The guard of a daemon that has just started."""
    guard = MaskGuard(clock)
    guard.use(path, settings)
    return guard


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state/outbox.masks"


def test_the_first_picture_under_new_masks_is_what_they_were_made_for(path: Path) -> None:
    guard = begun(path, camera())
    assert guard.accepts(guard_camera := camera(), (1280, 720))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = json.loads(path.read_text())
    assert (said["rotation"], said["size"], said["refused"]) == (0, [1280, 720], None)
    assert "0.4" not in path.read_text()  # where they lie is nobody's business
    for size in ((1280, 720), (640, 360), (854, 480), (426, 240), (1920, 1080)):  # the same shape, but for rounding
        assert guard.accepts(guard_camera, size)
        assert begun(path, camera()).accepts(camera(), size)
    assert guard.problem == ""


@pytest.mark.parametrize(
    "turn", [{"rotation": 180}, {"rotation": 90}, {"hflip": True}, {"vflip": True}, {"rotation": 180, "hflip": True}]
)
def test_a_turned_picture_is_closed_from_the_start_and_for_good(turn: dict[str, object], path: Path) -> None:
    assert begun(path, camera()).accepts(camera(), (1280, 720))
    for _ in range(3):  # restarts
        guard = begun(path, camera(**turn))
        assert guard.problem.startswith(
            "the masks were made for another picture (rotation 0, hflip false, vflip false)"
        )
        assert not guard.accepts(camera(**turn), (1280, 720))
        guard.update()
        assert guard.problem
        assert problem(path, camera(**turn)) == guard.problem
    confirm(path, camera(**turn))
    guard.update()
    assert guard.problem == problem(path, camera(**turn)) == ""
    assert guard.accepts(camera(**turn), (720, 1280))
    assert begun(path, camera()).problem  # and the way it was before is another picture now


def test_another_shape_in_the_middle_closes_until_somebody_confirms(path: Path) -> None:
    guard = begun(path, camera())
    assert guard.accepts(camera(), (640, 360))
    assert not guard.accepts(camera(), (320, 240))
    closed = "the masks were made for a picture of 640x360 pixels, and one of 320x240 pixels came"
    assert guard.problem == closed
    assert not guard.accepts(camera(), (640, 360))  # not by itself, when the shape comes back
    guard.update()
    assert guard.problem == begun(path, camera()).problem == closed  # nor by a restart
    confirm(path, camera())
    guard.update()
    assert guard.accepts(camera(), (320, 240))
    assert not guard.accepts(camera(), (640, 360))


def test_a_picture_that_is_turned_otherwise_by_its_own_mark_closes_until_somebody_confirms(path: Path) -> None:
    guard = begun(path, camera())
    assert guard.accepts(camera(), (640, 360))
    assert "orientation" not in json.loads(path.read_text())  # as older versions have it, and take it
    assert not guard.accepts(camera(), (640, 360), 3)  # half a turn: of the same shape
    closed = "the masks were made for a picture of EXIF orientation 1, and one of 3 came, which is turned otherwise"
    assert guard.problem == closed
    assert not guard.accepts(camera(), (640, 360))
    assert begun(path, camera()).problem == problem(path, camera()) == closed
    confirm(path, camera(), (640, 360), orientation=3)
    guard.update()
    assert guard.accepts(camera(), (640, 360), 3)
    assert guard.accepts(camera(), (1280, 720), 3)
    known = accepted(path, camera())
    assert known is not None
    assert known.picture.endswith("turned upright from EXIF orientation 3")
    assert problem(path, camera(), (640, 360), orientation=3) == ""
    assert problem(path, camera(), (640, 360), orientation=2)
    assert not begun(path, camera()).accepts(camera(), (640, 360), 1)


def test_what_an_older_version_accepted_counts_as_upright(path: Path) -> None:
    assert begun(path, camera()).accepts(camera(), (640, 360))
    assert set(json.loads(path.read_text())) == {"masks", "rotation", "hflip", "vflip", "size", "refused"}
    assert not begun(path, camera()).accepts(camera(), (640, 360), 3)


def test_a_confirmation_of_what_is_in_force_changes_nothing(path: Path) -> None:
    assert begun(path, camera()).accepts(camera(), (640, 360))
    before = path.read_text()
    confirm(path, camera())
    assert path.read_text() == before
    guard = begun(path, camera())
    assert not guard.accepts(camera(), (320, 240))


def test_new_masks_count_as_accepted_by_whoever_wrote_them(path: Path) -> None:
    guard = begun(path, camera())
    assert guard.accepts(camera(), (640, 360))
    guard.use(path, turned := camera(LEFT, rotation=90))
    assert guard.problem
    guard.use(path, new := camera(RIGHT, rotation=90))
    assert guard.problem == ""
    assert not guard.accepts(turned, (360, 640))  # a frame of the camera that is being closed
    assert guard.problem == ""
    assert guard.accepts(new, (360, 640))
    assert begun(path, new).accepts(new, (360, 640))


def test_a_file_ahead_of_what_is_in_force_opens_nothing(path: Path) -> None:
    """Somebody has edited the masks again and confirmed those, but the daemon has not read them yet."""
    assert begun(path, camera()).accepts(camera(), (640, 360))
    guard = begun(path, camera(rotation=90))
    confirm(path, camera(RIGHT, rotation=90))
    guard.update()
    assert guard.problem
    assert not guard.accepts(camera(rotation=90), (360, 640))


def test_a_closed_camera_is_not_opened_by_removing_the_file(path: Path) -> None:
    guard = begun(path, camera())
    assert guard.accepts(camera(), (640, 360))
    path.unlink()
    assert not guard.accepts(camera(), (320, 240))
    path.unlink()
    guard.update()
    assert guard.problem


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"7", b"{}", b"\xff\xfe", b"[" * 3000, b'{"masks": 1}', b"x" * 5000,
        b'{"masks":"0","rotation":45,"hflip":false,"vflip":false}',
        b'{"masks":"0","rotation":0,"hflip":"no","vflip":false}',
        b'{"masks":"0","rotation":0,"hflip":false,"vflip":false,"size":[0,0]}',
        b'{"masks":"0","rotation":0,"hflip":false,"vflip":false,"size":[1]}',
        b'{"masks":"0","rotation":0,"hflip":false,"vflip":false,"more":1}',
    ],
)  # fmt: skip
def test_a_damaged_file_closes_the_camera_and_can_be_confirmed(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    guard = begun(path, camera())
    assert f"{path} cannot be read" in guard.problem
    assert not guard.accepts(camera(), (640, 360))
    guard.update()
    assert guard.problem == problem(path, camera())
    confirm(path, camera())
    guard.update()
    assert guard.accepts(camera(), (640, 360))


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir(parents=True)
    guard = begun(path, camera())
    assert "cannot be read (not a regular file)" in guard.problem
    assert not guard.accepts(camera(), (640, 360))


def test_without_masks_nothing_is_asked_or_written(path: Path) -> None:
    plain = CameraConfig(rotation=90)
    path.parent.mkdir()
    path.write_bytes(b"damaged")
    guard = begun(path, plain)
    assert guard.accepts(plain, (640, 360))
    assert guard.accepts(plain, (320, 240))
    assert guard.problem == problem(path, plain) == ""
    assert path.read_bytes() == b"damaged"


def test_what_a_full_disk_does_not_remember_stays_closed_until_it_does(disk: SmallDisk) -> None:
    now = 0.0
    path = disk.folder / "outbox.masks"
    guard = begun(path, camera(), lambda: now)
    disk.fill()
    assert not guard.accepts(camera(), (640, 360))
    assert "cannot be stored" in guard.problem
    now = 11.0
    guard.update()
    assert guard.problem
    disk.clear()
    guard.update()
    assert guard.problem  # it is not tried several times a second
    now = 30.0
    guard.update()
    assert guard.accepts(camera(), (640, 360))
    assert begun(path, camera(rotation=90)).problem


def test_another_name_of_the_device_is_no_new_picture(tmp_path: Path) -> None:
    before, after = tmp_path / "room-1.masks", tmp_path / "room-2.masks"
    guard = begun(before, camera())
    assert guard.accepts(camera(), (640, 360))
    guard.use(after, camera())
    assert not guard.accepts(camera(), (320, 240))
    assert begun(after, camera()).problem


FIRST, OTHER = "/dev/v4l/by-id/usb-Logitech-index0", "/dev/v4l/by-id/usb-AVer-index0"
AUTO = {"source": "auto"}


def found(path: Path, source: str, **turn: object) -> MaskGuard:
    """The guard of a daemon that has just started with `camera.source: auto`, which has found this."""
    guard = MaskGuard(lambda: 0.0)
    guard.use(path, camera(**AUTO, **turn), source)
    return guard


def test_another_camera_that_auto_finds_stays_closed_until_somebody_confirms(path: Path) -> None:
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    assert found(path, FIRST).problem == ""
    for _ in range(2):  # restarts
        guard = found(path, OTHER)
        assert guard.problem == f"the masks were made for camera {FIRST}, and camera.source: auto found {OTHER}"
        assert not guard.accepts(camera(**AUTO), (1280, 720))
        guard.update()
        assert guard.problem == problem(path, camera(**AUTO))  # also for who does not know what was found
    assert problem(path, camera(**AUTO), (1280, 720), FIRST) == ""
    confirm(path, camera(**AUTO))
    guard.update()
    assert guard.problem == problem(path, camera(**AUTO)) == ""
    assert guard.accepts(camera(**AUTO), (1280, 720))
    assert FIRST in found(path, FIRST).problem
    # Version 0.2 reads the file, and knows no other keys in it.
    assert set(json.loads(path.read_text())) == {"masks", "rotation", "hflip", "vflip", "size", "refused"}


def test_the_camera_of_before_opens_by_itself_when_it_is_found_again(path: Path) -> None:
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    assert found(path, OTHER).problem
    guard = found(path, FIRST)
    assert guard.problem == problem(path, camera(**AUTO)) == ""  # also before a frame comes: a room may be paused
    assert guard.accepts(camera(**AUTO), (1280, 720))


def test_who_names_the_camera_in_the_configuration_has_looked(path: Path) -> None:
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    assert found(path, OTHER).problem
    named = camera(source=OTHER)
    guard = MaskGuard()
    guard.use(path, named, OTHER)
    assert guard.problem == problem(path, named) == ""
    assert guard.accepts(named, (1280, 720))


def test_masks_accepted_before_the_camera_was_remembered_are_those_of_the_next_one(path: Path) -> None:
    assert begun(path, camera(**AUTO)).accepts(camera(**AUTO), (1280, 720))
    cameras = path.with_name("outbox.camera")
    assert found(path, "sample").accepts(camera(**AUTO), (1280, 720))  # the sample room is no camera
    assert not cameras.exists()
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    assert found(path, OTHER).problem


def test_a_turn_that_is_confirmed_does_not_forget_the_camera(path: Path) -> None:
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    assert found(path, FIRST, rotation=180).problem
    confirm(path, camera(**AUTO, rotation=180))
    assert found(path, FIRST, rotation=180).problem == ""
    assert found(path, OTHER, rotation=180).problem


def test_new_masks_are_those_of_the_camera_that_is_there(path: Path) -> None:
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    assert found(path, OTHER).problem
    drawn = camera(RIGHT, **AUTO)
    guard = MaskGuard()
    guard.use(path, drawn, OTHER)
    assert guard.accepts(drawn, (1280, 720))
    assert begun(path, drawn).problem == ""


def test_on_a_full_disk_another_camera_stays_closed_all_the_same(disk: SmallDisk) -> None:
    now, path = 0.0, disk.folder / "outbox.masks"
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    disk.fill()
    guard = MaskGuard(lambda: now)
    guard.use(path, camera(**AUTO), OTHER)
    assert guard.problem
    assert not guard.accepts(camera(**AUTO), (1280, 720))
    disk.clear()
    now = 11.0
    guard.update()
    assert OTHER in guard.problem
    assert found(path, OTHER).problem == problem(path, camera(**AUTO)) == guard.problem


def test_the_picture_that_somebody_has_looked_at_counts_not_what_the_daemon_found(path: Path) -> None:
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    assert OTHER in problem(path, camera(**AUTO), source=OTHER)  # the daemon has not seen it yet
    confirm(path, camera(**AUTO), source=OTHER)
    assert found(path, OTHER).problem == ""
    confirm(path, camera(**AUTO), source=FIRST)
    guard = found(path, OTHER)
    confirm(path, camera(**AUTO), source=FIRST)
    guard.update()
    assert OTHER in guard.problem


def test_another_name_of_the_room_does_not_forget_the_camera(tmp_path: Path) -> None:
    before, after = tmp_path / "room-1.masks", tmp_path / "room-2.masks"
    assert found(before, FIRST).accepts(camera(**AUTO), (1280, 720))
    guard = found(before, OTHER)
    guard.use(after, camera(**AUTO), OTHER)
    assert guard.problem
    assert found(after, OTHER).problem
    assert found(after, FIRST).problem == ""


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff"])
def test_where_nobody_can_tell_which_camera_it_was_it_stays_closed(content: bytes, path: Path) -> None:
    assert found(path, FIRST).accepts(camera(**AUTO), (1280, 720))
    path.with_name("outbox.camera").write_bytes(content)
    guard = found(path, FIRST)
    assert "outbox.camera cannot be read" in guard.problem
    assert guard.problem == problem(path, camera(**AUTO))
    assert begun(path, camera(source=FIRST)).problem == ""
    confirm(path, camera(**AUTO))
    guard.update()
    assert guard.accepts(camera(**AUTO), (1280, 720))
    assert found(path, FIRST).problem == ""
    assert found(path, OTHER).problem
