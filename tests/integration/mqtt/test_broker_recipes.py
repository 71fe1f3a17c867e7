"""The recipes of docs/scale.md for a broker, as they stand there: they work, also when they are run again."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.load.fleet.plugin_broker import missing
from tests.load.fleet.school import find
from tests.support.paths import ROOT
from tests.system.docs.blocks import blocks

BROKER = "mosquitto"  # the name of its user, too
BEGINS = "docs/scale.md: (set -e; apt-get install mosquitto mosquitto-clients openssl"
BRIDGE_BEGINS = "docs/scale.md: (set -e; umask 077; cd /etc/mosquitto/edge"
SURROUNDINGS = """
set -eu
umask 077
ip link set lo up
ip addr add 192.168.1.10/32 dev lo
mount --bind $1/etc /etc/mosquitto
mount --bind $1/kept /var/lib/mosquitto
apt-get() { :; }
install() { case $* in */etc/systemd/*) test -e "$3" ;; *) command install "$@" ;; esac; }
# Blocks start them in shells of their own, so nobody waits for them: one that has ended may be a zombie.
runs() { [ -e $folder/$1 ] && [ "$(cat /proc/$(cat $folder/$1)/comm 2>/dev/null)" = mosquitto ]; }
stop() { if runs $1; then kill $(cat $folder/$1); while runs $1; do sleep 0.05; done; fi; }
trap 'stop bridge; stop broker' EXIT
systemctl() {
    case $* in
    daemon-reload) return ;;
    *edge-bridge)
        stop bridge
        mountpoint -q /run/kept || { mount -t tmpfs tmpfs /run && mkdir /run/kept && mount -t tmpfs tmpfs /run/kept; }
        command install -d -o mosquitto -m 700 /run/edge-bridge /run/kept
        sed -i 's|/var/lib/edge-bridge|/run/kept|' /etc/mosquitto/edge/bridge/bridge.conf
        setpriv --reuid mosquitto --regid mosquitto --clear-groups \\
            mosquitto -c /etc/mosquitto/edge/bridge/bridge.conf >$folder/bridge.log 2>&1 &
        echo $! >$folder/bridge
        return ;;
    esac
    stop broker
    mosquitto -c /etc/mosquitto/mosquitto.conf >$folder/log 2>&1 &
    echo $! >$folder/broker
    until (: </dev/tcp/192.168.1.10/8883) 2>/dev/null; do kill -0 $(cat $folder/broker); sleep 0.05; done
}
folder=$1
"""
AFTERWARDS = r"""
cd /etc/mosquitto/edge
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
kill -HUP $(cat $folder/broker)
send room-205
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
"""
PASSWORD = "a&b|c/d $HOME `e`; #f"  # which no program may take for words of its own
BRIDGE = r"""
cd /etc/mosquitto/edge
make() { sh dynamic-security.sh "$@" -h localhost -p 8883 --cafile ca.pem -u admin -P "$(cat admin)"; }
make --school north-hill bridge-north-hill 'PASSWORD' # this broker is the district's, too
for kind in dashboard commander; do make --prefix + --$kind office-$kind edge-office-$kind DISTRICT; done
to() { echo "-h 192.168.1.10 -p 8883 --cafile ca.pem -q 1 -i $1 -u $2"; }
room() { mosquitto_$1 -V 5 $(to edge-classroom-room-205 room-205) -P "$(sed -n 's/^room-205,//p' rooms.csv)" "${@:2}"; }
read_there() { mosquitto_sub $(to edge-office-dashboard office-dashboard) -P DISTRICT -W 60 "$@"; }
give() { mosquitto_pub -V 5 $(to edge-office-commander office-commander) -P DISTRICT "$@"; }
""".replace("PASSWORD", PASSWORD)
CARRIED = r"""
room pub -r -t classroom/room-205/info -m carried
read_there -C 1 -t north-hill/room-205/info
runuser -u mosquitto -- stat -c '%U %a' bridge/bridge.conf
"""
FAILS = r"""
pasted() { set +e; "$1"; echo "$2: $?"; set -e; } # into a shell that goes on whatever a line says
as_shipped() { cmp bridge/bridge.conf ROOT/docs/mosquitto/bridge/bridge.conf; }
as_it_stands() { AS_IT_STANDS
}
block() { BLOCK
}
pasted as_it_stands 'the password of the district'; as_shipped
mv bridge ..; pasted block folder; mv ../bridge .; as_shipped
openssl() { return 1; }; pasted block 'its own password'; unset -f openssl; as_shipped
mv admin ..; pasted block administrator; mv ../admin .
mv ca.pem ..; pasted block authority; mv ../ca.pem .
mv bridge/edge-bridge.service ..; pasted block unit
[ ! -e $folder/bridge.log ]
"""
COMMANDS = r"""
read_there -c -E -t north-hill/+/window
read_there -c -F %p -t north-hill/+/window >$folder/windows & reader=$!
windows() { # FROM TO SECONDS between them
    seq $1 $2 | while read -r number; do echo $number; sleep $3; done | room pub -l -t classroom/room-205/window
}
until grep -qx 1 $folder/windows; do windows 1 1 0.2; done # the bridge carries
windows 2 COUNT 0.02 & sending=$! # some are on their way, others wait for it
BLOCK
wait $sending
arrived() { sort -nu $folder/windows | wc -l; }
for _ in $(seq 100); do [ $(arrived) = COUNT ] || sleep 0.2; done
kill $reader
arrived
room sub -C 1 -W 60 -F %p -t classroom/room-205/cmd/+ & taking=$!
while kill -0 $taking 2>/dev/null; do give -t north-hill/room-205/cmd/pause -m paused; sleep 0.2; done
stat -c '%U %a' bridge/bridge.conf
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
    before, _, _ = bridge_block().partition("sh dynamic-security.sh")
    user = 'make --dashboard bridge edge-bridge "$password"'
    again = "\n".join((f"{before})", f"{before}{user}\n)", "set +e", bridge_block(), bridge_block(), "set -e"))
    assert run_page(tmp_path, f"{BRIDGE}\n{again}\n{CARRIED}") == "carried\nroot 640\n"


def test_no_bridge_is_started_after_a_line_that_failed(tmp_path: Path) -> None:
    fails = FAILS.replace("AS_IT_STANDS", page(BRIDGE_BEGINS)).replace("BLOCK", bridge_block())
    said = run_page(tmp_path, BRIDGE + fails.replace("ROOT", str(ROOT)))
    failed = ("the password of the district", "folder", "its own password", "administrator", "authority", "unit")
    pattern = "remote_password CHANGE-ME\n" + "".join(rf"{what}: [1-9]\d*\n" for what in failed)
    assert re.fullmatch(pattern, said), said


def test_the_unit_starts_no_bridge_without_its_passwords(tmp_path: Path) -> None:
    folder = ROOT / "docs/mosquitto/bridge"
    (command,) = re.findall("^ExecStartPre=(.*)", (folder / "edge-bridge.service").read_text(), re.MULTILINE)
    place, ours = "/etc/mosquitto/edge/bridge/bridge.conf", tmp_path / "bridge.conf"
    assert place in command
    for text, starts in (((folder / "bridge.conf").read_text(), False), ("remote_password x\n", True)):
        ours.write_text(text)
        done = subprocess.run(shlex.split(command.replace(place, str(ours))), capture_output=True, check=False)
        assert (done.returncode == 0) == starts


def test_a_bridge_that_is_given_commands_loses_no_window(tmp_path: Path) -> None:
    enable = page("docs/scale.md: cd /etc/mosquitto/edge &&", "addGroupClient")
    commands = COMMANDS.replace("BLOCK", enable).replace("COUNT", "200")
    said = run_page(tmp_path, f"{BRIDGE}\n{bridge_block()}\n{commands}")
    assert said == "200\npaused\nroot 640\n"


def bridge_block() -> str:
    """For a school of another name."""
    block = page(BRIDGE_BEGINS)
    for shipped, ours in (
        ("broker.district.example", "192.168.1.10"), ("school=north", "school=north-hill"),
        ("'CHANGE-ME'", f"'{PASSWORD}'"),
    ):  # fmt: skip
        assert shipped in block
        block = block.replace(shipped, ours)
    return block


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
