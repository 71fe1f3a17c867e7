"""The audit lines: who changed what, when; no secret in them, and nothing about people in the room."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.schema import Config
from edge.daemon.audit import changes, record
from tests.support.paths import ROOT


def lines(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines() if line.startswith('{"audit":')]


secrets = st.text("abcdefgh0123456789", min_size=12, max_size=20)


@given(secrets, secrets, secrets)
def test_no_password_is_ever_in_a_line(camera: str, user: str, file: str) -> None:
    old = Config()
    new = Config.model_validate(
        {
            "camera": {"source": f"rtsp://admin:{camera}@10.0.0.9/stream?token={camera}"},
            "mqtt": {"broker": "mqtts://host:8883", "username": user, "password_file": f"/etc/{file}"},
            "deployment": {"responsible": "Jane Doe", "legal_basis": "consent"},
        }
    )
    for found in (changes(old, new), changes(new, old)):
        text = json.dumps(found)
        assert all(secret not in text for secret in (camera, user, file))
        assert found["camera.source"] == found["mqtt.username"] == "changed"
        assert "deployment.responsible" in found


def test_nothing_changed_is_no_change() -> None:
    assert changes(Config(), Config()) == {}


def test_a_line_is_one_line_whatever_somebody_calls_himself(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "edge.audit"):
        record("pause", 'Eve"}\n{"audit": "resume"', datetime(2026, 10, 4, tzinfo=timezone.utc))
    (entry,) = caplog.records
    assert "\n" not in entry.getMessage()
    assert json.loads(entry.getMessage())["by"].startswith("Eve")


def test_the_line_in_the_journal_is_nothing_but_json() -> None:
    code = (
        "from edge.cli import set_up_logging; set_up_logging()\n"
        "from edge.daemon import audit; from edge.config.schema import Config; audit.start(Config())\n"
        "import logging; logging.getLogger('edge.x').info('hello')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second = done.stderr.splitlines()
    assert json.loads(first)["audit"] == "start"
    assert second.endswith("hello")
