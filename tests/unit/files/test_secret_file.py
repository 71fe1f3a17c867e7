"""A password that cannot be read: the remedy says what to do about that very reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.files.secret_file import _remedy, read_secret

KEY = "mqtt.password_file"


def test_a_file_that_is_missing_is_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(No such file or directory\)") as error:
        read_secret(tmp_path / "none", KEY)
    assert "make the file" in error.value.remedy
    assert str(tmp_path) not in str(error.value)  # somebody may have written the password there


def test_a_folder_is_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for folder in (tmp_path, Path("/")):
        with pytest.raises(ConfigError) as error:
            read_secret(folder, KEY)
        assert "name a file" in error.value.remedy
    assert not caplog.text  # as: chmod o= /


@pytest.mark.parametrize(
    ("path", "remedy"), [("/home/anna/room.mqtt-password", "a service sees no home folder"), ("/etc/edge/x", "chown")]
)
def test_a_file_that_may_not_be_read(path: str, remedy: str) -> None:
    assert remedy in _remedy(Path(path), PermissionError(13, "Permission denied"))
