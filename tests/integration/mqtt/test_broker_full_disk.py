"""The rules of Mosquitto's plugin on a disk that is full: nobody is shut out without a word at the next restart."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.fleet.plugin_broker import PluginBroker, client_id, missing
from tests.load.fleet.school import PASSWORD, version
from tests.load.fleet.users import User
from tests.support.faults import SmallDisk, small_disk

ROOMS = [f"room-{number}" for number in range(1, 11)]
# The last version that writes its rules in place, and the first that keeps the old ones where new ones are cut off.
IN_PLACE, NEW_FILE = (2, 0, 11), (2, 1)
SUDDENLY_FULL = """#!/bin/sh
{df} "$@"
while head -c 4096 /dev/zero; do :; done >>{disk}/filler 2>{disk}/../said
"""

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Large enough for the rules."""
    with small_disk(tmp_path / "disk", 4) as disk:
        yield disk


@pytest.fixture
def broker(disk: SmallDisk, tmp_path: Path) -> Iterator[PluginBroker]:
    """Keeps everything on that disk, but for its administrator's script."""
    broker = PluginBroker(disk.folder / "broker")
    broker.script_folder = tmp_path
    broker.prepare()
    broker.start()
    broker.add_rooms(*ROOMS)
    yield broker
    broker.kill()


def users(rules: Path) -> set[str]:
    """Raises ValueError where it is cut off."""
    return {client["username"] for client in json.loads(rules.read_text())["clients"]}


def let_in(broker: PluginBroker, room: str) -> bool:
    user = User(broker, room, client_id=client_id(room))
    user.stop()
    return user.refused is None


def test_on_a_full_disk_nothing_is_changed_but_a_lost_room_is_thrown_out(broker: PluginBroker, disk: SmallDisk) -> None:
    disk.fill()
    before = broker.rules.read_bytes()
    done = broker.script("room-11", PASSWORD)
    assert done.returncode == 1
    assert "make room first; nothing was changed" in done.stderr
    assert broker.rules.read_bytes() == before
    assert not let_in(broker, "room-11")
    assert broker.script("--save").returncode == 1
    done = broker.script("--remove", "room-10")
    assert "make room" in done.stderr
    assert not let_in(broker, "room-10")
    if version() > IN_PLACE:
        assert done.returncode == 1, done.stderr
        assert "--save" in done.stderr
        disk.clear()
        assert broker.script("--save").returncode == 0
    else:
        assert done.returncode == 0, done.stderr
    assert users(broker.rules) & {*ROOMS} == {*ROOMS[:-1]}


@pytest.mark.skipif(bool(not missing() and version() >= NEW_FILE), reason="this Mosquitto cuts no file off")
def test_a_disk_that_is_full_just_then_is_said_and_what_was_there_is_kept(
    broker: PluginBroker, disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "rules.json.kept"
    with monkeypatch.context() as patch:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/df").write_text(SUDDENLY_FULL.format(df=shutil.which("df"), disk=disk.folder))
        (tmp_path / "bin/df").chmod(0o755)
        patch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        done = broker.script("room-11", PASSWORD)
    assert done.returncode == 1
    assert "is cut off" in done.stderr
    assert "--save" in done.stderr
    with pytest.raises(ValueError, match=r"line \d+"):
        users(broker.rules)
    assert let_in(broker, "room-11"), "the broker goes on from its memory"
    assert users(kept) >= {*ROOMS}
    assert kept.stat().st_mode & 0o77 == 0
    disk.clear()
    cut = broker.rules.read_bytes()
    done = broker.script("--save")
    assert done.returncode == 0, done.stderr
    assert users(broker.rules) >= {*ROOMS, "room-11"}
    broker.kill()
    broker.start()
    assert let_in(broker, "room-11")
    # Whoever restarted it before that:
    broker.kill()
    broker.rules.write_bytes(cut)
    broker.start()
    assert not let_in(broker, "room-1")
    broker.kill()
    shutil.copy(kept, broker.rules)
    broker.start()
    assert let_in(broker, "room-1")


def test_another_brokers_rules_are_noticed(broker: PluginBroker, tmp_path: Path) -> None:
    own = broker.rules
    broker.rules = Path(shutil.copy(own, tmp_path / "other.json"))
    done = broker.script("room-11", PASSWORD)
    assert done.returncode == 1
    assert "is that the file of this broker?" in done.stderr
    broker.rules = tmp_path / "none.json"
    done = broker.script("room-12", PASSWORD)
    assert done.returncode == 0, "from another machine nobody can look"
    assert "run this there" in done.stderr
    assert users(own) >= {"room-11", "room-12"}


def test_who_may_not_read_the_rules_is_told_and_goes_on(broker: PluginBroker, tmp_path: Path) -> None:
    own = broker.rules
    broker.rules = Path(shutil.copy(own, tmp_path / "closed.json"))
    broker.rules.chmod(0)
    before = () if os.getuid() else ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    done = broker.script("room-11", PASSWORD, before=before)
    assert done.returncode == 0, done.stderr
    assert "closed.json can be read here" in done.stderr
    assert "room-11" in users(own)
