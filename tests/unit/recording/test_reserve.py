"""What a recorder leaves on its disk: for a broker of the same machine, for deleting, or what somebody has named."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from edge.cli.recording_arguments import add_recording_arguments, recording_task
from edge.config.broker_url import BrokerUrl
from edge.errors import ConfigError
from edge.files.disk_errors import FullError
from edge.mqtt.client_factory import BrokerSettings
from edge.recording.postgres.address import PostgresAddress
from edge.recording.recording_task import RecordingTask
from edge.recording.reserve import FOR_BROKER, FOR_DELETING, NO_RESERVE, Reserve
from edge.recording.stores import Target


def task(host: str, *arguments: str, target: Target = Path("r.sqlite")) -> RecordingTask:
    parser = argparse.ArgumentParser()
    add_recording_arguments(parser)
    parser.set_defaults(client_id=None)
    settings = BrokerSettings(BrokerUrl(host, 1883, tls=False), "x")
    return recording_task(parser.parse_args(arguments), target, settings, "classroom", ["+"])


@pytest.mark.parametrize(
    ("host", "size"),
    [
        ("127.0.0.1", FOR_BROKER),
        ("::1", FOR_BROKER),
        ("localhost", FOR_BROKER),
        ("192.168.1.10", FOR_DELETING),
        ("broker.school.example", FOR_DELETING),
    ],
)
def test_a_broker_elsewhere_has_a_disk_of_its_own(host: str, size: int) -> None:
    assert task(host).reserve == Reserve(size)


def test_what_is_named_holds_wherever_the_broker_is() -> None:
    for host in ("127.0.0.1", "broker"):
        assert task(host, "--keep-free", "800").reserve == Reserve(800_000_000, 1.0)
        assert task(host, "--keep-free", "0").reserve.size == 0


@pytest.mark.parametrize("size", ["-1", "10000001", "much"])
def test_a_size_that_is_none_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        task("broker", f"--keep-free={size}")
    assert "--keep-free: 0 to 10000000 MB" in capsys.readouterr().err


def test_the_disk_of_a_server_is_not_watched() -> None:
    with pytest.raises(ConfigError, match="--keep-free is for files"):
        task("broker", "--keep-free", "0", target=PostgresAddress("postgresql://a@b/c", "north"))


def test_it_says_how_much_is_missing(tmp_path: Path) -> None:
    NO_RESERVE.check(tmp_path / "r.sqlite")
    Reserve(1, 1.0).check(tmp_path / "r.sqlite")
    Reserve(1).check(tmp_path / "absent" / "r.sqlite")
    disk = os.statvfs(tmp_path)
    with pytest.raises(FullError, match=r"are kept free there.*: make [\d,]+ MB of room on that disk, .*--keep-free"):
        Reserve(disk.f_blocks * disk.f_frsize, 1.0).check(tmp_path / "r.sqlite")
