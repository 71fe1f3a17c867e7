"""The service installed, twice at once, upgraded, measured under its hardening, and taken away."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT
from tests.system.systemd import machine
from tests.system.systemd.machine import (
    ETC,
    PYTHON,
    Subscriber,
    configure,
    fact,
    is_active,
    must,
    pid,
    run,
    wait_for,
)

INSTALL = str(ROOT / "systemd/install.sh")
BACKLOG_SECONDS = 180  # late windows come at a bounded rate, and on a busy machine a minute and more of them wait


def prepare() -> None:
    """A broker that wants a password, and addresses of three kinds."""
    run("ip", "link", "set", "lo", "up")
    for address in ("192.168.77.1", "203.0.113.1"):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    run("mosquitto_passwd", "-b", "-c", "/etc/mosquitto/passwords", machine.USER, machine.PASSWORD)
    os.chmod("/etc/mosquitto/passwords", 0o644)  # noqa: PTH101 - for mosquitto's own user
    lines = "listener 1883 0.0.0.0\nallow_anonymous false\npassword_file /etc/mosquitto/passwords\n"
    Path("/etc/mosquitto/conf.d/check.conf").write_text(lines)
    run("systemctl", "restart", "mosquitto")


def install() -> None:
    """From a clean tree, then again."""
    began = time.monotonic()
    said = run(INSTALL)
    must("Next:" in said, said)
    fact(f"install.sh from a clean tree: {time.monotonic() - began:.0f} s; nothing is enabled or started by it")
    must(not is_active() and run("systemctl", "is-enabled", "edge", check=False).strip() == "disabled", "not enabled")
    began, before = time.monotonic(), machine.files()
    said = run(INSTALL)
    must("up to date" in said and machine.files() == before, said)
    fact(f"install.sh again: {time.monotonic() - began:.1f} s, nothing changes")
    for unit in ("edge.service", "edge@hall.service"):
        must((said := run("systemd-analyze", "verify", unit)) == "", f"systemd-analyze verify {unit}: {said}")
        score = run("systemd-analyze", "security", unit).strip().rsplit("\n", 1)[-1]
        fact(f"systemd-analyze verify {unit} prints nothing; security {score.split(':', 1)[1].strip().split(' ')[0]}")


def instances(subscriber: Subscriber) -> None:
    """Two at once, the second with a broker of its own, under another kind of source."""
    configure("hall")
    (ETC / "hall.mqtt-password").write_text(machine.PASSWORD)
    configure("yard", broker="embedded")
    run("systemctl", "enable", "-q", "--now", "edge@hall", "edge@yard")
    port = int(re.findall(r"embedded broker: mosquitto on 127.0.0.1:(\d+)", machine.journal("edge@yard"))[-1])
    other = Subscriber("check-yard", port, user=False)
    hall, yard = subscriber.windows(3, "room-hall"), other.windows(3, "room-yard")
    must(hall[0]["epoch"] != yard[0]["epoch"], "one outbox for two")
    users = {Path(f"/proc/{pid(f'edge@{name}')}").stat().st_uid for name in ("hall", "yard")}
    must(len(users) == 2 and 0 not in users, f"users {users}")
    must(machine.private_folders() >= {"/var/lib/private/edge-hall", "/var/lib/private/edge-yard"}, "state folders")
    run("edge", "@yard", "pause")
    wait_for(lambda: other.of("state", "room-yard")[-1]["mode"] == "paused", 5, "yard paused")
    must(subscriber.of("state", "room-hall")[-1]["mode"] == "running", "hall paused too")
    must("password" not in machine.journal("edge@yard"), "an absent password disturbs")
    fact(f"two instances at once: users {sorted(users)}, two epochs; yard's own broker on {port}; paused one by one")
    fact("no /etc/edge/yard.mqtt-password: the unit starts all the same")
    run("systemctl", "disable", "-q", "--now", "edge@hall", "edge@yard")
    other.stop()


def upgrade(subscriber: Subscriber) -> None:
    """While windows wait, because the broker is away."""
    run("systemctl", "enable", "-q", "--now", "edge")
    epoch = subscriber.windows(2)[-1]["epoch"]
    config = hashlib.sha256((ETC / "config.yaml").read_bytes()).hexdigest()
    run("systemctl", "stop", "mosquitto")
    last = max(window["seq"] for window in subscriber.of("window"))
    time.sleep(4)
    old = Path("/opt/edge/current").readlink()
    source = ROOT / "edge/__init__.py"
    source.write_text(re.sub(r'__version__ = ".*"', '__version__ = "9.9.9"', source.read_text()))
    (ROOT / "config.yaml").write_text((ROOT / "config.yaml").read_text() + "# a new line\n")
    before, began = pid(), time.monotonic()
    said = run(INSTALL)
    took = time.monotonic() - began
    must(pid() != before and is_active(), "the service was not started anew")
    must("is kept" in said and "config.yaml.dist" in said, said)
    must(
        Path("/opt/edge/current").readlink() != old and not Path("/opt/edge", old).exists(),
        "the old code is still there",
    )
    must(hashlib.sha256((ETC / "config.yaml").read_bytes()).hexdigest() == config, "the configuration has changed")
    time.sleep(2)
    run("systemctl", "start", "mosquitto")
    wait_for(lambda: subscriber.of("info")[-1]["version"] == "9.9.9", 30, "the new version")

    def since() -> list[Any]:
        return [window for window in subscriber.of("window") if window["seq"] > last]

    # The first live window says how far the backlog reaches; only then can a missing number be seen at all.
    wait_for(lambda: any(not window["replayed"] for window in since()), 60, "a live window after the upgrade")
    count, drained = subscriber.complete(BACKLOG_SECONDS)
    late = [window for window in since() if window["replayed"]]
    must(late and subscriber.of("window")[-1]["epoch"] == epoch, f"{len(late)} late, or another epoch")
    fact(
        f"upgrade: {took:.0f} s, configuration and epoch as before; {len(late)} windows waited for the broker and "
        f"came within {drained:.0f} s of the first live one, {count} in all, no gap"
    )


def hardening() -> None:
    """The same work in the unit and outside, in turns; and what its addresses are."""
    exec_start = f"ExecStart=\nExecStart={PYTHON} -I /usr/local/share/bench.py"
    Path("/usr/local/share/bench.py").write_bytes((ROOT / "tests/system/systemd/bench.py").read_bytes())
    folder = Path("/run/systemd/system/edge@bench.service.d")
    folder.mkdir(parents=True)
    (folder / "bench.conf").write_text(
        f"[Service]\nType=oneshot\n{exec_start}\nStandardOutput=truncate:/run/bench.json\n"
    )
    run("systemctl", "daemon-reload")
    run("systemctl", "stop", "edge")
    hard, free = [], []
    for _ in range(6):
        run("systemctl", "start", "edge@bench")
        hard.append(json.loads(Path("/run/bench.json").read_text()))
        free.append(json.loads(run("env", "OPENBLAS_NUM_THREADS=1", PYTHON, "-I", "/usr/local/share/bench.py")))
    inside, outside = (min(result["ms"] for result in results) for results in (hard, free))
    must(hard[0]["faces"] == free[0]["faces"] >= 20, "other faces inside")
    must(hard[0]["asks_kernel"] and not hard[0]["sets_clock"], str(hard[0]))
    fact("from inside, the kernel says whether the clock is set, and nothing can set it")
    slower = f"{inside / outside - 1:+.1%}"
    fact(f"a frame with {hard[0]['faces']} faces: {inside:.2f} ms inside the unit, {outside:.2f} ms outside ({slower})")
    must(inside < 1.1 * outside, "more than 10 % slower inside")
    must(free[0]["reachable"] == ["127.0.0.1", "192.168.77.1", "203.0.113.1"], str(free[0]))
    must(hard[0]["reachable"] == ["127.0.0.1", "192.168.77.1"], str(hard[0]))
    fact("from inside, 127.0.0.1 and 192.168.77.1 can be reached, 203.0.113.1 cannot (from outside it can)")
    Path("/usr/local/share/bench.py").unlink()
    run("systemctl", "start", "edge")


def uninstall(before: set[str]) -> None:
    """What is left is what it says."""
    said = run(INSTALL, "--uninstall")
    left = [line for line in said.splitlines() if line.startswith("/")]
    strange = {f for f in machine.files() - before if not any(f == kept or f.startswith(f"{kept}/") for kept in left)}
    must(not strange, f"left and not said: {sorted(strange)}")
    must({"/etc/edge", "/var/lib/private/edge"} <= set(left), said)
    must(
        not is_active() and "edge" not in run("systemctl", "list-units", "--all", "--plain", "edge*"), "a unit is left"
    )
    fact(f"--uninstall: leaves what it says and nothing else: {', '.join(left)}")
    said = run(INSTALL, "--uninstall", "--purge")
    pages = Path("/var/lib/private/edge-dashboard")
    link = "/var/lib/edge-dashboard"
    strange = {f for f in machine.files() - before if f != link and not f.startswith(f"{pages}/school.sqlite")}
    must(not strange, f"left after --purge: {sorted(strange)}")
    must((pages / "school.sqlite").exists() and str(pages) in said, said)
    run("rm", "-r", str(pages), link)
    must(not machine.private_folders() and not ETC.exists(), "folders are left after --purge")
    fact("--uninstall --purge: leaves the recording, says so, and nothing else")
