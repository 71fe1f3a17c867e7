"""What `info` says of masks and count area: whether they are the same, and never where."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.daemon.place_digest import place_digest

MASK = [[0, 0], [0.35, 0], [0.35, 0.4], [0, 0.4]]


def config(*masks: object, area: object = None) -> Config:
    return Config.model_validate({"camera": {"masks": list(masks)}, "vision": {"count_area": area}})


def test_it_changes_with_what_is_looked_at_and_with_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state/outbox.key"
    assert place_digest(config(), path) is None
    assert not path.exists()
    found = [place_digest(each, path) for each in (config(MASK), config(MASK), config(MASK, area=MASK))]
    assert found[0] == found[1] != found[2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_camera_than_at_first_is_another_place_also_without_masks(tmp_path: Path) -> None:
    path = tmp_path / "outbox.key"
    assert place_digest(config(), path, "/dev/video1") == place_digest(config(), path, "/dev/video1") is not None
    with_masks = {place_digest(config(MASK), path, camera) for camera in ("", "/dev/video1", "/dev/video2")}
    assert len(with_masks) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"vision": {"min_face_px": 48}},
        {"vision": {"min_confidence": 0.8}},
        {"vision": {"emotions_output": "fer2013"}},
        {"camera": {"width": 640, "height": 360}},
    ],
)
def test_other_limits_of_faces_are_another_place(changed: dict[str, dict[str, object]], tmp_path: Path) -> None:
    path = tmp_path / "outbox.key"
    other = Config.model_validate(changed)
    assert place_digest(other, path) == place_digest(other, path) is not None
    masked = Config.model_validate(changed | {"camera": changed.get("camera", {}) | {"masks": [MASK]}})
    assert place_digest(masked, path) not in (None, place_digest(other, path), place_digest(config(MASK), path))


def test_what_is_as_shipped_leaves_the_digest_as_version_0_2_0_had_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.key"
    path.write_text('{"key": "00112233445566778899aabbccddeeff"}')
    path.chmod(0o600)
    written = json.dumps([[[[0.0, 0.0], [0.35, 0.0], [0.35, 0.4], [0.0, 0.4]]], None]).encode()
    key = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert place_digest(config(MASK), path) == hmac.new(key, written, hashlib.sha256).hexdigest()[:8]


def test_whoever_knows_the_masks_cannot_tell_it(tmp_path: Path) -> None:
    assert place_digest(config(MASK), tmp_path / "a.key") != place_digest(config(MASK), tmp_path / "b.key")


@pytest.mark.parametrize("content", ["", "[]", '{"key": "no"}', '{"key": 1}'])
def test_a_damaged_key_is_replaced_and_said(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "outbox.key"
    path.write_text(content)
    assert place_digest(config(MASK), path) == place_digest(config(MASK), path)
    assert len(caplog.records) == 1
    assert "cannot be read" in caplog.text


def test_where_nothing_can_be_kept_it_is_the_same_as_long_as_the_daemon_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file/outbox.key"
    assert place_digest(config(MASK), path) == place_digest(config(MASK), path)
    assert "cannot be stored" in caplog.text


def test_what_as_shipped_means_stays_what_it_was() -> None:
    """A room that never set a limit has no digest of it: another default has to become part of the digest by itself."""
    shipped = Config()
    assert (shipped.camera.width, shipped.camera.height) == (1280, 720)
    assert (shipped.vision.min_face_px, shipped.vision.min_confidence) == (24, 0.3)
    assert shipped.vision.emotions_output == "ferplus"
