"""Every block of shell commands in the documentation, and how it is tried: here, or by another script of the tests.

A block is listed by its page and the beginning of its first line. One that is not listed fails a unit test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Commands of a page.

    Args:
        page: The page, from the root of the repository.
        text: The commands as they stand there.
    """

    page: str
    text: str

    @property
    def name(self) -> str:
        """Its page and its first line."""
        return f"{self.page}: {self.text.splitlines()[0].split('   ')[0].strip()}"

    def lines(self) -> Iterator[str]:
        """The commands one by one, without comments; a line that goes on is one."""
        yield from joined(self.text.replace("\\\n", " ").splitlines())


def joined(lines: list[str]) -> Iterator[str]:
    """Lines of a shell, those of a loop or of a shell of their own as one command."""
    loop: list[str] = []
    for line in lines:
        command = re.sub(r"(^|\s)#\s.*", "", line).rstrip()
        if not command.strip():
            continue
        loop.append(command.strip())
        opened = sum(each.startswith(("for ", "while ", "(set -e")) and not each.endswith("done") for each in loop)
        if opened == loop.count("done") + loop.count(")"):
            yield "\n".join(loop)
            loop = []


def blocks() -> list[Block]:
    """All of them, page by page."""
    return [
        Block(page.relative_to(ROOT).as_posix(), text) for page in PAGES for text in BLOCK.findall(page.read_text())
    ]


@dataclass(frozen=True)
class Here:
    """Tried by `python -m tests.system.docs` in a folder of its own.

    Args:
        until: For commands that never end by themselves: what has to be in their output before Ctrl-C ends them.
        change: Words of the page that stand for something of the reader's, such as a day, and what is used.
        leave_out: The beginnings of commands that need something that is not here.
        broker: Whether there is a broker on port 1883 of this machine; without it the port is free.
        room: Whether a room publishes there meanwhile; else it has just stopped.
        finds_nothing: The beginnings of commands that end with 1 where all is well, as grep does.
        afterwards: One more command, which shows that the block has worked.
    """

    until: Mapping[str, str] = field(default_factory=dict)
    change: Mapping[str, str] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    broker: bool = True
    room: bool = True
    finds_nothing: tuple[str, ...] = ()
    afterwards: str = ""


@dataclass(frozen=True)
class Elsewhere:
    """Tried by a script or test in this file of the repository, which does what the block says."""

    path: str


INSTALLED = Elsewhere("tests/system/systemd/check.sh")
IMAGE = Elsewhere("tests/system/container/check.sh")  # with podman
COMPOSE = Elsewhere("tests/system/container/compose.sh")
DEBIAN = Elsewhere("tests/system/deb/check.sh")
BARE = Elsewhere("tests/system/install/check.sh")
PUT_BACK = Elsewhere("tests/integration/recording/test_put_back.py")
DAY = {"2026-11-18": "TODAY", "2026-W47": "THIS_WEEK", " --from 08:00 --to 08:45": ""}
END_BROKER = "kill -0 $(cat /run/edge-docs.pid) && kill $(cat /run/edge-docs.pid)"
CARD = """.venv/bin/python -c '
import pathlib, yaml
for each in yaml.safe_load(open("cards/room-101/user-data"))["write_files"]:
    pathlib.Path("../home", pathlib.Path(each["path"]).name).write_text(each["content"])'
"""
READER = {"edge record": "connected", "./run record": "connected"}
TREATMENT: dict[str, Here | Elsewhere] = {
    "README.md: git clone REPOSITORY edge && cd edge": BARE,
    "README.md: ./run setup": Here(
        until={"./run setup": "http://", "./run watch": "room-1", "./run dashboard": "http://"}
    ),
    "README.md: pipx install 'edge_emotions-0.3.0-py3-none-any.whl[broker]' ": Elsewhere(
        "tests/system/install/test_wheel.py"
    ),
    "README.md: sudo apt install git mosquitto mosquitto-clients": INSTALLED,
    "README.md: ./run record --database school.sqlite": Here(until=READER),
    "CONTRIBUTING.md: ./test": BARE,
    "CONTRIBUTING.md: bash tests/system/install/check.sh bookworm": BARE,
    "docs/benchmarks.md: edge bench": Elsewhere("tests/integration/cli/test_bench.py"),
    "docs/dashboard.md: ./run dashboard": Here(until={"./run dashboard": "http://"}),
    "docs/dashboard.md: ./run dashboard --database school.sqlite --timetable docs/timetable.yaml": Here(
        until={"./run dashboard": "http://"}
    ),
    "docs/dashboard.md: (umask 077; openssl rand -hex 16 > token)": Here(until={"./run dashboard": "http://"}),
    "docs/dashboard.md: ./run access add smith --role reader --rooms 'room-1,b2-*' --exp": Here(
        until={"./run dashboard": "http://"}, change={"2027-07-31": "2999-07-31"}
    ),
    "docs/dashboard.md: sudo systemd/install.sh --pages": INSTALLED,
    "docs/district.md: sudo apt install nftables": Elsewhere("tests/integration/mqtt/test_limits.py"),
    "docs/district.md: sudo apt install postgresql": Elsewhere("tests/integration/recording/test_postgres.py"),
    "docs/district.md: pip install 'edge-emotions[district]'": Elsewhere(
        "tests/integration/recording/test_postgres_kills.py"
    ),
    "docs/district.md: edge dashboard": Elsewhere("tests/integration/web/test_dashboard_district.py"),
    "docs/district.md: edge delete": Elsewhere("tests/integration/recording/test_deletion_stores.py"),
    "docs/district.md: pg_restore -f /dev/null": Elsewhere("tests/integration/recording/test_restore.py"),
    "docs/district.md: edge record --database postgresql://edge_recorder@db.": Elsewhere(
        "tests/integration/recording/test_copy_school.py"
    ),
    "docs/district.md: edge record --database postgresql://edge_recorder@db.example/edge --school north --s": Elsewhere(
        "tests/integration/recording/test_shared_recorders.py"
    ),
    "docs/home-assistant.md: edge announce --client-id edge-announcer --set mqtt.username=": Elsewhere(
        "tests/integration/mqtt/test_room_announcer.py"
    ),
    "docs/home-assistant.md: mosquitto_pub -h broker.north.example -p 8883": Elsewhere(
        "tests/integration/mqtt/test_room_announcer.py"
    ),
    "docs/home-assistant.md: ./run unregister": Here(room=False),
    "docs/install-jetson.md: sudo apt install -y git mosquitto mosquitto-clients python3-": Elsewhere(
        "tests/system/gstreamer/check.sh"
    ),
    "docs/install-pi.md: sudo apt update": INSTALLED,
    "docs/install-pi.md: git clone REPOSITORY edge && cd edge": BARE,
    "docs/install-pi.md: cp config.yaml ~/room.yaml": Here(until={"./run setup": "http://"}),
    "docs/install-pi.md: ssh -L 8787:127.0.0.1:8787 tech@room-204": Here(leave_out=("ssh",)),
    "docs/install-pi.md: ./run check --config ~/room.yaml": Here(
        until={"./run run": r"\d faces"}, change={"~/room.yaml": "config.yaml"}, broker=False
    ),
    "docs/masks.md: edge masks": Here(),
    "docs/install-pi.md: sudo systemd/install.sh": INSTALLED,
    "docs/install-pi.md: sudo apt install python3-gpiozero python3-lgpio": Elsewhere(
        "tests/unit/hardware/test_gpio.py"
    ),
    "README.md: sudo apt install ./edge_*.deb": DEBIAN,
    "docs/container.md: gunzip <edge_0.3.0_amd64.image.tar.gz | docker load": IMAGE,
    "docs/container.md: cd docs/container": COMPOSE,
    "docs/container.md: sudo apt install --no-install-recommends mmdebstrap buildah": IMAGE,
    "docs/many-boxes.md: sudo edge upgrade --check edge_NEWER.deb": DEBIAN,
    "docs/many-boxes.md: for room in room-204 room-205; do": DEBIAN,
    "docs/packaging.md: sudo apt install ./edge_0.3.0+deb12_arm64.deb": DEBIAN,
    "docs/packaging.md: sudo apt install debhelper lintian python3-venv": DEBIAN,
    "docs/parquet.md: edge export": Elsewhere("tests/integration/recording/test_export.py"),
    "docs/performance.md: edge bench --one-core --size 1280x720 --json b.json --plot b.svg": Elsewhere(
        "tests/integration/cli/test_bench.py"
    ),
    "docs/prevalence.md: .venv/bin/python -m models.prevalence fer2013.npz --output b": Elsewhere(
        "tests/integration/models/test_prevalence_targets.py"
    ),
    'docs/privacy.md: sudo env HOME="$HOME" strace -u "$(id -un)" -f -yy': Here(
        until={"sudo env": r"\d faces"}, room=False, finds_nothing=("grep -E 'O_WRONLY",)
    ),
    'docs/record.md: (umask 077; sqlite3 school.sqlite "VACUUM INTO': PUT_BACK,
    "docs/record.md: systemctl stop edge-record": PUT_BACK,
    "docs/record.md: edge record --database school.sqlite --broker mqtt://192.168": Here(until=READER, change=DAY),
    "docs/record.md: edge record --database school.sqlite --broker mqtt://192.168.1.10:1883 --forget": Here(),
    "docs/record.md: systemctl is-active --quiet edge-record": Elsewhere(
        "tests/integration/recording/test_recorder_ready.py"
    ),
    "docs/statistics.md: .venv/bin/python -m tests.load.lesson_changes": Elsewhere(
        "tests/integration/reporting/test_lesson_changes.py"
    ),
    "docs/record.md: edge delete --database school.sqlite": Elsewhere("tests/integration/recording/test_delete.py"),
    "docs/record.md: edge report --database school.sqlite --device room-1 --day 2026-11-18 --timetable": Elsewhere(
        "tests/integration/recording/test_delete.py"
    ),
    "docs/record.md: edge report --database school.sqlite --school --day 2026-11-18": Elsewhere(
        "tests/integration/reporting/test_school_report.py"
    ),
    "docs/scale.md: echo 'deb [signed-by=": Elsewhere("tests/system/install/backports.sh"),
    "docs/scale.md: install -m 644 docs/mosquitto/drop-properties.py": Elsewhere("tests/system/install/backports.sh"),
    "docs/scale.md: (set -e; apt-get install mosquitto mosquitto-clients openssl": Here(
        afterwards=f"{END_BROKER}; grep -q room-205/cmd/pause /var/lib/mosquitto/rules.json",
        broker=False,
    ),
    "docs/scale.md: systemctl status --no-pager mosquitto": Elsewhere("tests/integration/mqtt/test_broker_bounds.py"),
    "docs/scale.md: mosquitto_sub -h localhost -p 8883 --cafile": Elsewhere(
        "tests/integration/mqtt/test_broker_bounds.py"
    ),
    "docs/scale.md: id=$(openssl rand -hex 8)": Elsewhere("tests/integration/mqtt/test_plugin_broker.py"),
    "docs/scale.md: (set -e; apt-get install mosquitto-clients python3": Elsewhere(
        "tests/integration/mqtt/test_from_access_list.py"
    ),
    "docs/scale.md: (set -e; cd /etc/mosquitto; systemctl stop": Elsewhere(
        "tests/integration/mqtt/test_from_access_list.py"
    ),
    "docs/scale.md: cd /etc/mosquitto && systemctl stop": Elsewhere("tests/integration/mqtt/test_from_access_list.py"),
    "docs/scale.md: cd /etc/mosquitto/edge": Elsewhere("tests/integration/mqtt/test_plugin_broker.py"),
    "docs/scale.md: (set -e; umask 077; cd": Elsewhere("tests/integration/mqtt/test_broker_recipes.py"),
    "docs/scale.md: cd /etc/mosquitto/edge &&": Elsewhere("tests/integration/mqtt/test_broker_recipes.py"),
    "docs/scale.md: for user in room-204 room-205": Elsewhere("tests/integration/mqtt/test_client_certificates.py"),
    "docs/scale.md: (set -e; apt-get install nftables": Here(
        change={
            "systemctl restart nftables": "nft -f /etc/nftables.conf",
            "systemctl restart mosquitto": "true",
            "/etc/systemd": "$HOME/systemd",
        },
        afterwards="nft list ruleset | grep -q 'limit rate 32 kbytes/second'",
        broker=False,
    ),
    "docs/setup.md: ./run setup": Here(until={"./run setup": "http://", "sudo edge setup": "http://"}),
    "docs/setup.md: edge setup --config room-204.yaml --export": Here(change={"room-204.yaml": "config.yaml"}),
    "docs/setup.md: ssh -L 8787:127.0.0.1:8787 tech@room-204": Here(leave_out=("ssh",)),
    "docs/setup.md: (umask 077; openssl rand -hex 16 > token)": Here(until={"edge setup": "http://"}),
    "docs/support.md: edge support": Here(),
    "docs/six-rooms.md: sudo apt install git": DEBIAN,
    "docs/six-rooms.md: sed -n": Here(
        change={"sudo bash recipe.sh": "rm -rf /etc/mosquitto/* /var/lib/mosquitto/*; bash recipe.sh | tee ~/said"},
        afterwards="grep '^monitor ' ~/said && ! grep -E '^(recorder|announcer) ' ~/said",
        broker=False,
    ),
    "docs/six-rooms.md: sudo mosquitto_sub": Here(
        change={"PASSWORD": "$(sed -n 's/^monitor //p' ~/said)"},
        afterwards="grep -c '^room-10[1-6],' /etc/mosquitto/edge/rooms.csv | grep -x 6",
        broker=False,
    ),
    "docs/six-rooms.md: sudo install -m 600": Here(
        change={"nano user-data.yaml": "sed -i s/AAAA-REPLACE-WITH-YOUR-PUBLIC-KEY/AAAA/ user-data.yaml"},
        afterwards="ls cards/room-101/user-data cards/room-106/meta-data",
        broker=False,
    ),
    "docs/six-rooms.md: sudo apt install -y ./dist/": Here(
        until={"sudo systemctl enable": "Recording into"},
        change={
            "sudo install -m 644": "mkdir -p /etc/edge && install -m 644",
            "PASSWORD": "$(sed -n 's/^dashboard //p' ~/said)",
            "sudo systemctl enable --now edge-dashboard": 'while IFS= read -r each; do export "$each"; '
            "done </etc/edge/dashboard.env; edge dashboard --database school.sqlite --access-file access.yaml "
            "--set mqtt.password_file=/etc/edge/mqtt-password $DASHBOARD_OPTIONS",
            "/etc/edge": "/etc/mosquitto/page",
        },
        leave_out=("sudo apt", "sudo journalctl"),
        broker=False,
    ),
    "docs/six-rooms.md: ssh -L 8787": Here(
        until={"sudo edge setup": "http://"},
        change={
            "sudo edge check": f"{CARD} edge check --config ~/config.yaml --set camera.source=sample "
            "--set mqtt.ca_file=$HOME/ca.pem --set mqtt.password_file=$HOME/mqtt-password"
        },
        leave_out=("ssh",),
        afterwards=END_BROKER,
        broker=False,
    ),
    "docs/subscribe.md: mosquitto_sub -h broker.example -v -t 'classroom/room-1/#'": Here(
        until={"mosquitto_sub": "classroom/room-1/"}
    ),
    "docs/subscribe.md: edge watch --machines": Here(),
    'docs/subscribe.md: pip install "paho-mqtt>=2"': Elsewhere("tests/system/subscribers/check.sh"),
    "docs/subscribe.md: npm install mqtt": Elsewhere("tests/system/subscribers/check.sh"),
    "docs/subscribe.md: INFLUX_TOKEN=... telegraf --config telegraf.conf --test-wait": Elsewhere(
        "tests/system/subscribers/check.sh"
    ),
    "docs/web-server.md: sh docs/mosquitto/certificates.sh": Here(
        afterwards="openssl verify -CAfile ~/page/ca.pem -verify_ip 192.168.1.10 ~/page/server.pem", broker=False
    ),
    "docs/web-server.md: sudo apt install nftables": Elsewhere("tests/integration/mqtt/test_limits.py"),
}


def treatment(block: Block) -> Here | Elsewhere | None:
    """How a block is tried: what is listed under the longest beginning of its name; None where nothing is."""
    found = [name for name in TREATMENT if block.name.startswith(name)]
    return TREATMENT[max(found, key=len)] if found else None
