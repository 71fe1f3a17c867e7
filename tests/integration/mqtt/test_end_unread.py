"""docs/mosquitto/end-unread.sh: whom it ends, by what `ss` says. In test_limits.py it has a real broker beside it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests.load.fleet.school import SHIPPED
from tests.support.brokers import wait_for

# What `ss -HOmnt` of iproute2 6.1 says: the send buffer has `tb` bytes, of which `w` are taken. As text, twice 512160
# is less than 670464, and twice 4608 more than 87040.
FULL = {
    "[fe80::26:12ff:fe15:9d6e]%eth0:1883 [fe80::10e8:e4ff:fed0:dd0f]:40178": (670464, 512160),
    "192.168.1.10:8883 192.168.1.21:40001": (2626560, 2625536),
}
NOT_FULL = {
    "192.168.1.10:8883 192.168.1.22:40002": (87040, 4608),
    "192.168.1.10:8883 192.168.1.23:40003": (2626560, 400000),
    "192.168.1.10:8883 192.168.1.24:40004": (87040, 0),
}
SS = """#!/bin/sh
case $1 in
*K*) echo "$@" >>{folder}/ended; echo "0 0 $5 $7" ;;
*) cat {folder}/connections; echo >>{folder}/looks ;;
esac
"""


def test_a_connection_is_ended_whose_send_buffer_is_more_than_half_full_and_no_other(tmp_path: Path) -> None:
    lines = [
        f"0      {used} {ends} skmem:(r0,rb131072,t0,tb{size},f3936,w{used},o0,bl0,d0)"
        for ends, (size, used) in {**FULL, **NOT_FULL}.items()
    ]
    (tmp_path / "connections").write_text("\n".join(lines) + "\n")
    (tmp_path / "ss").write_text(SS.format(folder=tmp_path))
    (tmp_path / "ss").chmod(0o755)
    path, looks = f"{tmp_path}:{os.environ.get('PATH', os.defpath)}", tmp_path / "looks"
    script = subprocess.Popen(
        ["sh", SHIPPED / "end-unread.sh", "0-0"], env={**os.environ, "PATH": path}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: looks.exists() and len(looks.read_text()) > 8, 60, "nine looks")
    os.killpg(script.pid, signal.SIGTERM)
    said = script.communicate()[0]
    ended = {tuple(line.split()[4::2]) for line in (tmp_path / "ended").read_text().splitlines()}
    assert ended == {tuple(ends.replace("%eth0", "").split()) for ends in FULL}  # `ss` takes no interface
    assert {line.split()[0] for line in said.splitlines()} == {ends.split()[1] for ends in FULL}, said
