"""The service from day to day: started, hung, killed, paused, stopped, badly configured."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from tests.support.paths import ROOT
from tests.system.systemd import machine
from tests.system.systemd.machine import (
    COMMAND,
    PYTHON,
    Subscriber,
    configure,
    fact,
    is_active,
    must,
    pid,
    run,
    show,
    wait_for,
)

CAMERA = 8554


def ready(subscriber: Subscriber) -> None:
    """Active only after READY, which comes after the camera, here one that takes four seconds to answer."""
    Path("/etc/edge/mqtt-password").write_text(machine.PASSWORD + "\n")
    os.chmod("/etc/edge/mqtt-password", 0o600)  # noqa: PTH101
    camera = subprocess.Popen([PYTHON, str(ROOT / "tests/support/network_camera.py"), str(CAMERA)])
    threading.Thread(target=delayed, args=(4.0,), daemon=True).start()
    configure(source=f"http://127.0.0.1:{CAMERA + 1}/", privacy__min_faces="1")
    began = time.monotonic()
    run("systemctl", "start", "--no-block", "edge")
    time.sleep(3)
    must(show("edge", "ActiveState") == "activating", "it is active before the camera has answered")
    status = show("edge", "StatusText")
    wait_for(is_active, 30, "active")
    fact(f"activating for {time.monotonic() - began:.1f} s with a camera that answers after 4 s (status: {status!r})")
    subscriber.windows(2)
    fact(f"windows are published, with the password of the credential; status now: {show('edge', 'StatusText')!r}")
    limits = Path(f"/proc/{pid()}/limits").read_text()
    must(re.search(r"Max core file size +0 ", limits), "a core dump could hold a frame")
    if re.search(r"Max locked memory +unlimited", limits):  # a sandbox may keep systemd from raising it
        locked = re.search(r"^VmLck:\s+(\d+)", Path(f"/proc/{pid()}/status").read_text(), re.MULTILINE)
        must(locked and int(locked[1]) > 0, "its memory is not locked")

    machine.drop_in("watchdog", "WatchdogSec=4")
    run("systemctl", "restart", "edge")
    subscriber.windows(1)
    first, restarts = pid(), show("edge", "NRestarts")
    camera.send_signal(signal.SIGKILL)
    wait_for(lambda: subscriber.of("state")[-1]["mode"] == "camera_lost", 20, "camera_lost")
    time.sleep(10)
    must(pid() == first and show("edge", "NRestarts") == restarts, "killed for having no camera")
    camera = subprocess.Popen([PYTHON, str(ROOT / "tests/support/network_camera.py"), str(CAMERA)])
    wait_for(lambda: subscriber.of("state")[-1]["mode"] == "running", 40, "the camera is back")
    fact("10 s without a camera, with a watchdog of 4 s: not killed, state camera_lost, then running again")
    camera.kill()
    machine.drop_in("watchdog", "")
    configure()
    run("systemctl", "restart", "edge")


def delayed(seconds: float) -> None:
    """A way to the camera that is silent at first."""
    with socket.create_server(("127.0.0.1", CAMERA + 1)) as server:
        opened = time.monotonic()
        while True:
            client, _ = server.accept()
            time.sleep(max(0.0, opened + seconds - time.monotonic()))
            try:
                upstream = socket.create_connection(("127.0.0.1", CAMERA), 2)
            except OSError:
                client.close()
                continue
            upstream.sendall(client.recv(65536))
            threading.Thread(target=pump, args=(upstream, client), daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Carry the pictures."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        source.close()
        target.close()


def hang_and_die(subscriber: Subscriber) -> None:
    """The watchdog, and kill -9."""
    subscriber.windows(2)
    fed = float(show("edge", "WatchdogTimestampMonotonic")) / 1e6
    must(time.monotonic() - fed < 10, "the watchdog was not fed within a third of its time")
    hung, restarts = pid(), int(show("edge", "NRestarts"))
    os.kill(hung, signal.SIGSTOP)
    killed = wait_for(lambda: pid() != hung, 60, "the watchdog")
    must("Watchdog timeout" in machine.journal(), "something else killed it")
    back = killed + wait_for(lambda: is_active() and pid() not in (0, hung), 40, "back after the watchdog")
    must(int(show("edge", "NRestarts")) == restarts + 1, "one restart")
    subscriber.windows(2)
    trace = "; the journal says where it hung" if "Current thread" in machine.journal() else ""
    fact(f"hung (SIGSTOP): killed after {killed:.0f} s (WatchdogSec=30), active again after {back:.0f} s{trace}")
    hung = pid()
    os.kill(hung, signal.SIGKILL)
    back = wait_for(lambda: is_active() and pid() not in (0, hung), 40, "back after kill -9")
    subscriber.windows(2)
    count, _ = subscriber.complete(30)
    fact(f"kill -9: active again after {back:.0f} s; {count} windows so far, no gap in their numbers")


def pause(subscriber: Subscriber) -> None:
    """By root at the device, longer than the watchdog waits, and over a kill."""
    machine.drop_in("watchdog", "WatchdogSec=4")
    run("systemctl", "restart", "edge")
    subscriber.windows(1)
    restarts = show("edge", "NRestarts")
    checked = run("edge", "check")
    of_edge = [line for line in checked.splitlines() if not line.startswith("clock")]  # which is the machine's
    must("\n".join(of_edge).count(" ok ") == 8, checked)
    began = time.monotonic()
    run("edge", "pause", "--by", "the check")
    took = time.monotonic() - began
    wait_for(lambda: subscriber.of("state")[-1]["mode"] == "paused", 5, "paused")
    time.sleep(10)
    must(show("edge", "NRestarts") == restarts and is_active(), "a pause is killed by the watchdog")
    file = Path("/var/lib/edge/outbox.pause").stat()
    must(file.st_uid == Path("/var/lib/edge/").stat().st_uid != 0, "the pause file is not the service's")
    os.kill(paused := pid(), signal.SIGKILL)
    wait_for(lambda: is_active() and pid() not in (0, paused), 40, "back after kill -9")
    time.sleep(2)
    must(subscriber.of("state")[-1]["mode"] == "paused", "a kill ended the pause")
    run("edge", "resume")
    subscriber.windows(1)
    must(not Path("/var/lib/edge/outbox.pause").exists(), "the pause file stays")
    refused = run("setpriv", "--reuid", "65534", COMMAND, "pause", check=False)
    must("needs root" in refused, refused)
    fact(f"sudo edge pause ({took:.1f} s) and resume: 10 s of pause with a watchdog of 4 s, kept over kill -9")
    fact("sudo edge check: eight parts ok, as the service's user, with its password")
    machine.drop_in("watchdog", "")


def reload(subscriber: Subscriber) -> None:
    """SIGHUP by systemctl reload."""
    before = pid()
    configure(window__seconds="2")
    run("systemctl", "reload", "edge")
    wait_for(lambda: subscriber.of("info")[-1]["window_seconds"] == 2, 10, "new window length")
    # A busy machine has windows of the former length on their way.
    wait_for(lambda: subscriber.of("window")[-1]["window"]["seconds"] == 2, 40, "windows of the new length")
    must(pid() == before and is_active(), "the same process")
    fact("systemctl reload: new window length, same process")
    configure()


def stop(subscriber: Subscriber) -> None:
    """Cleanly."""
    began = time.monotonic()
    run("systemctl", "stop", "edge")
    took = time.monotonic() - began
    must((show("edge", "Result"), show("edge", "ExecMainStatus")) == ("success", "0"), "not a clean end")
    wait_for(lambda: subscriber.of("availability")[-1] == "offline", 5, "offline")
    fact(f"systemctl stop: {took:.1f} s, exit 0, availability offline")


def exits() -> None:
    """78 stays down; 66 is tried again."""
    configure(window__seconds='"soon"')
    run("systemctl", "start", "edge", check=False)
    time.sleep(14)  # RestartSec is 10
    must((show("edge", "ExecMainStatus"), show("edge", "NRestarts")) == ("78", "0"), "not 78 once")
    must(show("edge", "ActiveState") == "failed", "78 does not stay down")
    lines = [line for line in machine.journal().splitlines() if "window.seconds: found" in line]
    must(len(lines) == 1, "not said once")
    fact(f"bad configuration: exit 78 once, stays down; the journal says {lines[0].strip()!r}")
    must(
        subprocess.run([COMMAND, "check"], capture_output=True, check=False).returncode == 1,
        "check: not 1",
    )
    configure(source="/dev/video7")
    run("systemctl", "start", "--no-block", "edge")
    wait_for(lambda: int(show("edge", "NRestarts")) >= 2, 60, "two restarts without a camera")
    must(show("edge", "ExecMainStatus") in ("66", "0"), "not 66")
    fact("no camera: exit 66, started again every 10 s")
    run("systemctl", "stop", "edge")
    configure()
