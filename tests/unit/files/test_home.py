"""`~` in the paths of the configuration, and users without a home."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from edge.config.loader import load_config
from edge.files.home import expand_home
from tests.support.paths import ROOT

PATHS = [
    "outbox.path", "vision.emotions_model", "mqtt.password_file", "mqtt.ca_file", "mqtt.certificate_file",
    "mqtt.key_file",
]  # fmt: skip
UNKNOWN = "import os; os.setgroups([]); os.setgid(54321); os.setuid(54321)"


def test_every_path_of_the_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    config = load_config(None, [*(f"{key}=~/a/b" for key in PATHS), "mqtt.broker=mqtts://h", "mqtt.username=u"])
    for key in PATHS:
        section, name = key.split(".")
        assert getattr(getattr(config, section), name) == f"{tmp_path}/a/b", key
    for kind in ("file", "images"):
        assert load_config(None, [f"camera.source={kind}:~/a b"]).camera.source == f"{kind}:{tmp_path}/a b"
    assert load_config(None, ["camera.source=file:a~b"]).camera.source == "file:a~b"


def test_whose_home(monkeypatch: pytest.MonkeyPatch) -> None:
    root = pwd.getpwuid(0)
    assert expand_home(f"~{root.pw_name}/x") == f"{root.pw_dir.rstrip('/')}/x"
    assert expand_home("./~x") == "./~x"
    for home in ("", "relative"):
        monkeypatch.setenv("HOME", home)
        assert expand_home("~") == pwd.getpwuid(os.getuid()).pw_dir
    monkeypatch.setenv("HOME", "/")
    assert (expand_home("~"), expand_home("~/x")) == ("/", "/x")
    with pytest.raises(ValueError, match=r"there is no user 'nobody-here'; .* \./~nobody-here/x"):
        expand_home("~nobody-here/x")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become an unknown user")
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "load_config(None, ['outbox.path=~/x'])",
            "found '~/x'; user 54321 has no home folder for ~; write",
        ),
        ("outbox_path(load_config(None))", "user 54321 has no home folder for the outbox: set outbox.path, or HOME"),
        ("print(outbox_path(load_config(None, ['outbox.path=/x/y'])))", "/x/y"),
    ],
)
def test_an_unknown_user_without_a_home(call: str, expected: str) -> None:
    environment = {name: text for name, text in os.environ.items() if name not in ("HOME", "XDG_STATE_HOME")}
    # Called once as root, so that everything is imported: the project may lie where no other user may look.
    imports = "from edge.config.loader import load_config\nfrom edge.daemon.paths import outbox_path\n"
    imports += "load_config(None, ['outbox.path=/x'])"
    script = f"{imports}\n{UNKNOWN}\nfrom edge.errors import EdgeError\ntry:\n {call}\nexcept EdgeError as e: print(e)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert expected in done.stdout, done.stderr
