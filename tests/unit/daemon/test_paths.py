"""Where the daemon keeps its files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.config.schema import Config
from edge.daemon.paths import TAKEN, outbox_path
from edge.errors import ConfigError
from tests.support.paths import ROOT


def test_the_outbox_lies_where_systemd_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edge")
    assert outbox_path(Config()) == Path("/var/lib/edge/outbox.sqlite")


@pytest.mark.parametrize("name", ["dashboard", "daemon", "record"])
def test_an_instance_with_the_user_of_another_service_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / f"edge-{name}"))
    own = Config.model_validate({"outbox": {"path": str(tmp_path / "own.sqlite")}})
    for config in (Config(), own):  # with an outbox elsewhere it would still have the other's user
        with pytest.raises(ConfigError, match=f"an instance called {name} would share user and files with .*edge"):
            outbox_path(config)
    for former in (tmp_path / f"edge-{name}/outbox.sqlite", tmp_path / "own.sqlite"):
        former.parent.mkdir(exist_ok=True)
        former.touch()
    assert outbox_path(Config()).parent.name == f"edge-{name}", "one that has run under this name before goes on"
    assert outbox_path(own).name == "own.sqlite"


@pytest.mark.parametrize("state", ["edge-hall", "edge-records", "school-edge-record", "edge"])
def test_other_instances_and_services_are_not(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"/var/lib/{state}")
    assert outbox_path(Config()) == Path(f"/var/lib/{state}/outbox.sqlite")


def test_every_service_of_ours_is_known() -> None:
    text = "".join(file.read_text() for file in [*ROOT.glob("systemd/*.service"), *ROOT.glob("docs/*.md")])
    named = set(re.findall(r"^(?:User|StateDirectory)=(edge-\S+)", text, re.MULTILINE))
    assert named - {"edge-%i"} == set(TAKEN)
