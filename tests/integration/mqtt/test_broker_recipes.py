"""The recipes of docs/scale.md for a broker, as they stand there: they work, also when they are run again."""

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
cp() { case $2 in /etc/systemd/*) ;; *) command cp "$@" ;; esac; }
stop() { if [ "$1" ]; then kill $1 && wait $1 || true; fi; }
systemctl() {
    case $* in
    daemon-reload) return ;;
    *edge-bridge)
        stop "${bridge-}"
        mount -t tmpfs tmpfs /run && install -d -o mosquitto -m 700 /run/edge-bridge /run/kept
        sed -i 's|/var/lib/edge-bridge|/run/kept|' bridge/bridge.conf
        runuser -u mosquitto -- mosquitto -c /etc/mosquitto/edge/bridge/bridge.conf 2>$folder/bridge.log & bridge=$!
        return ;;
    esac
    stop "${broker-}"
    mosquitto -c /etc/mosquitto/mosquitto.conf 2>$folder/log & broker=$!
    until (: </dev/tcp/192.168.1.10/8883) 2>/dev/null; do kill -0 $broker; sleep 0.05; done
}
folder=$1
"""
AFTERWARDS = r"""
echo === not of root
find . ! -user root -o -perm /022
echo === written by the broker
runuser -u mosquitto -- find . -path ./bridge -prune -o -writable -print
echo === secrets that the broker reads
runuser -u mosquitto -- find . -path ./bridge -prune -o -readable \( -name admin -o -name ca.key \) -print
echo === readers
for user in dashboard dashboard-page recorder; do
    mosquitto_sub -V 5 -h 192.168.1.10 -p 8883 --cafile ca.pem -i edge-$user -u $user -E -W 30 \
        -P "$(sed -n "s/^${user%-page} //p" $folder/said)" -t classroom/+/window && echo $user
done
echo === after a restart, and read again
systemctl restart mosquitto
send room-205 # it answers, and so it is ready for signals, too
kill -HUP $broker
send room-205
stop $broker
"""
SEND = r"""
send() {
    mosquitto_pub -V 5 -h 192.168.1.10 -p 8883 --cafile ca.pem -q 1 -i edge-classroom-$1 -u $1 \
        -P "$(sed -n "s/^$1[ ,]//p" $folder/said /etc/mosquitto/edge/rooms.csv)" \
        -t classroom/$1/window -m x && echo sent
}
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


AGAIN = """
echo 'max_packet_size 65536' >>/etc/mosquitto/mosquitto.conf
cd {root}
set +e # as somebody pastes it, who goes on whatever a line says
{{ {recipe} }} >>$folder/said 2>$folder/problems
{{ {one_more} }} >>$folder/said
for room in room-205 room-206 room-207; do send $room; done
sed -nE 's/^([a-z0-9-]+)[ ,][0-9a-f]{{32}}$/\\1/p' $folder/said /etc/mosquitto/edge/rooms.csv | sort | uniq -d
grep -c 'there is a user .* already; nothing was changed' $folder/problems
grep -x 'max_packet_size 65536' /etc/mosquitto/mosquitto.conf
stop $broker
"""
BRIDGE = """
make() { sh dynamic-security.sh "$@" DISTRICT -h localhost -p 8883 --cafile ca.pem -u admin -P "$(cat admin)"; }
make --school north-hill bridge-north-hill # this broker is the district's, too
make --prefix + --dashboard office edge-office
"""
CARRIED = r"""
send() { mosquitto_pub -V 5 -h 192.168.1.10 -p 8883 --cafile ca.pem -q 1 -r -i edge-classroom-room-205 -u room-205 \
    -P "$(sed -n 's/^room-205,//p' /etc/mosquitto/edge/rooms.csv)" -t classroom/room-205/info -m carried; }
send
mosquitto_sub -V 5 -h 192.168.1.10 -p 8883 --cafile ca.pem -i edge-office -u office -P DISTRICT -C 1 -W 30 \
    -t north-hill/room-205/info
runuser -u mosquitto -- stat -c '%U %a' bridge/bridge.conf
stop $bridge
stop $broker
"""


def test_a_broker_works_with_files_that_stay_root_s(tmp_path: Path) -> None:
    said = run_page(tmp_path, AFTERWARDS)
    found = dict(re.findall(r"^=== (.*)\n((?:(?!===).*\n)*)", said, re.MULTILINE))
    assert found == {
        "not of root": "",
        "written by the broker": "",
        "secrets that the broker reads": "",
        "readers": "dashboard\ndashboard-page\nrecorder\n",
        "after a restart, and read again": "sent\nsent\n",
    }
    log = (tmp_path / "log").read_text()  # of the reload, too, at which it is not root any more
    assert not re.search("Unable|denied", log), log


def test_a_broker_that_is_set_up_again_keeps_its_users(tmp_path: Path) -> None:
    recipe = page(BEGINS).replace("room-204 room-205", "room-205 room-206")
    one_more = page("docs/scale.md: cd /etc/mosquitto/edge &&", "room-206").replace("room-206", "room-207")
    said = run_page(tmp_path, AGAIN.format(root=ROOT, recipe=recipe, one_more=one_more))
    assert said == "sent\n" * 3 + "7\nmax_packet_size 65536\n", (tmp_path / "problems").read_text()


def test_a_bridge_is_set_up_beside_it_also_where_that_was_interrupted(tmp_path: Path) -> None:
    block = page("docs/scale.md: cd /etc/mosquitto/edge &&", "edge-bridge.service")
    block = block.replace("broker.district.example", "192.168.1.10").replace("s/north/north/", "s/north/north-hill/")
    before, user, _ = block.partition("sh dynamic-security.sh")
    made = user + block[len(before + user) :].partition("\n")[0]
    again = "\n".join((before, f"{before}{made}", "set +e", block, block, "set -e"))
    assert run_page(tmp_path, f"{BRIDGE}\n{again}\n{CARRIED}") == "carried\nroot 640\n"


def page(begins: str, within: str = "") -> str:
    """The commands of a block."""
    (text,) = [block.text for block in blocks() if block.name.startswith(begins) and within in block.text]
    return text


def run_page(folder: Path, afterwards: str) -> str:
    """The recipe, as root in namespaces of its own, and then these commands; returns what they say."""
    (folder / "etc").mkdir(mode=0o755)
    (folder / "etc/mosquitto.conf").touch(0o644)
    (folder / "kept").mkdir()
    os.chown(folder / "kept", pwd.getpwnam(BROKER).pw_uid, 0)
    script = f"{SURROUNDINGS}{SEND}{{ {page(BEGINS)} }} >$folder/said\n{afterwards}"
    done = subprocess.run(
        ["unshare", "--mount", "--net", "bash", "-c", script, "bash", folder], cwd=ROOT, capture_output=True,
        text=True, check=False, timeout=120, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
