"""The recipe of docs/scale.md for a broker, as it stands there: it works, and can change nothing that root runs."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from pathlib import Path

import pytest

from tests.load.fleet.plugin_broker import missing
from tests.load.fleet.school import find
from tests.support.paths import ROOT
from tests.system.docs.blocks import blocks

BROKER = "mosquitto"  # the name of its user, too
BEGINS = "docs/scale.md: apt-get install mosquitto mosquitto-clients"
SURROUNDINGS = """
set -eu
umask 077
ip link set lo up
ip addr add 192.168.1.10/32 dev lo
mount --bind $1/etc /etc/mosquitto
mount --bind $1/kept /var/lib/mosquitto
apt-get() { :; }
systemctl() {
    mosquitto -c /etc/mosquitto/mosquitto.conf 2>$folder/log & broker=$!
    until (: </dev/tcp/192.168.1.10/8883) 2>/dev/null; do kill -0 $broker; sleep 0.05; done
}
folder=$1
"""
AFTERWARDS = r"""
echo === not of root
find . ! -user root -o -perm /022
echo === written by the broker
runuser -u mosquitto -- find . -writable
echo === secrets that the broker reads
runuser -u mosquitto -- find . -readable \( -name admin -o -name ca.key \)
echo === after a restart, and read again
send() {
    mosquitto_pub -V 5 -h 192.168.1.10 -p 8883 --cafile ca.pem -q 1 -i edge-classroom-room-205 -u room-205 \
        -P "$(sed -n 's/^room-205 //p' $folder/said)" -t classroom/room-205/window -m x && echo sent
}
kill $broker; wait $broker || true
systemctl start mosquitto
send # it answers, and so it is ready for signals, too
kill -HUP $broker
send
kill $broker; wait $broker || true
"""

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to the broker's user"),
    pytest.mark.skipif(
        bool(missing()) or any(find(name) is None for name in ("unshare", "runuser", "ip")),
        reason="Mosquitto or util-linux is not installed",
    ),
    pytest.mark.skipif(all(user.pw_name != BROKER for user in pwd.getpwall()), reason="Mosquitto has no user here"),
]


@pytest.fixture(autouse=True)
def _namespaces() -> None:
    command = ["unshare", "--mount", "--net", "ip", "link", "set", "lo", "up"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a network")


def test_a_broker_works_with_files_that_stay_root_s(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir(mode=0o755)
    (tmp_path / "etc/mosquitto.conf").touch(0o644)
    (tmp_path / "kept").mkdir()
    os.chown(tmp_path / "kept", pwd.getpwnam(BROKER).pw_uid, 0)
    (recipe,) = [block.text for block in blocks() if block.name.startswith(BEGINS)]
    script = f"{SURROUNDINGS}{{ {recipe} }} >$folder/said\n{AFTERWARDS}"
    done = subprocess.run(
        ["unshare", "--mount", "--net", "bash", "-c", script, "bash", tmp_path], cwd=ROOT, capture_output=True,
        text=True, check=False, timeout=120, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r"^=== (.*)\n((?:(?!===).*\n)*)", done.stdout, re.MULTILINE))
    assert found == {
        "not of root": "",
        "written by the broker": "",
        "secrets that the broker reads": "",
        "after a restart, and read again": "sent\nsent\n",
    }
    log = (tmp_path / "log").read_text()  # of the reload, too, at which it is not root any more
    assert not re.search("Unable|denied", log), log
