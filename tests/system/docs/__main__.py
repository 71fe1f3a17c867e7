"""Run the commands of the documentation as they stand there.

python -m tests.system.docs                  all that can be run here; some minutes
python -m tests.system.docs docs/record.md   those of one page

Needs root, Mosquitto and its clients, nftables, strace and `unshare`: the commands see a network of their own, where
192.168.1.10 and broker.example are this machine, an empty /etc/mosquitto and /var/lib/mosquitto, and a copy of the last
commit. Prints a line for each command; exit status 1 when one does not do what the page says.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.support.brokers import can_connect, wait_for
from tests.support.paths import ROOT
from tests.system.docs.blocks import Block, Elsewhere, Here, blocks, treatment

INSIDE = "EDGE_DOCS_INSIDE"
LONGEST = 60.0  # seconds until a command has ended, or has shown what it has to show
PUBLISHES = ["-m", "edge", "run", "--set", "mqtt.broker=mqtt://127.0.0.1:1883", "--set", "window.seconds=1"]
EVERY_WINDOW = ["-t", "classroom/+/window", "-C", "1"]
SYSTEMCTL = """#!/bin/sh
# Restarts a broker that blocks of a page share, and does nothing else; the last of these blocks ends it.
[ "$*" = "restart mosquitto" ] || exit 0
mosquitto -c /etc/mosquitto/mosquitto.conf >/dev/null 2>&1 &
echo $! >/run/edge-docs.pid
sleep 2
"""
EVERYBODY = "listener 1883 0.0.0.0\nallow_anonymous true\n"


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="*", help="pages from the root of the repository (default: all)")
    args = parser.parse_args()
    if INSIDE not in os.environ:
        command = ["unshare", "--mount", "--net", sys.executable, "-m", "tests.system.docs", *args.page]
        return subprocess.run(command, cwd=ROOT, env={**os.environ, INSIDE: "1"}, check=False).returncode
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        chosen = [block for block in blocks() if not args.page or block.page in args.page]
        return 1 if [block for block in chosen if not try_block(block, Path(folder))] else 0


def prepare(folder: Path) -> None:
    """A network of our own, a host's name, a copy of the last commit, and stand-ins for what is not to be run."""
    for command in (
        "ip link set lo up",
        "ip addr add 192.168.1.10/32 dev lo",
        f"cp /etc/hosts {folder}/hosts",
        f"mount --bind {folder}/hosts /etc/hosts",
        f"cp /etc/nftables.conf {folder}/nftables.conf",
        f"mount --bind {folder}/nftables.conf /etc/nftables.conf",
        f"mkdir {folder}/mosquitto {folder}/kept {folder}/bin {folder}/home {folder}/edge",
        f"mount --bind {folder}/mosquitto /etc/mosquitto",
        f"chown mosquitto {folder}/kept",
        f"mount --bind {folder}/kept /var/lib/mosquitto",
        f"git archive HEAD | tar -x -C {folder}/edge",
        f"chmod 755 {folder}",
    ):
        subprocess.run(command, shell=True, check=True, cwd=ROOT)  # noqa: S602 - our own words
    with (folder / "hosts").open("a") as file:
        file.write("127.0.0.1 broker.example\n")
    edge = f'#!/bin/sh\nPYTHONPATH={folder}/edge exec {sys.executable} -m edge "$@"\n'
    # `./run` sets the environment up first, which tests/system/install tries; here it is the one that runs this.
    python = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
    scripts = {
        "bin/edge": edge, "edge/run": edge, "edge/.venv/bin/edge": edge, "edge/.venv/bin/python": python,
        "bin/sudo": '#!/bin/sh\nexec "$@"\n', "bin/nano": "#!/bin/sh\n", "bin/apt-get": "#!/bin/sh\n",
        "bin/systemctl": SYSTEMCTL,
    }  # fmt: skip
    (folder / "edge/.venv/bin").mkdir(parents=True)
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def try_block(block: Block, folder: Path) -> bool:
    """Whether all commands of a block do what they should; says which do."""
    how = treatment(block)
    if how is None:
        print(f"{block.name}\n    not listed in tests/system/docs/blocks.py")
        return False
    if isinstance(how, Elsewhere):
        print(f"{block.name}\n    -> {how.path}")
        return True
    print(block.name)
    good = True
    (folder / "where").write_text(f"{folder}/edge\n")
    with surroundings(folder, how) as environment:
        for line in [*block.lines(), *filter(None, [how.afterwards])]:
            if line.startswith(how.leave_out or "\0"):
                print(f"    left out  {line}")
                continue
            good &= try_line(line, how, environment, folder)
    return good


@contextmanager
def surroundings(folder: Path, how: Here) -> Iterator[dict[str, str]]:
    """A broker that everybody may use, and a room that publishes there or has done so; or neither."""
    environment = {**os.environ, "HOME": f"{folder}/home", "PATH": f"{folder}/bin:{os.environ['PATH']}:/usr/sbin"}
    if not how.broker:
        yield environment
        return
    (folder / "everybody.conf").write_text(EVERYBODY)
    broker = subprocess.Popen(
        ["/usr/sbin/mosquitto", "-c", folder / "everybody.conf"], stderr=subprocess.DEVNULL, env=environment
    )
    wait_for(lambda: can_connect(1883), 10, "the broker")
    room = subprocess.Popen(
        [sys.executable, *PUBLISHES], cwd=folder / "edge", env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        subprocess.run(["mosquitto_sub", *EVERY_WINDOW, "-W", "60"], check=True, stdout=subprocess.DEVNULL)
        if not how.room:
            room.send_signal(signal.SIGTERM)
            room.wait(20)
        yield environment
    finally:
        for process in (room, broker):
            process.terminate()
            process.wait(20)


def try_line(line: str, how: Here, environment: dict[str, str], folder: Path) -> bool:
    """Run one command, with Ctrl-C where it never ends; whether it did what it should."""
    command = line
    for word, ours in how.change.items():
        command = command.replace(word, ours)
    now = datetime.now().astimezone()
    command = command.replace("TODAY", f"{now:%Y-%m-%d}").replace("THIS_WEEK", f"{now:%G-W%V}")
    until = next((text for start, text in how.until.items() if line.startswith(start)), None)
    began = time.monotonic()
    process = subprocess.Popen(
        ["bash", "-c", f"{command}\nstatus=$?; pwd >{folder}/where; exit $status"],
        env={**environment, "PYTHONUNBUFFERED": "1"},
        cwd=(folder / "where").read_text().strip(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True, text=True, errors="replace",
    )  # fmt: skip
    said: list[str] = []
    reading = threading.Thread(target=lambda: said.extend(iter(process.stdout.readline, "")), daemon=True)  # type: ignore[union-attr]
    reading.start()
    shown = until is None
    while process.poll() is None and time.monotonic() - began < LONGEST:
        if until is not None and re.search(until, "".join(said)):
            shown = True
            time.sleep(3)  # what was shown goes on: a recorder that is connected stores windows of a second each
            break
        time.sleep(0.1)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    reading.join(5)
    wanted = (1,) if line.startswith(how.finds_nothing or "\0") else (0,) if until is None else (0, 130, -signal.SIGINT)
    good = shown and process.returncode in wanted
    print(f"    {'ok' if good else 'FAILED':8}  {time.monotonic() - began:5.1f} s  {line}")
    if not good:
        print(f"              exit status {process.returncode}" + ("" if shown else f", without {until!r}"))
        print("".join(f"              | {each}" for each in said[-25:]))
    return good


if __name__ == "__main__":
    sys.exit(main())
