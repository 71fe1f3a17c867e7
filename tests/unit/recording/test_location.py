"""A moved recording is no copy, and a copy is: told apart by machine, path and storage."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.recording.location import FileLocation, Location, begins_anew

ONE, OTHER = "1" * 32, "2" * 32
# A container often has none, or an empty file; a machine that was made from a prepared image says this once.
NO_IDS = [None, "", "uninitialized\n"]


class Machine:
    """Where a file is looked at from; the id of the machine is in a file beside it."""

    def __init__(self, folder: Path) -> None:
        self._id = folder / "machine-id"
        self.file = folder / "one" / "school.sqlite"
        self.file.parent.mkdir()
        self.file.write_bytes(b"windows")
        self.be(ONE)

    def be(self, machine_id: str | None) -> None:
        self._id.unlink(missing_ok=True)
        if machine_id is not None:
            self._id.write_text(machine_id)

    def see(self, path: Path | None = None) -> FileLocation:
        return FileLocation.find(path or self.file, self._id)


@pytest.fixture
def here(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def copied(file: Path, path: Path) -> Path:
    """A copy, made while the file is there: so it is another one for the file system as well."""
    path.parent.mkdir(exist_ok=True)
    shutil.copy2(file, path)
    return path


def restored(file: Path) -> None:
    """A backup takes the place of the file."""
    copied(file, file.with_name("backup")).replace(file)


@pytest.mark.parametrize("machine_id", [ONE, *NO_IDS])
def test_where_nothing_changed_or_it_was_renamed_it_is_the_same(here: Machine, machine_id: str | None) -> None:
    here.be(machine_id)
    former = here.see()
    assert not here.see().is_copy(former)
    renamed = here.file.rename(here.file.with_name("2026.sqlite"))
    assert not here.see(renamed).is_copy(former)
    folder = here.file.parent.rename(here.file.parent.with_name("two"))
    assert not here.see(folder / renamed.name).is_copy(former)
    link = here.file.parent
    link.symlink_to(folder)
    assert not here.see(link / renamed.name).is_copy(former)
    restored(folder / renamed.name)
    assert not here.see(link / renamed.name).is_copy(here.see(folder / renamed.name))


@pytest.mark.parametrize("machine_id", [ONE, *NO_IDS])
def test_a_backup_that_took_its_place_is_no_copy(here: Machine, machine_id: str | None) -> None:
    here.be(machine_id)
    former = here.see()
    restored(here.file)
    assert here.see().storage != former.storage
    assert not here.see().is_copy(former)


def test_moved_to_another_file_system_it_is_no_copy(here: Machine) -> None:
    former, moved = here.see(), copied(here.file, here.file.with_name("moved"))
    here.file.unlink()
    assert not here.see(moved).is_copy(former)
    here.file.parent.rename(here.file.parent.with_name("two"))
    here.file.parent.write_bytes(b"no folder any more")
    assert not here.see(here.file.parent.with_name("two") / "moved").is_copy(former)


@pytest.mark.parametrize("machine_id", [ONE, *NO_IDS])
def test_beside_the_original_it_is_a_copy(here: Machine, machine_id: str | None) -> None:
    here.be(machine_id)
    former = here.see()
    assert here.see(copied(here.file, here.file.with_name("backup"))).is_copy(former)
    # The original was put aside for a backup: only a person knows which of the two goes on.
    aside = here.file.rename(here.file.with_name("aside"))
    shutil.copy(aside, here.file)
    assert here.see(aside).is_copy(former)


@pytest.mark.parametrize("machine_id", NO_IDS)
def test_without_a_machine_a_file_that_is_not_seen_may_be_elsewhere(here: Machine, machine_id: str | None) -> None:
    here.be(machine_id)
    former, copy = here.see(), copied(here.file, here.file.with_name("backup"))
    here.file.unlink()
    assert here.see(copy).is_copy(former)


@pytest.mark.parametrize("machine_id", [OTHER, *NO_IDS])
def test_on_another_machine_it_is_a_copy_unless_its_disk_went_there(here: Machine, machine_id: str | None) -> None:
    former = here.see()
    here.be(machine_id)
    assert not here.see().is_copy(former)
    restored(here.file)
    assert here.see().is_copy(former)


@pytest.mark.parametrize("unseen", ["/a" + "b" * 300, "/a\0b"])
def test_where_it_cannot_look_a_rename_is_known_and_a_copy_as_well(here: Machine, unseen: str) -> None:
    found = here.see()
    former = Location(found.machine, unseen, found.storage)
    assert not found.is_copy(former)
    restored(here.file)
    assert here.see().is_copy(former)


def test_what_is_kept_comes_back_and_tells_nobody_the_id_of_the_machine(here: Machine) -> None:
    odd = here.file.rename(os.fsdecode(os.fsencode(here.file) + b"\xff\n"))
    found = here.see(odd)
    assert Location.of(found.to_text()) == Location(found.machine, str(odd), found.storage)
    assert found.machine
    assert ONE not in found.to_text()


STRANGE = [None, 7, b"{}", "", "{", "7", "{}", '["a", "b", "c"]', "[" * 20_000,
           '{"machine": "", "address": 7, "storage": ""}',
           '{"machine": "", "address": "", "storage": "", "x": ""}']  # fmt: skip


@pytest.mark.parametrize("text", STRANGE)
def test_what_another_program_wrote_is_refused(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        Location.of(text)


def test_a_person_is_asked_only_about_a_copy() -> None:
    here, there = Location("a", "/a", "1"), Location("b", "/b\x1b[2J", "2")
    assert not begins_anew(here, None, None)
    assert not begins_anew(here, None, "new")
    assert not begins_anew(here, here, "new")
    assert begins_anew(here, there, "new")
    assert not begins_anew(here, there, "continue")
    with pytest.raises(ConfigError, match=r"^/a may be a copy of /b\?\[2J on another machine, and would"):
        begins_anew(here, there, None)
    with pytest.raises(ConfigError, match="^/a may be a copy of /b, and would"):
        begins_anew(here, Location("", "/b", "2"), None)
