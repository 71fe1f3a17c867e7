"""The file that is set up, when somebody else writes it meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.web.setup import config_file
from edge.web.setup.config_file import ConfigFile

BEGIN = "mode: headcount\n"
END = 'privacy:\n  time_zone: UTC\n  schedule: [{from: "00:00", to: "00:00"}]\n'


def has_schedule(file: ConfigFile) -> bool:
    config, _ = file.draft.saved("privacy")
    assert config is not None
    return bool(config.privacy.schedule)


def test_a_file_is_followed_once_it_is_written_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it may be good YAML, without the schedule."""
    path = tmp_path / "c.yaml"
    path.write_text(BEGIN + END)
    file = ConfigFile(path, [], {})
    monkeypatch.setattr(config_file, "SETTLED", 3600.0)
    path.write_text(BEGIN)
    for _ in range(2):
        with pytest.raises(ConfigError, match="is just being changed"):
            file.follow()
    assert has_schedule(file)
    path.write_text(BEGIN + END)
    assert not file.follow()
    path.write_text(BEGIN)
    monkeypatch.setattr(config_file, "SETTLED", 0.0)
    assert file.follow()
    assert not has_schedule(file)
