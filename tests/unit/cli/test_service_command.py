"""The `edge` command of the service, systemd/edge-command.sh, which knows where its configuration is."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from edge.cli import COMMANDS, parse
from tests.support.paths import ROOT

SCRIPT = ROOT / "systemd/edge-command.sh"
ELSEWHERE = {"bench"}  # measures the machine, and not the service


def needs_a_configuration(command: str) -> bool:
    return hasattr(parse([command, *(["--database", "x.sqlite"] if command == "record" else [])]), "config")


@pytest.mark.parametrize(
    "command", [name for name in COMMANDS if name not in ("access", "delete", "export", "image", "report")]
)
def test_every_command_with_a_configuration_gets_that_of_the_service(command: str) -> None:
    named = {
        name for line in re.findall(r"^  ([a-z |]+)\)", SCRIPT.read_text(), re.MULTILINE) for name in line.split(" | ")
    }
    assert not needs_a_configuration(command) or command in named | ELSEWHERE


@pytest.mark.parametrize("command", ["run", "watch", "dashboard", "record", "announce"])
def test_what_runs_as_the_caller_reads_the_configuration_of_the_service(command: str, tmp_path: Path) -> None:
    edge = tmp_path / "edge"
    edge.write_text('#!/bin/sh\necho "$@"\n')
    edge.chmod(0o755)
    script = tmp_path / "edge-command.sh"
    script.write_text(SCRIPT.read_text().replace("/opt/edge/.venv/bin/edge", str(edge)))
    done = subprocess.run(["sh", script, command, "--device", "hall"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{command} --config /etc/edge/config.yaml --device hall\n"


def test_a_pause_of_the_service_needs_no_file_that_is_there(tmp_path: Path) -> None:
    for name, does in (("id", "echo 0"), ("systemctl", ""), ("systemd-run", 'echo "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    script = tmp_path / "edge-command.sh"
    script.write_text(SCRIPT.read_text().replace("etc=/etc/edge", f"etc={tmp_path}"))
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for command, status in (("pause", 0), ("resume", 78)):
        done = subprocess.run(["sh", script, command], env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, f"edge {command} --config {tmp_path}/config.yaml" in done.stdout) == (
            status,
            not status,
        )
