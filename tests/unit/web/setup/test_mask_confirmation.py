"""Masks on the setup page: what counts is the camera whose picture it shows, not the one that the daemon has found."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edge.config.draft import Draft, StaleDraftError
from edge.config.schema import CameraConfig
from edge.daemon.mask_guard import MaskGuard, problem
from edge.web.setup.mask_confirmation import MaskConfirmation

FIRST, OTHER = "/dev/v4l/by-id/usb-Logitech-index0", "/dev/v4l/by-id/usb-AVer-index0"
CAMERA = CameraConfig.model_validate({"masks": [[[0, 0], [0.5, 0], [0.5, 0.5]]]})
SIZE = (1280, 720)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a daemon has accepted the masks for the first camera."""
    path = tmp_path / "outbox.masks"
    guard = MaskGuard()
    guard.use(path, CAMERA, FIRST)
    assert guard.accepts(CAMERA, SIZE)
    return path


def page(path: Path, source: str) -> tuple[MaskConfirmation, Draft, Any]:
    outbox = path.with_suffix(".sqlite")
    text = f"mode: headcount\ncamera: {{masks: [[[0, 0], [0.5, 0], [0.5, 0.5]]]}}\noutbox: {{path: {outbox}}}\n"
    draft = Draft(text.encode(), Path("config.yaml"))
    screen: Any = SimpleNamespace(size=SIZE, source=source, orientation=1)
    return MaskConfirmation(draft, path, screen), draft, screen


def test_another_camera_than_the_daemon_has_seen_is_confirmed_before_it_opens(path: Path) -> None:
    masks, draft, screen = page(path, OTHER)
    assert not masks.confirmed
    masks.confirm({"revision": draft.revision})
    assert masks.confirmed
    screen.source = FIRST  # it is plugged in again: this picture is another one
    assert masks.confirmed
    screen.source = "/dev/video7"
    assert not masks.confirmed
    screen.source = OTHER
    masks.saved()
    assert OTHER in problem(path, CAMERA)  # of the daemon's: it has not found the other one yet
    assert problem(path, CAMERA, SIZE, OTHER) == ""


def test_masks_that_somebody_else_changes_meanwhile_are_not_confirmed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks, draft, _ = page(path, OTHER)
    seen, read = draft.revision, draft.tentative

    def changed(*needed: str) -> Any:
        monkeypatch.undo()
        draft.change(seen, {"camera.masks": [[[0, 0], [0.1, 0], [0.1, 0.1]]]})
        return read(*needed)

    monkeypatch.setattr(draft, "tentative", changed)
    with pytest.raises(StaleDraftError):
        masks.confirm({"revision": seen})


def test_the_first_camera_is_fine_though_the_daemon_has_refused_another_one(path: Path) -> None:
    MaskGuard().use(path, CAMERA, OTHER)
    assert OTHER in problem(path, CAMERA)
    assert page(path, FIRST)[0].confirmed
    assert not page(path, OTHER)[0].confirmed


def test_a_picture_turned_otherwise_by_its_own_mark_is_confirmed_before_it_opens(path: Path) -> None:
    masks, draft, screen = page(path, FIRST)
    screen.orientation = 3
    assert not masks.confirmed
    masks.confirm({"revision": draft.revision})
    masks.saved()
    guard = MaskGuard()
    guard.use(path, CAMERA, FIRST)
    assert guard.accepts(CAMERA, SIZE, 3)


def test_another_name_of_the_room_takes_what_is_known_along(path: Path, tmp_path: Path) -> None:
    masks, draft, _ = page(path, OTHER)
    draft.change(draft.revision, {"outbox.path": str(tmp_path / "hall.sqlite")})
    assert not masks.confirmed
    masks.saved()
    assert problem(tmp_path / "hall.masks", CAMERA, SIZE, OTHER)
    assert problem(tmp_path / "hall.masks", CAMERA, SIZE, FIRST) == ""
