"""What the daemon of this configuration says about itself: at its broker, in the journal, and by its files."""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING, Any

from edge.contract.filters import by_name
from edge.daemon.broker_check import settings_with
from edge.daemon.paths import outbox_path, place_path, topics
from edge.daemon.running_broker import running_broker
from edge.delivery.outbox_tables import ForeignFileError, read_only
from edge.errors import EdgeError
from edge.files.bounded_read import read_file
from edge.mqtt.sync_client import SyncClient

if TYPE_CHECKING:
    from pathlib import Path

    from edge.config.schema import Config

QUIET_SECONDS = 1.0  # after which no further retained message is expected
MAX_MESSAGES = 50
LINES = 200
JOURNAL_SECONDS = 10
AUDITED = ("audit", "time", "version", "mode")  # of a line of the audit; who it was, is nobody else's business
WHO = re.compile(r"\b(command \S+ by |paused since \S+ by ).*?(: done$|, so |$)")
HEALTH = ("time", "uptime", "fps", "rss_mb", "load", "temperature_c", "outbox_depth")  # none of them about people
PLACE = ("time", "version", "mode", "detect_width", "min_face_px", "camera")
PLACE_FIGURES = ("seconds", "sharp", "enough")
MAX_PLACE = 100_000  # bytes


def at_broker(config: Config, password: str | None = None) -> dict[str, Any]:
    """What is retained of this device: alerts, and its health without figures about people.

    Args:
        config: The configuration.
        password: In place of the one that the configuration names.
    """
    try:
        return _at_broker(config, password)
    except EdgeError as error:
        return {"unreachable": str(error)}


def _at_broker(config: Config, password: str | None) -> dict[str, Any]:
    names = topics(config)
    embedded = config.mqtt.broker == "embedded"
    settings = running_broker(config, "-support") if embedded else settings_with(config, password, "-support")
    if settings is None:
        return {"unreachable": "the embedded broker of a daemon that runs was not found"}
    client = SyncClient(settings)
    found: dict[str, Any] = {"alerts": {}}
    try:
        if not client.connect():
            return {"unreachable": str(client.problem or "no MQTT there")}
        alerts = [names.alert("+")] if client.limits.wildcards else by_name(names, names.alert("+"))
        for topic in (*alerts, names.health, names.availability):
            client.subscribe([topic])
        messages = list(itertools.islice(client.messages(QUIET_SECONDS), MAX_MESSAGES))
        if not messages:  # a school's broker does not let a room hear its own alerts: that is not "no alerts"
            return {"retained": "nothing that this user may read"}
        for message in messages:
            _take(found, message.topic.split("/", 2)[2], message.payload)
    finally:
        client.stop()
    return found


def _take(found: dict[str, Any], name: str, payload: bytes) -> None:
    if name == "availability":
        found["availability"] = payload.decode(errors="replace")[:10]
        return
    try:
        content = json.loads(payload) if payload else None
    except (ValueError, RecursionError):
        return
    if not isinstance(content, dict):
        return
    if name == "health":
        found["health"] = {key: _plain(content[key]) for key in HEALTH if key in content}
    elif name.startswith("alert/"):
        keys = ("since", "problem", "remedy")
        found["alerts"][name[6:70]] = {key: _plain(content[key]) for key in keys if key in content}


def _plain(value: object) -> object:
    return value if isinstance(value, (int, float)) or value is None else str(value)[:500]


def log_lines(unit: str, journalctl: str = "journalctl") -> list[str]:
    """The last lines of a unit in the journal, not redacted; one that says why there are none.

    Args:
        unit: Such as edge.service.
        journalctl: The program.
    """
    command = [journalctl, f"--unit={unit}", f"--lines={LINES}", "--output=short-iso", "--no-hostname", "--no-pager"]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=JOURNAL_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError) as error:
        return [f"the journal cannot be read ({type(error).__name__})"]
    lines = done.stdout.decode(errors="replace").splitlines()[-LINES:]
    if done.returncode or not lines or lines == ["-- No entries --"]:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        return [f"the journal gives no lines of {unit}{f' ({reason[0]})' if reason else ''}"]
    return [without_people(line) for line in lines]


def without_people(line: str) -> str:
    """Who paused or resumed is nobody else's business; of lines of the audit only what happened and when stays."""
    head, brace, rest = line.partition('{"audit":')
    if not brace:
        return WHO.sub(r"\1***\2", line)
    try:
        content = json.loads(brace + rest)
        said = {key: content[key] for key in AUDITED if key in content}
        changed = content.get("changed")
        names = f" changed {', '.join(map(str, changed))}" if isinstance(changed, dict) else ""
    except (ValueError, RecursionError, AttributeError):
        return f"{head}(a line of the audit)"
    return f"{head}audit {', '.join(str(value) for value in said.values())}{names}"


def outbox_state(config: Config) -> dict[str, Any]:
    """How much waits in the outbox, and for how long; its windows are not read."""
    path = outbox_path(config)
    try:
        size = path.stat().st_size
    except OSError as error:
        return {"state": f"no file ({error.strerror})"}
    if not path.is_file():  # a FIFO would be waited for
        return {"state": "not a regular file"}
    found: dict[str, Any] = {"megabytes": round(size / 1e6, 2)}
    if _in_use(path):
        return {**found, "state": "in use by the daemon: its depth stands in its health, if the broker has that"}
    try:
        with read_only(path) as database:
            depth, oldest = database.execute("SELECT COUNT(*), MIN(created) FROM windows").fetchone()
    except (OSError, sqlite3.Error, ForeignFileError) as error:
        return {**found, "state": f"cannot be read ({error})"}
    age = None if not isinstance(oldest, (int, float)) else round(max(0.0, time.time() - oldest) / 3600, 2)
    return {**found, "windows_waiting": depth, "oldest_hours": age}


def _in_use(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    try:
        return log.stat().st_size > 0
    except OSError:
        return False


def kept_place(config: Config) -> dict[str, Any]:
    """When and how this place was calibrated, if somebody kept that; no figure about people."""
    path = place_path(config)
    try:
        content = json.loads(read_file(path, MAX_PLACE))
        figures = content.get("figures") or {}
        kept = {key: _plain(content[key]) for key in PLACE}
        return kept | {key: _plain(figures[key]) for key in PLACE_FIGURES if key in figures}
    except FileNotFoundError:
        return {"state": "not kept"}
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        return {"state": f"cannot be read ({type(error).__name__})"}
