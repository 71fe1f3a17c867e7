"""edge-dashboard.service on an installed machine: tokens by `sudo edge access`, recording over a kill, deletion."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.paths import ROOT
from tests.system.systemd.machine import (
    Subscriber,
    fact,
    is_active,
    journal,
    must,
    pid,
    run,
    show,
    wait_for,
)

UNIT = "edge-dashboard"
STATE = Path("/var/lib/edge-dashboard")
NOBODY = 65534
ADDRESS = "http://127.0.0.1:8080"


def ask(path: str, token: str | None = None) -> int:
    """The status of an answer."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{ADDRESS}{path}", headers=headers)  # noqa: S310 - our own address
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def recorded() -> set[int]:
    """The numbers of the windows in the file."""
    file = STATE / "school.sqlite"
    if not file.exists():
        return set()
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=20)
    try:
        return {row[0] for row in database.execute("SELECT seq FROM windows")}
    finally:
        database.close()


def is_the_service_s(path: Path) -> bool:
    """Whose a file is: from 257 on systemd maps its user at its own mount, and on the disk all is nobody's."""
    user = Path(f"/proc/{pid(UNIT)}").stat().st_uid
    return user != 0 and path.stat().st_uid in (user, NOBODY)


def pages(subscriber: Subscriber) -> None:
    """From the first token to a deleted room; `setting_up` has installed the libraries of pages."""
    must((said := run("systemd-analyze", "verify", f"{UNIT}.service")) == "", f"systemd-analyze verify: {said}")
    score = run("systemd-analyze", "security", f"{UNIT}.service").strip().rsplit("\n", 1)[-1]
    run("systemctl", "start", UNIT, check=False)
    must((show(UNIT, "ExecMainStatus"), show(UNIT, "NRestarts")) == ("78", "0"), "it starts without a list of tokens")
    must("edge access add NAME" in journal(UNIT), journal(UNIT))
    fact(f"edge-dashboard: verify prints nothing; security {score.split(':', 1)[1].strip().split(' ')[0]}")
    fact("without a list of tokens: exit 78 once, and the journal says how to make one")

    said = run("edge", "access", "add", "Mrs Doe", "--role", "reader", "--rooms", "room-1,b2-*")
    token = next(word for word in said.split() if len(word) == 32)
    run("edge", "access", "add", "caretaker", "--role", "technician", "--rooms", "*")
    began = time.monotonic()
    run("systemctl", "enable", "-q", "--now", UNIT)
    took = time.monotonic() - began
    file = STATE / "access.yaml"
    must(is_the_service_s(file) and file.stat().st_mode & 0o777 == 0o600, f"access.yaml: {file.stat()}")
    must((ask("/api/about"), ask("/api/about", "wrong"), ask("/api/about", token)) == (403, 403, 200), "who may look")
    must(ask("/lesson?room=room-1&minutes=15", token) == 200, "the own room")
    must(ask("/lesson?room=room-2&minutes=15", token) == 404, "another room")
    fact(f"active {took:.1f} s after systemctl enable --now; sudo edge access: the list is the service's, mode 600")

    wait_for(lambda: len(recorded()) > 3, 30, "windows in the recording")
    os.kill(killed := pid(UNIT), signal.SIGKILL)
    subscriber.windows(2)
    wait_for(lambda: is_active(UNIT) and pid(UNIT) not in (0, killed), 40, "back after kill -9")
    last = subscriber.windows(1)[-1]["seq"]
    wait_for(lambda: last in recorded(), 30, "the newest window in the recording")
    missing = {w["seq"] for w in subscriber.of("window") if min(recorded()) <= w["seq"] <= last} - recorded()
    must(not missing, f"lost by a kill: {missing}")
    fact("kill -9 while it records: active again, and no window is missing")

    run("edge", "access", "revoke", "Mrs Doe")
    must(ask("/api/about", token) == 403, "revoked and still let in")
    said = run("edge", "access", "list")
    must("caretaker" in said and "Mrs Doe" not in said, said)
    must('"revoked": ["Mrs Doe"]' in journal(UNIT) and token not in journal(), "the audit")
    fact("edge access revoke acts at once, without a restart, and stands in the journal; no token does")

    said = run("edge", "delete", "--database", f"{STATE}/school.sqlite", "--all-rooms", "--yes")
    must("deleted" in said, said)
    said = run("edge", "delete", "--database", f"{STATE}/school.sqlite", "--list")
    must("by root" in said, said)
    strange = {str(each) for each in STATE.resolve().iterdir() if not is_the_service_s(each)}
    must(not strange, f"not the service's: {strange}")
    fact("sudo edge delete on the service's recording runs as its user; every file there stays its own")

    unit = ROOT / "systemd/edge-dashboard.service"
    unit.write_text(f"# newer\n{unit.read_text()}")
    before = pid(UNIT)
    run(str(ROOT / "systemd/install.sh"))
    must(is_active(UNIT) and pid(UNIT) != before, "an upgrade does not restart it")
    must(ask("/api/about") == 403, "it does not answer after the upgrade")
    fact("an upgrade keeps the pages, and restarts the service")
