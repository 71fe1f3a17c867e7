"""What a page hands to root: taken if it is plain, refused in a sentence if it is anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.config.hand_over import HandOver, hand_over, install
from edge.errors import EdgeError
from tests.support.faults import mounted_over_itself

BEFORE, AFTER = b"mode: headcount\n", b"mode: headcount # new\n"


class Device:
    """A folder that stands for /etc/edge, and the folder that the page writes."""

    def __init__(self, root: Path) -> None:
        self.etc, self.folder = root / "etc", root / "run"
        self.etc.mkdir()
        self.folder.mkdir(mode=0o700)
        self.config, self.password = self.etc / "config.yaml", self.etc / "mqtt-password"
        self.config.write_bytes(BEFORE)

    def install(self, **environment: str) -> list[str]:
        return install(self.folder, self.config, self.password, environment)

    def files(self) -> set[str]:
        return {each.name for each in self.etc.iterdir()}


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_configuration_and_password_get_their_places_and_modes(device: Device) -> None:
    device.password.write_text("old\n")
    device.password.chmod(0o644)
    hand_over(device.folder, HandOver(AFTER, BEFORE, "geheim", restart=True))
    said = device.install()
    assert device.config.read_bytes() == AFTER
    assert device.password.read_text() == "geheim\n"
    assert device.password.stat().st_mode & 0o777 == 0o600
    (backup,) = device.etc.glob("config.yaml.bak-*")
    assert backup.read_bytes() == BEFORE
    assert str(backup) in said[0]
    assert "geheim" not in " ".join(said) + repr(HandOver(AFTER, BEFORE, "geheim"))


def test_who_can_read_a_password_of_a_camera_is_said(device: Device) -> None:
    words = b"mode: headcount\ncamera: {source: 'rtsp://anna:geheim@192.0.2.1/'}\n"
    hand_over(device.folder, HandOver(words, BEFORE))
    said = device.install()
    assert "Every user of this machine can read the camera's address" in said[-1]
    assert str(device.etc / "config.env") in said[-1]
    assert "geheim" not in " ".join(said)
    hand_over(device.folder, HandOver(AFTER, words))
    assert len(device.install()) == 1


def test_what_the_daemon_could_not_start_with_is_refused(device: Device) -> None:
    for text, words in (
        (b"mode: no\n", "mode"),
        (b"camera: {source: usb:0}\n", "deployment"),
        (b"[", "not valid YAML"),
    ):
        hand_over(device.folder, HandOver(text, BEFORE, "geheim"))
        with pytest.raises(EdgeError, match=words):
            device.install()
    assert device.config.read_bytes() == BEFORE
    assert device.files() == {"config.yaml"}
    hand_over(device.folder, HandOver(b"camera: {source: usb:0}\n", BEFORE))
    device.install(EDGE_DEPLOYMENT__RESPONSIBLE="a", EDGE_DEPLOYMENT__LEGAL_BASIS="b")  # config.env says it


def test_a_file_that_was_changed_meanwhile_is_left_alone(device: Device) -> None:
    hand_over(device.folder, HandOver(AFTER, BEFORE))
    device.config.write_bytes(b"mode: facing\n")
    with pytest.raises(EdgeError, match="changed by somebody else"):
        device.install()
    assert device.config.read_bytes() == b"mode: facing\n"


def link_to_a_secret(file: Path) -> None:
    secret = file.parent.parent / "secret"
    secret.write_bytes(AFTER)
    file.symlink_to(secret)


def hard_link(file: Path) -> None:
    other = file.parent / "other"
    other.write_bytes(AFTER)
    os.link(other, file)


def somebody_elses(file: Path) -> None:
    file.write_bytes(AFTER)
    os.chown(file, 1234, 1234)


@pytest.mark.parametrize("name", ["config.yaml", "password", "before.sha256"])
@pytest.mark.parametrize(
    "trick",
    [
        link_to_a_secret,
        hard_link,
        somebody_elses,
        os.mkfifo,
        Path.mkdir,
        lambda file: file.symlink_to("/dev/zero"),
        lambda file: file.write_bytes(bytes(2_000_000)),
    ],
    ids=["symlink", "hard link", "owner", "fifo", "folder", "device", "size"],
)
def test_nothing_but_a_small_plain_file_of_the_page_is_taken(
    device: Device, name: str, trick: Callable[[Path], object]
) -> None:
    if trick is somebody_elses and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    hand_over(device.folder, HandOver(AFTER, BEFORE, "geheim"))
    (device.folder / name).unlink()
    trick(device.folder / name)
    with pytest.raises(EdgeError, match=f"refused: {name}: "):
        device.install()
    assert device.config.read_bytes() == BEFORE
    assert device.files() == {"config.yaml"}


def test_a_folder_that_is_a_link_is_not_followed(device: Device, tmp_path: Path) -> None:
    hand_over(device.folder, HandOver(AFTER, BEFORE))
    (tmp_path / "link").symlink_to(device.folder)
    with pytest.raises(EdgeError, match="Not a directory"):
        install(tmp_path / "link", device.config, device.password, {})


def test_half_of_a_result_is_none(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle of a second save: the first configuration must not get the second password."""
    hand_over(device.folder, HandOver(AFTER, BEFORE, "geheim"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.config.hand_over.staged_file", killed)
    with pytest.raises(KeyboardInterrupt):
        hand_over(device.folder, HandOver(AFTER, BEFORE, "other"))
    monkeypatch.undo()
    with pytest.raises(EdgeError, match="save in the page first"):
        device.install()


def test_a_configuration_that_cannot_be_replaced_keeps_its_password(device: Device) -> None:
    """As one that is mounted into a container by itself."""
    device.password.write_text("old\n")
    hand_over(device.folder, HandOver(AFTER, BEFORE, "geheim"))
    with mounted_over_itself(device.config), pytest.raises(EdgeError, match=r"busy\); what was there is as it was"):
        device.install()
    assert (device.config.read_bytes(), device.password.read_text()) == (BEFORE, "old\n")
    assert device.files() == {"config.yaml", "mqtt-password"}
    device.install()
    assert (device.config.read_bytes(), device.password.read_text()) == (AFTER, "geheim\n")


def test_without_a_result_nothing_happens(device: Device) -> None:
    with pytest.raises(EdgeError, match="save in the page first"):
        device.install()
