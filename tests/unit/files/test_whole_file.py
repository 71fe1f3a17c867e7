"""A file of results comes into the folder that was named, whatever takes the place of that folder meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.files.whole_file import whole_file, write_whole


def test_a_link_in_place_of_the_folder_leads_nowhere(tmp_path: Path) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    for folder in (out, victim):
        folder.mkdir()
        for name in ("a.html", ".a.html.new"):
            (folder / name).write_text(folder.name)
    with whole_file(out / "a.html") as file:
        file.write(b"new")
        out.rename(tmp_path / "aside")
        out.symlink_to(victim)
    assert {path.name: path.read_text() for path in victim.iterdir()} == {"a.html": "victim", ".a.html.new": "victim"}
    assert {path.name: path.read_text() for path in (tmp_path / "aside").iterdir()} == {"a.html": "new"}


def test_of_one_that_is_not_finished_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("older")
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "a.html") as file:
        file.write(b"%d" % (1 // 0))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.html": "older"}


def test_of_two_who_write_it_at_once_the_second_has_it_whole(tmp_path: Path) -> None:
    """As two commands that cron has started; the half of the other's file that is there is never put into its place."""
    path = tmp_path / "a.html"
    path.write_text("older")
    first = whole_file(path)
    first.__enter__().write(b"first")
    with whole_file(path) as second:
        second.write(b"half of ")
        second.flush()
        with pytest.raises(OSError, match="another command"):
            first.__exit__(None, None, None)
        assert path.read_text() == "older"
        second.write(b"second")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"a.html": "half of second"}


@pytest.mark.parametrize(
    ("name", "reason"), [(".", "Is a directory"), ("none/a.html", "No such file"), ("file/a.html", "Not a directory")]
)
def test_where_it_cannot_be_the_error_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("as it was")
    with pytest.raises(OSError, match=reason):
        write_whole(Path(name), "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
