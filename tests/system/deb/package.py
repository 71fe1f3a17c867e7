"""The package installed where nothing is configured, upgraded while it runs, removed, installed again, and purged."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import time
from pathlib import Path

from tests.support.paths import ROOT
from tests.system.systemd import machine
from tests.system.systemd.machine import ETC, Subscriber, configure, fact, is_active, must, pid, run, show, wait_for

OLD, NEW, BROKEN = "/packages/edge_old.deb", "/packages/edge_new.deb", "/packages/edge_broken.deb"
RELEASE = Path("/etc/debian_version").read_text().strip()
LIMIT = 60  # seconds of an installation, of processor time: other programs may keep this machine busy
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q")


def files() -> set[str]:
    """Every file and link, and what systemd remembers of units; not what apt and dpkg write for themselves."""
    helper = run("find", "/var/lib/systemd", "-path", "*deb-systemd-helper*", "-type", "f").split()
    return {f for f in machine.files() if not f.startswith(("/var/lib/dpkg/", "/var/lib/apt/"))} | set(helper)


def processor_seconds() -> float:
    """What the programs that have ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def apt(*arguments: str) -> str:
    """Run apt; how long it took."""
    began, used = time.monotonic(), processor_seconds()
    run(*APT, *arguments)
    used = processor_seconds() - used
    must(used < LIMIT, f"{' '.join(arguments)} took {used:.0f} s of processor time")
    return f"{time.monotonic() - began:.0f} s ({used:.0f} s of processor time)"


def memory() -> int:
    """Of the daemon, in MB, without its broker."""
    (kilobytes,) = re.findall(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid()}/status").read_text(), re.MULTILINE)
    return int(kilobytes) // 1000


def refused() -> None:
    """Beside an installation of systemd/install.sh."""
    marker = Path("/opt/edge/current")
    marker.mkdir(parents=True)
    said = run(*APT, "install", OLD, check=False)
    must("sudo systemd/install.sh --uninstall" in said, said)
    must(not Path("/usr/lib/edge/bin").exists(), "installed all the same")
    run("rm", "-r", "/opt/edge")
    run("dpkg", "--purge", "edge", check=False)
    fact("beside an installation of systemd/install.sh it refuses, and says what to do")


def install() -> None:
    """Where nothing is configured: the drawn sample room, with a broker of its own."""
    took = apt("install", OLD)
    must(is_active() and run("systemctl", "is-enabled", "edge").strip() == "enabled", "it does not run")
    size = run("dpkg-query", "-W", "-f", "${Installed-Size}", "edge")
    real = run("du", "-sm", "/usr/lib/edge").split()[0]
    fact(f"apt install without a network: {took}; {Path(OLD).stat().st_size / 1e6:.0f} MB, installed {real} MB "
         f"with bytecode (dpkg says {int(size) // 1024})")  # fmt: skip
    port = int(re.findall(r"embedded broker: mosquitto on 127.0.0.1:(\d+)", machine.journal())[-1])
    sample = Subscriber("sample", port, user=False)
    window = sample.windows(1, seconds=60)[-1]
    sample.stop()
    must(window["faces"] and window["faces"]["total"] > 0, str(window))
    fact(f"nothing configured: windows of the sample room on 127.0.0.1:{port}, {window['faces']['mean']} faces; "
         f"{memory()} MB of memory")  # fmt: skip
    about = json.loads(run("edge", "version", "--verbose", "--json"))
    must(all(model["as_its_card_says"] for model in about["models"]), str(about["models"]))
    must(not [each for each in about["packages"] if each["name"] == "av"], "PyAV is in it")
    must("Commands" in (said := run("edge", "--help")) or "usage" in said, said)
    must("the Debian package edge is installed" in run(str(ROOT / "systemd/install.sh"), check=False), "install.sh")
    fact("systemd/install.sh refuses beside the package, and says what to do")


def what_is_missing() -> None:
    """A live camera, and nobody who answers for it."""
    ETC.joinpath("config.yaml").write_text("camera: {source: usb:0}\n")
    run("systemctl", "restart", "edge", check=False)
    wait_for(lambda: show("edge", "ActiveState") == "failed", 30, "failed")
    must(show("edge", "ExecMainStatus") == "78", show("edge", "ExecMainStatus"))
    said = run("systemctl", "status", "--no-pager", "--full", "edge", check=False)
    must("deployment.responsible and deployment.legal_basis say who answers for it" in said, said)
    fact("a live camera, and nobody who answers for it: exit 78, and systemctl status says what to fill in")


def upgrade(subscriber: Subscriber) -> None:
    """While it runs, twice at once, with a configuration that the administrator has changed."""
    Path("/etc/edge/mqtt-password").write_text(machine.PASSWORD + "\n")
    os.chmod("/etc/edge/mqtt-password", 0o600)  # noqa: PTH101
    (ETC / "hall.mqtt-password").write_text(machine.PASSWORD)
    configure(privacy__min_faces="1")
    configure("hall")
    run("systemctl", "restart", "edge")
    run("systemctl", "enable", "-q", "--now", "edge@hall")
    epoch = subscriber.windows(3)[-1]["epoch"]
    subscriber.windows(1, "room-hall")
    settings = hashlib.sha256((ETC / "config.yaml").read_bytes()).hexdigest()
    before, hall = pid(), pid("edge@hall")
    took = apt("install", NEW)
    wait_for(lambda: subscriber.of("info")[-1]["version"] == "9.9.9", 30, "the new version")
    must(is_active() and pid() != before and pid("edge@hall") != hall, "not started anew")
    must(hashlib.sha256((ETC / "config.yaml").read_bytes()).hexdigest() == settings, "the configuration has changed")
    must("a new line" in (ETC / "config.yaml.dist").read_text(), "the new defaults are not shown")
    must(subscriber.windows(2)[-1]["epoch"] == epoch, "another epoch")
    subscriber.windows(1, "room-hall")
    count, _ = subscriber.complete(60)
    fact(f"upgrade while it runs: {took}, both services started anew, configuration and epoch as before; "
         f"{count} windows, no gap in their numbers; new defaults in config.yaml.dist")  # fmt: skip
    run("systemctl", "disable", "-q", "--now", "edge@hall")
    run("systemctl", "stop", "edge")


def roll_back(subscriber: Subscriber) -> None:
    """`edge upgrade`: a version that does not become ready gives way to the one before, another one stays."""
    run("systemctl", "start", "edge")
    epoch = subscriber.windows(1)[-1]["epoch"]
    said = run("edge", "upgrade", NEW, check=False)
    must("nothing to do" in said, said)
    said = run("edge", "upgrade", BROKEN, check=False)
    must("--previous" in said and "9.9.9" in said and is_active(), said)
    said = run("edge", "upgrade", "--check", "--previous", NEW, BROKEN)
    must("from 9.9.9 to 9.9.10" in said and "edge.service" in said, said)
    began = time.monotonic()
    said = run("edge", "upgrade", "--previous", NEW, BROKEN, check=False)
    took = time.monotonic() - began
    must("9.9.9 is installed again, and ready" in said and "broken" in said, said)
    must(is_active() and subscriber.windows(2)[-1]["epoch"] == epoch, "it does not count again")
    must(run("dpkg-query", "-W", "-f", "${Version}", "edge") == "9.9.9", "another version")
    fact(f"edge upgrade to a version that does not become ready: the one before was back after {took:.0f} s")
    apt("install", "--allow-downgrades", OLD)
    run("edge", "upgrade", "--previous", OLD, NEW)
    must(subscriber.of("info")[-1]["version"] == "9.9.9" and is_active(), "the new version does not run")
    fact("edge upgrade to one that does: it stays, and is kept to go back to")
    run("systemctl", "stop", "edge")


def remove(subscriber: Subscriber) -> None:
    """Configuration and outbox stay, and are used again."""
    configure(privacy__min_faces="1")
    run("systemctl", "restart", "edge")
    epoch = subscriber.windows(2)[-1]["epoch"]
    apt("remove", "edge")
    must(not is_active() and not Path("/usr/lib/edge").exists() and not Path("/usr/bin/edge").exists(), "not removed")
    must((ETC / "config.yaml").exists() and Path("/var/lib/private/edge/outbox.sqlite").exists(), "too much removed")
    apt("install", OLD)
    must(subscriber.windows(2)[-1]["epoch"] == epoch, "another epoch")
    count, _ = subscriber.complete(60)
    fact(f"removed and installed again: configuration and outbox were kept; {count} windows in all, no gap")


def purge(before: set[str]) -> None:
    """Nothing is left of ours, and no recording is deleted."""
    recorded = Path("/var/lib/private/edge-record/school.sqlite")  # of a service of docs/record.md
    theirs = {str(recorded), "/etc/edge/record.yaml"}
    recorded.parent.mkdir()
    for file in theirs:
        Path(file).touch()
    apt("purge", "edge")
    must(theirs <= files(), "the recording, or its configuration, was deleted")
    run("rm", "-r", "/etc/edge", str(recorded.parent))
    left = files() - before
    must(not left, f"left: {sorted(left)}")
    must(not (lost := before - files()), f"lost: {sorted(lost)}")
    folders = ("/usr/lib/edge", "/etc/edge", "/usr/share/doc/edge", "/var/lib/edge")
    must(not machine.private_folders() and not [f for f in folders if Path(f).exists()], "a folder is left")
    must("edge" not in run("systemctl", "list-units", "--all", "--plain", "edge*"), "a unit is left")
    fact("purged: of ours not a file, folder or unit is left, and none is missing that was there before")
