"""Tokens of single people: made, listed, revoked, read again while they are used; a broken list opens nothing more."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from edge.cli import run_command_line
from edge.errors import ConfigError
from edge.web.access_list import MOST_GRANTS, add_grant, digest, read_access, revoke_grant
from edge.web.keys import AccessFile, OneToken
from edge.web.visitors import Visitor
from tests.support.brokers import wait_for

TODAY = date(2026, 11, 20)


def made(path: Path, name: str, *rooms: str, expires: date | None = None) -> str:
    return add_grant(path, name, "reader", rooms or ("room-1",), TODAY, expires)


@pytest.fixture
def careless() -> Iterator[None]:
    """Files that are made may be read and written by everybody, unless they are made otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_a_token_is_shown_once_and_only_its_sum_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["access", "add", "smith", "--role", "reader", "--rooms", "room-1, b2-*,0123"]) == 0
    token = capsys.readouterr().out.strip()
    assert len(token) >= 32
    file = tmp_path / "access.yaml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert token not in file.read_text()
    (grant,) = read_access(file)
    assert (grant.name, grant.role, grant.rooms) == ("smith", "reader", ("room-1", "b2-*", "0123"))
    assert grant.sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert grant.made == date.today()  # noqa: DTZ011 - as the command
    arguments = ["access", "add", "head", "--role", "all", "--rooms", "*", "--expires", "2999-01-01"]
    assert run_command_line(arguments) == 0
    capsys.readouterr()
    assert run_command_line(["access", "list"]) == 0
    said = capsys.readouterr().out
    assert "room-1, b2-*, 0123" in said
    assert "until 2999-01-01" in said
    assert "every room" in said
    assert token not in said
    assert run_command_line(["access", "revoke", "smith"]) == 0
    assert [grant.name for grant in read_access(file)] == ["head"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "smith", "--role", "reader", "--rooms", "room-1"], "revoke it first: edge access revoke smith"),
        (["add", "a\x1b[31m", "--role", "reader", "--rooms", "room-1"], "is no name for a token"),
        (["add", "jones", "--role", "reader", "--rooms", "room-1,,x"], "found ''"),
        (["add", "jones", "--role", "reader", "--rooms", "x", "--expires", "2020-01-01"], "has passed"),
        (["revoke", "jones"], "it has: smith"),
        (["list", "--file", "none.yaml"], "edge access add NAME"),
        (["add", "jones", "--role", "all", "--rooms", "*", "--file", "no/where.yaml"], "make its folder first"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    made(Path("access.yaml"), "smith")
    before = Path("access.yaml").read_bytes()
    assert run_command_line(["access", *arguments]) == 78
    assert words in capsys.readouterr().err
    assert Path("access.yaml").read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {"access.yaml", ".access.yaml.lock"}


GOOD = f"name: smith, role: reader, rooms: [room-1], made: 2026-11-20, sha256: {'0' * 64}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- {" + GOOD.replace("reader", "teacher") + "}", "token 1: role: "),
        ("- {" + GOOD.replace("[room-1]", "[]") + "}", "token 1: rooms: "),
        ("- {" + GOOD + ", expires: soon}", "token 1: expires: "),
        ("- {" + GOOD + ", colour: red}", "token 1: colour: "),
        ("- {" + GOOD.replace("0" * 64, "secret") + "}", "token 1: sha256: "),
        ("- {" + GOOD + "}\n- {" + GOOD + "}", "'smith' stands there twice"),
        ("- [", " is not YAML"),
        ("", "Input should be a valid list"),
        ("text", "Input should be a valid list"),
        ("- !!python/object/apply:os.system [ls]", "token 1: "),
        ("[" * 5000, "is not YAML"),
        ("[" * 999_999, "is not YAML"),
        ("- " * 499_999, "is not YAML"),
        ("x" * 1_000_001, "over 1,000,000 bytes"),
    ],
)
def test_a_list_that_is_wrong_is_explained(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "access.yaml").write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_access(tmp_path / "access.yaml")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_an_owner_by_hand_stays_and_rights_do_not(tmp_path: Path) -> None:
    file = tmp_path / "access.yaml"
    made(file, "smith")
    file.chmod(0o644)
    made(file, "jones")
    assert file.stat().st_mode & 0o777 == 0o600


def test_two_commands_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    file = tmp_path / "access.yaml"
    for number in range(8):
        made(file, f"old {number}")
    jobs = [threading.Thread(target=revoke_grant, args=(file, f"old {number}")) for number in range(8)]
    jobs += [threading.Thread(target=made, args=(file, f"new {number}")) for number in range(8)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert {grant.name for grant in read_access(file)} == {f"new {number}" for number in range(8)}


def test_who_may_only_look_into_the_folder_keeps_no_token_from_being_revoked(tmp_path: Path) -> None:
    """A lock needs no right to write: it may be on whatever others can open."""
    made(tmp_path / "access.yaml", "smith")
    tmp_path.chmod(0o755)
    held = [os.open(each, os.O_RDONLY) for each in [tmp_path, *tmp_path.iterdir()] if each.stat().st_mode & 0o044]
    assert held
    for descriptor in held:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        command = [sys.executable, "-m", "edge", "access", "revoke", "smith", "--file", str(tmp_path / "access.yaml")]
        assert subprocess.run(command, timeout=30, check=False).returncode == 0
    finally:
        for descriptor in held:
            os.close(descriptor)
    assert read_access(tmp_path / "access.yaml") == []


def test_changes_act_at_once_and_are_logged_without_who_looked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "access.yaml"
    smith = made(file, "smith", "room-1", "b2-*")
    keys = AccessFile(file, lambda: TODAY)
    assert keys.visitor(smith) == Visitor("smith", "reader", ("room-1", "b2-*"))
    assert keys.visitor(smith + "x") is keys.visitor("") is keys.visitor("\udcff") is None
    with caplog.at_level(logging.INFO, "edge.audit"):
        logging.getLogger("edge.audit").propagate = True
        head = made(file, "head", "*")
        assert keys.visitor(head) == Visitor("head", "reader", None)
        revoke_grant(file, "smith")
        assert keys.visitor(smith) is None
        assert keys.visitor(head) is not None
    told = [json.loads(record.message) for record in caplog.records]
    assert [(line["audit"], line["made"], line["revoked"]) for line in told] == [
        ("access", ["head"], []),
        ("access", [], ["smith"]),
    ]
    assert head not in caplog.text


def test_a_token_is_good_on_its_last_day_and_not_after(tmp_path: Path) -> None:
    token = made(tmp_path / "access.yaml", "smith", expires=TODAY)
    day = [TODAY]
    keys = AccessFile(tmp_path / "access.yaml", lambda: day[0])
    assert keys.visitor(token) is not None
    day[0] += timedelta(days=1)
    assert keys.visitor(token) is None


def test_a_clock_that_is_behind_makes_no_expired_token_good_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "access.yaml"
    gone, head = made(file, "gone", expires=TODAY), made(file, "head")
    day = [TODAY - timedelta(days=1)]  # as of whoever made them farther east
    keys = AccessFile(file, lambda: day[0])
    assert keys.visitor(gone) is not None
    day[0] -= timedelta(days=1)
    assert keys.visitor(gone) is keys.visitor(gone) is None
    assert keys.visitor(head) is not None, "one that never expires asks no clock"
    assert len(caplog.records) == 1
    assert "until the clock is set" in caplog.text


def test_a_cookie_opens_what_its_token_does_and_is_none(tmp_path: Path) -> None:
    file = tmp_path / "access.yaml"
    smith, jones = made(file, "smith", expires=TODAY), made(file, "jones")
    day = [TODAY]
    keys = AccessFile(file, lambda: day[0])
    cookie = keys.cookie(smith)
    assert keys.visitor_with_cookie(cookie) == keys.visitor(smith)
    for word in (smith, jones, cookie + "x", "", "\udcff", digest(smith), digest(cookie)):
        assert keys.visitor_with_cookie(word) is None, "what the list holds is no cookie"
    assert keys.visitor(cookie) is None
    assert cookie not in file.read_text()
    assert AccessFile(file, lambda: TODAY).visitor_with_cookie(cookie) == keys.visitor(smith), "ended by a restart"
    day[0] += timedelta(days=1)
    assert keys.visitor_with_cookie(cookie) is None
    day[0] = TODAY
    revoke_grant(file, "smith")
    assert keys.visitor_with_cookie(cookie) is None


def test_a_list_of_an_older_version_takes_cookies_until_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "access.yaml"
    smith = made(file, "smith")
    text = file.read_text()
    file.write_text("\n".join(line for line in text.splitlines() if "cookie_sha256" not in line))
    keys = AccessFile(file, lambda: TODAY)
    cookie = keys.cookie(smith)
    assert keys.visitor_with_cookie("") is None
    assert keys.visitor_with_cookie(cookie) == keys.visitor(smith)
    made(file, "jones")
    assert keys.visitor_with_cookie(cookie) == keys.visitor(smith)
    assert AccessFile(file, lambda: TODAY).visitor_with_cookie(cookie) is None
    revoke_grant(file, "smith")
    assert keys.visitor_with_cookie(cookie) is None


def test_a_list_that_breaks_opens_nothing_more_and_takes_nothing_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "access.yaml"
    token = made(file, "smith")
    keys = AccessFile(file, lambda: TODAY)
    whole = file.read_bytes()
    for number, broken in enumerate((b"- [", b"", b"\xff\xfe", whole.replace(b"reader", b"anything"), None), 1):
        file.unlink() if broken is None else file.write_bytes(broken)
        for _ in range(3):
            assert keys.visitor(token) is not None
            assert keys.visitor("") is keys.visitor("anything") is None
        assert caplog.text.count("those who had access before still have it") == number
    file.write_bytes(whole.replace(b"smith", b"jones"))
    found = keys.visitor(token)
    assert found is not None
    assert found.name == "jones"
    with pytest.raises(ConfigError, match="cannot be read"):
        AccessFile(tmp_path / "none")


def test_a_long_list_is_read_beside_the_answers(tmp_path: Path) -> None:
    file, token = tmp_path / "access.yaml", "correct-horse-battery"
    entry = "- {name: teacher %d, role: reader, rooms: [room-1, b2-*], made: 2026-11-20, sha256: %s}\n"
    others = "".join(entry % (number, f"{number:064x}") for number in range(MOST_GRANTS - 1))
    file.write_text(others)
    keys = AccessFile(file, lambda: TODAY)
    file.write_text(others + entry % (MOST_GRANTS, digest(token)))
    began = time.thread_time()
    assert len(read_access(file)) == MOST_GRANTS
    whole = time.thread_time() - began
    assert keys.visitor(token) is None  # this answer waits for no list, and neither do those that follow
    wait_for(lambda: keys.visitor(token) is not None, 60, "the new token")
    file.write_text(others)
    began = time.thread_time()
    assert keys.visitor(token) is not None
    assert time.thread_time() - began < whole / 4, "it read the list itself"
    wait_for(lambda: keys.visitor(token) is None, 60, "the end of the revoked token")


def test_one_token_opens_everything_and_another_nothing() -> None:
    keys = OneToken("correct-horse-battery")
    cookie = keys.cookie("correct-horse-battery")
    assert (
        keys.visitor_with_cookie(cookie) == OneToken("correct-horse-battery").visitor_with_cookie(cookie) == Visitor("")
    )
    assert OneToken("correct-horse-battery", cookie="of this start").visitor_with_cookie(cookie) is None
    assert keys.visitor(cookie) is keys.visitor_with_cookie("correct-horse-battery") is None
    assert keys.visitor("correct-horse-battery") == Visitor("")
    for word in ("", "correct-horse-batter", "\xfc", "\udcff"):
        assert keys.visitor(word) is None
