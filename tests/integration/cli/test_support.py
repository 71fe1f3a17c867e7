"""`edge support`, at a real broker, with secrets and figures about people planted wherever it looks."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from paho.mqtt import publish as paho

from edge.cli import run_command_line
from edge.config.loader import load_config
from edge.daemon.paths import make_outbox, place_path
from edge.model_files.benchmark import Range
from edge.support.daemon_words import at_broker
from edge.support.support_file import CheckRow, support_file, unit_of
from edge.web.setup.place_file import place_record, write_record
from edge.web.setup.place_verdict import Figures
from tests.support.paths import ROOT

SECRETS = {
    "password": "Zq7-pass/word#1",
    "username": "installer-kim",
    "camera password": "R4-cam",
    "camera user": "camuser9",
    "camera token": "tok-51c2",
    "environment": "env-9f83",
    "journal": "jrn-77aa",
    "person": "Kim Possible",
    "office": "head of mischief",
    "mail": "kim@kim.example",
    "basis": "vote 1234-ab of the ethics board",
    "address": "192.168.77.31",
    "path of the camera": "h264-secret-path",
    "who paused": "Robin Roe",
}
CAMERA = (
    f"rtsp://{SECRETS['camera user']}:{SECRETS['camera password']}@{SECRETS['address']}:1/"
    f"{SECRETS['path of the camera']}?token={SECRETS['camera token']}"
)
PEOPLE = ("3917", "39.17", "2741")


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """A program that prints what a journal could hold, and fails unless it is asked for the unit."""
    lines = [
        f"2026-11-28T15:30:01+0000 edge[812]: INFO opened {CAMERA}",
        f"2026-11-28T15:30:02+0000 edge[812]: WARNING password={SECRETS['journal']} is wrong for {SECRETS['username']}",
        f"2026-11-28T15:30:03+0000 edge[812]: INFO the password {SECRETS['password']} and {SECRETS['environment']}",
        "2026-11-28T15:30:04+0000 edge[812]: INFO 3917 faces, 39.17 on average; people: 2741",
        '2026-11-28T15:30:05+0000 edge[812]: {"counts": {"happy": 3917}, "faces": {"mean": 39.17}}',
        "2026-11-28T15:30:06+0000 edge[812]: "
        + json.dumps({"audit": "pause", "time": "2026-11-28T15:30:06.000Z", "by": SECRETS["who paused"]}),
        "2026-11-28T15:30:07+0000 edge[812]: "
        + json.dumps({"audit": "start", "version": "0.9.9", "deployment": {"responsible": SECRETS["person"]}}),
        f"2026-11-28T15:30:08+0000 edge[812]: INFO command pause by {SECRETS['who paused']}: done",
        f"2026-11-28T15:30:08+0000 edge[812]: ERROR this room is paused since 15:30 by {SECRETS['who paused']}, so its",
        f"2026-11-28T15:30:08+0000 edge[812]: INFO {SECRETS['person']} of {SECRETS['mail']}, {SECRETS['basis']}",
        "2026-11-28T15:30:09+0000 edge[812]: WARNING windows wait in the outbox until the broker takes them",
    ]
    program = tmp_path / "journalctl"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"assert '--unit=edge@hall.service' in sys.argv, sys.argv\nprint({chr(10).join(lines)!r})\n"
    )
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def config_file(tmp_path: Path, broker: int) -> Path:
    (tmp_path / "pw").write_text(f"{SECRETS['password']}\n")
    (tmp_path / "pw").chmod(0o600)
    settings = {
        "device": {"name": "hall"},
        "camera": {"source": CAMERA, "open_timeout": 1},
        "mqtt": {
            "broker": f"mqtt://127.0.0.1:{broker}",
            "username": SECRETS["username"],
            "password_file": str(tmp_path / "pw"),
        },
        "outbox": {"path": str(tmp_path / "hall.sqlite")},
        "deployment": {
            "responsible": f"{SECRETS['person']}, {SECRETS['office']}, {SECRETS['mail']}",
            "legal_basis": SECRETS["basis"],
        },
    }
    file = tmp_path / "hall.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def plant(port: int, tmp_path: Path) -> None:
    """Figures about people and secrets at the broker and beside the outbox."""
    alert = {
        "problem": f"camera rtsp://{SECRETS['camera user']}:x@{SECRETS['address']}/ is gone, 3917 faces",
        "remedy": "look",
        "since": "2026-11-28T15:00:00.000Z",
        "extra": SECRETS["journal"],
    }
    health = {
        "uptime": 5.5, "outbox_depth": 6, "faces_per_frame": 39.17, "stages_ms": {"classify": 2741}, "rss_mb": 123.4,
    }  # fmt: skip
    messages = [
        ("classroom/hall/alert/camera", json.dumps(alert)),
        ("classroom/hall/alert/disk", "not json 3917"),
        ("classroom/hall/health", json.dumps(health)),
        ("classroom/hall/availability", "online"),
        ("classroom/hall/latest", json.dumps({"faces": {"total": 3917}})),
        ("classroom/hall/state", json.dumps({"mode": "paused", "reason": f"by {SECRETS['who paused']}"})),
    ]
    paho.multiple([{"topic": topic, "payload": payload, "retain": True} for topic, payload in messages], port=port)
    place = {
        "schema": "edge.place/1",
        "version": "1",
        "mode": "facing",
        "detect_width": 1280,
        "min_face_px": 24,
        "time": "2026-11-28T15:00:00.000Z",
        "camera": "0123456789ab",
        "figures": {"seconds": 30, "sharp": 0.97, "people": [39.17, 1, 2], "front": [0.2741, 0, 1]},
    }
    (tmp_path / "hall.place").write_text(json.dumps(place))


def leaks(text: str) -> list[str]:
    return [name for name, secret in SECRETS.items() if secret in text] + [each for each in PEOPLE if each in text]


def test_nothing_secret_and_nothing_about_people(
    config_file: Path, broker: int, journal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_TOKEN", SECRETS["environment"])
    plant(broker, tmp_path)
    config = load_config(config_file)
    outbox = make_outbox(config)
    outbox.start()
    outbox.put(json.dumps({"faces": {"total": 3917}}), "edge.window/2")
    outbox.stop()
    checks = [
        CheckRow("camera", "failed", f"rtsp://{SECRETS['camera user']}@{SECRETS['address']} gave no frame", "look"),
        CheckRow("analysis", "ok", f"3917 faces for {SECRETS['person']}"),
    ]
    text = support_file(config, checks, "edge@hall.service", journal).decode()
    assert leaks(text) == []
    assert place_path(config).exists()
    for wanted in (
        "rotation: 0",
        "mqtt.password_file: (set)",
        "camera.source: rtsp://***:1",
        "camera: failed. rtsp://*** gave no frame: look",
        "since: 2026-11-28T15:00:00.000Z",
        "is gone, # faces",
        "outbox_depth: 6",
        "rss_mb: 123.4",
        "availability: online",
        "windows_waiting: 1",
        "seconds: 30",
        "sharp: 0.97",
        "windows wait in the outbox until the broker takes them",
        "audit pause",
        "command pause by ***: done",
        "by ***, so its",
        "paho-mqtt 2.",
    ):
        assert wanted in text, wanted
    assert "0123456789ab" not in text
    assert len(text) < 30_000


def test_the_plants_would_be_found(config_file: Path, journal: str) -> None:
    """What the test before looks for is really there."""
    raw = config_file.read_text() + (config_file.parent / "pw").read_text() + SECRETS["environment"]
    said = subprocess.run([journal, "--unit=edge@hall.service"], capture_output=True, text=True, check=True).stdout
    assert set(leaks(raw + said)) == {*SECRETS, *PEOPLE}


def test_alerts_that_this_user_may_not_read_are_not_called_none(config_file: Path, broker: int) -> None:
    assert at_broker(load_config(config_file)) == {"retained": "nothing that this user may read"}


def test_a_broker_that_is_away_and_no_journal(config_file: Path, tmp_path: Path) -> None:
    config = load_config(config_file, ["mqtt.broker=mqtt://127.0.0.1:9", "camera.source=sample"])
    text = support_file(config, journalctl=str(tmp_path / "none")).decode()
    assert "unreachable: broker" in text
    assert "the journal cannot be read (FileNotFoundError)" in text
    assert "not kept" in text
    assert "checks: not run" in text
    assert leaks(text) == []


def test_an_outbox_in_use_is_left_alone(config_file: Path) -> None:
    config = load_config(config_file, ["camera.source=sample"])
    outbox = make_outbox(config)
    outbox.start()
    outbox.put("{}", "edge.window/2")
    try:
        assert "in use by the daemon" in support_file(config).decode()
        outbox.put("{}", "edge.window/2")
    finally:
        outbox.stop()


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "edge", "support", *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_the_command_writes_one_file_and_never_over_another(config_file: Path, tmp_path: Path) -> None:
    arguments = ("--config", str(config_file), "--set", "camera.source=sample:5")
    (tmp_path / "here").mkdir()
    done = run(*arguments, cwd=tmp_path / "here")
    assert done.returncode == 0, done.stderr
    (made,) = (tmp_path / "here").iterdir()
    assert made.name.startswith("edge-support-hall-20")
    assert f"{made.name}: " in done.stdout
    assert " kB. Read it" in done.stdout
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    text = made.read_text()
    assert "camera: ok. sample:5: 1280x720" in text
    assert "broker: ok" in text
    assert leaks(text) == []
    again = run(*arguments, "--output", str(made), "--no-checks", cwd=tmp_path)
    assert again.returncode == 1
    assert "is there already: choose another name with --output" in again.stderr
    assert made.read_text() == text
    printed = run(*arguments, "--output", "-", "--no-checks", cwd=tmp_path)
    assert printed.stdout.startswith("Support file of edge")
    assert "checks: not run" in printed.stdout


def test_a_configuration_that_is_not_valid_keeps_its_secrets(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is when somebody asks; and then nothing but its lines tells what is secret."""
    text = config_file.read_text() + f"surplus: {{responsible: {SECRETS['who paused']}, x: 1}}  # {SECRETS['office']}\n"
    config_file.write_text(text)
    line = f"{SECRETS['password']} {SECRETS['camera user']} {CAMERA} {SECRETS['person']}, {SECRETS['office']}"
    program = tmp_path / "bin/journalctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{line} {SECRETS['who paused']} {SECRETS['basis']} {SECRETS['username']}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    done = run("--config", str(config_file), "--output", "-", "--no-checks", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "configuration: failed" in done.stdout
    assert "surplus: unknown key" in done.stdout
    assert "== Log of" in done.stdout
    assert leaks(done.stdout) == []


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        (None, "edge.service"),
        ("/etc/edge/config.yaml", "edge.service"),
        ("/etc/edge/hall.yaml", "edge@hall.service"),
        ("/home/me/room.yaml", "edge.service"),
    ],
)
def test_the_unit_of_a_configuration(path: str | None, unit: str) -> None:
    assert unit_of(Path(path) if path else None) == unit


def test_a_check_says_when_the_place_was_calibrated(
    config_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")

    def said(*overrides: str) -> str:
        arguments = ["check", "--config", str(config_file), "--set", "camera.source=sample:5"]
        run_command_line([*arguments, *(word for each in overrides for word in ("--set", each))])
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("place"))

    config = load_config(config_file, ["camera.source=sample:5"])
    assert "not calibrated (not kept); edge setup does that" in said()
    twenty, whole = Range(20, 19, 21), Range(1, 1, 1)
    figures = Figures(30, True, twenty, twenty, twenty, whole, whole, whole, whole, 1.0, None)
    write_record(place_path(config), place_record(config, figures, "2026-11-28T15:00:00.000Z"))
    assert "calibrated 2026-11-28T15:00:00.000Z" in said()
    assert "set otherwise" not in said()
    assert "set otherwise then, so do it again" in said("camera.rotation=180")
    place_path(config).write_text("[]")
    assert "not calibrated (cannot be read (AttributeError))" in said()
