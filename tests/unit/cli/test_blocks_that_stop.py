"""Blocks of the documentation in which one command rests on another end where one fails, also when they are pasted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.system.docs.blocks import blocks

# Blocks, and what may fail in each: something else is done then, one user is not made, or the next command refuses.
MAY_FAIL = {
    "docs/scale.md: (set -e; apt-get install mosquitto mosquitto-clients openssl": "sh dynamic-security.sh",
    "docs/scale.md: (set -e; umask 077; cd /etc/mosquitto/edge": "sh dynamic-security.sh --dashboard bridge",
    "docs/scale.md: (set -e; apt-get install nftables": "",
    "docs/scale.md: (set -e; apt-get install mosquitto-clients python3": "openssl",
    "docs/scale.md: (set -e; cd /etc/mosquitto; systemctl stop": "",
    "docs/scale.md: install -m 644 docs/mosquitto/drop-properties.py": "",
    "docs/scale.md: cd /etc/mosquitto/edge &&": "",
    "docs/scale.md: id=$(openssl rand -hex 8)": "",
    "docs/scale.md: for user in room-204 room-205 dashboard recorder": "openssl",
    "docs/district.md: sudo apt install nftables": "",
    "docs/district.md: pg_restore -f": "",
    "docs/district.md: edge record --database postgresql://edge_recorder@db.example/edge --school north --copy": "",
    "docs/web-server.md: sudo apt install nftables": "",
    "docs/record.md: systemctl stop edge-record": "",
}
AS_IT_WAS = "as it was\n"
# Nothing is done but to note what would be, and to fail once. What only reads or writes text is run.
SHELL = r"""
called() {
    builtin echo "${*//$'\n'/ }" >>$FOLDER/called
    mapfile -t so_far <$FOLDER/called
    [ ${#so_far[@]} != $FAILS ]
}
sudo() { [ "$1" != -u ] || shift 2; "$@"; }
for each in apt apt-get cd chmod chown cp edge find install mkdir mosquitto_ctrl mosquitto_rr mv nft pg_restore psql \
    python3 rm runuser sh systemctl; do
    eval "$each() { called $each \"\$@\"; }"
done
openssl() { called openssl "$@" && builtin echo 0123456789abcdef; }
for each in awk sed tee; do eval "$each() { called $each \"\$@\" && command $each \"\$@\"; }"; done
for each in kill mosquitto sleep; do eval "$each() { :; }"; done
cd $FOLDER/here
"""


def run(folder: Path, block: str, fails: int = 0) -> tuple[list[str], str]:
    """Paste a block; returns the commands that it has called, and which rules are loaded at the next start.

    Args:
        folder: A new one.
        block: Its commands.
        fails: Which of them fails, from 1 on; 0: none.
    """
    shutil.copytree(ROOT / "docs/mosquitto", folder / "here")
    (folder / "here/docs").symlink_to(ROOT / "docs")
    of_plugin = ("here/passwords", "here/edge/ca.key", "here/plugin/rules.json", "here/plugin/school.conf")
    for name in ("here/admin", "etc/mosquitto.conf", "etc/nftables.conf", *of_plugin):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(AS_IT_WAS)
    (folder / "etc/systemd/system/mosquitto.service.d").mkdir(parents=True)
    for page, ours in (
        ("/etc/", f"{folder}/etc/"), ("../", f"{folder}/etc/"), ("'CHANGE-ME'", "'of-the-district'"),
        ("../edge/passwords", "passwords"), ("/var/lib/", f"{folder}/var/"),
    ):  # fmt: skip
        block = block.replace(page, ours)
    script = SHELL.replace("cd $", "builtin cd $").replace("$FOLDER", str(folder)).replace("$FAILS", str(fails))
    subprocess.run(["bash", "-c", f"{script}\n{block}"], capture_output=True, timeout=60, check=False)
    return (folder / "called").read_text().splitlines(), (folder / "etc/nftables.conf").read_text()


@pytest.mark.parametrize("begins", MAY_FAIL, ids=lambda begins: begins.replace("docs/", ""))
def test_nothing_is_done_after_a_command_that_failed(begins: str, tmp_path: Path) -> None:
    (block,) = [
        each.text
        for each in blocks()
        if each.name.startswith(begins) and (not begins.endswith("edge &&") or "mosquitto_ctrl" in each.text)
    ]
    all_well, _ = run(tmp_path / "0", block)
    kinds: set[str] = set()
    for number, command in enumerate(all_well, 1):
        kind = command[:30]
        if kind in kinds or (MAY_FAIL[begins] and command.startswith(MAY_FAIL[begins])):
            continue
        kinds.add(kind)
        called, rules = run(tmp_path / str(number), block, number)
        # What was stopped is started again.
        assert [each for each in called[number:] if each != "systemctl start edge-record"] == [], command
        if command.startswith(("apt", "cp docs", "nft")):
            assert rules == AS_IT_WAS, command
    assert kinds
