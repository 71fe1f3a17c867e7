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
import yaml

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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_somebody_elses_list_in_the_current_folder_is_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their token would open the rooms, and they could make more."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "access.yaml"
    made(file, "theirs", "*")
    before = file.read_bytes()
    os.chown(file, 12345, 12345)
    add = ["access", "add", "smith", "--role", "reader", "--rooms", "room-1"]
    for arguments in (add, ["access", "revoke", "theirs"], ["access", "list"]):
        assert run_command_line(arguments) == 78
        said = capsys.readouterr()
        assert "belongs to another user (uid 12345): if that is meant, name it: --file access.yaml" in said.err
        assert not said.out
    assert file.read_bytes() == before
    assert run_command_line([*add, "--file", "access.yaml"]) == 0, "it was named"


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
        ("- {" + GOOD + ", colours: [[red]]}", "token 1: colours: "),
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


KEYS_OF_0_2_0 = {"name", "role", "rooms", "made", "expires", "sha256"}


def test_a_list_has_no_key_that_0_2_0_refuses(tmp_path: Path) -> None:
    """It refuses the whole list for one: nobody gets in, and no revocation acts."""
    file = tmp_path / "access.yaml"
    file.write_text("- {" + GOOD + f", cookie_sha256: {'0' * 64}" + "}")  # of a build after 0.2.0
    jones = made(file, "jones", expires=TODAY)
    keys = AccessFile(file, lambda: TODAY)
    assert keys.visitor_with_cookie(keys.cookie(jones)) == keys.visitor(jones) is not None
    rows = yaml.safe_load(file.read_text())
    assert [row["name"] for row in rows] == ["smith", "jones"]
    assert {key for row in rows for key in row} == KEYS_OF_0_2_0


def test_a_cookie_outlives_a_restart_whichever_version_made_the_token(tmp_path: Path) -> None:
    file, token = tmp_path / "access.yaml", "made-by-0.2.0"
    file.write_text("- {" + GOOD.replace("0" * 64, digest(token)) + "}")
    file.chmod(0o600)
    keys = AccessFile(file, lambda: TODAY)
    cookie = keys.cookie(token)
    jones = made(file, "jones")
    other = keys.cookie(jones)
    assert keys.cookie(token) == cookie, "once more, in another browser"
    kept = tmp_path / ".access.yaml.cookies"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == "".join(
        f"{digest(each)} {digest(shown)}\n" for each, shown in ((token, cookie), (jones, other))
    )
    assert AccessFile(file, lambda: TODAY).visitor_with_cookie(cookie) == Visitor("smith", "reader", ("room-1",))
    for line in kept.read_text().split():
        assert AccessFile(file, lambda: TODAY).visitor_with_cookie(line) is None, "what is kept is no cookie"
    revoke_grant(file, "smith")
    assert keys.visitor_with_cookie(cookie) is None
    again = AccessFile(file, lambda: TODAY)
    assert again.visitor_with_cookie(cookie) is None
    assert again.visitor_with_cookie(other) is not None
    assert kept.read_text() == f"{digest(jones)} {digest(other)}\n", "what belongs to nobody is gone"


def test_a_torn_line_of_cookies_costs_that_one_only(tmp_path: Path) -> None:
    file, kept = tmp_path / "access.yaml", tmp_path / ".access.yaml.cookies"
    smith, jones = made(file, "smith"), made(file, "jones")
    keys = AccessFile(file, lambda: TODAY)
    cookies = keys.cookie(smith), keys.cookie(jones)
    kept.write_bytes(kept.read_bytes()[:-20])  # as a full disk or a power cut leaves it
    again = AccessFile(file, lambda: TODAY)
    assert [again.visitor_with_cookie(cookie) is not None for cookie in cookies] == [True, False]
    again.cookie(jones)
    last = AccessFile(file, lambda: TODAY)
    assert all(last.visitor_with_cookie(cookie) for cookie in cookies)


@pytest.mark.parametrize("found", ["link", "open", "folder", "large"])
def test_cookies_are_known_until_the_end_where_they_cannot_be_kept(
    found: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, kept = tmp_path / "access.yaml", tmp_path / ".access.yaml.cookies"
    smith, jones = made(file, "smith"), made(file, "jones")
    if found == "link":
        kept.symlink_to(tmp_path / "elsewhere")
    elif found == "folder":
        kept.mkdir()
    else:
        kept.write_bytes(b"" if found == "open" else b"x" * 1_000_001)
        kept.chmod(0o644 if found == "open" else 0o600)
    keys = AccessFile(file, lambda: TODAY)
    for token in (smith, jones):
        assert keys.visitor_with_cookie(keys.cookie(token)) is not None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{kept} cannot be used" in caplog.text
    assert not (tmp_path / "elsewhere").exists()
    assert digest(smith) not in (kept.read_text() if kept.is_file() else "")


def test_a_token_of_a_newer_version_opens_nothing_and_the_others_do_as_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """What this version does not know may be a restriction; the rest of the list must still act, above all revoking."""
    file = tmp_path / "access.yaml"
    smith, jones, head = made(file, "smith", expires=TODAY), made(file, "jones"), made(file, "head")
    rows = yaml.safe_load(file.read_text())
    for row in rows[:2]:
        row["lessons"] = ["1st period", "2nd period"]
    file.write_text(yaml.safe_dump(rows))
    keys = AccessFile(file, lambda: TODAY)
    assert [keys.visitor(token) is not None for token in (smith, jones, head)] == [False, False, True]
    assert "smith has lessons, which this version does not know" in caplog.text
    assert run_command_line(["access", "list", "--file", str(file)]) == 0
    assert capsys.readouterr().out.count("OPENS NOTHING: this version does not know lessons") == 2
    revoke_grant(file, "head")
    assert keys.visitor(head) is None
    assert [row["lessons"] for row in yaml.safe_load(file.read_text())] == [["1st period", "2nd period"]] * 2


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
