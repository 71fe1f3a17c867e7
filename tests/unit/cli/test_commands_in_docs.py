"""Commands in the documentation are commands that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import parse
from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = re.compile(r"^(?:sudo )?(?P<program>edge|\./run)(?: (?P<rest>.*))?$")


def shell_lines(page: Path) -> Iterator[str]:
    """Every command of the page's shell blocks, without comments and `> file`; lines that go on are joined."""
    for block in re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.sub(r"\s(#.*|> \S+)", "", line).split("&&"):
                if part.strip():
                    yield re.sub(r"\s+>\s*\S+$", "", part.strip())  # where the output goes is the shell's


def ours() -> list[str]:
    found = [line for page in PAGES for line in shell_lines(page) if OURS.match(line)]
    return sorted(set(found))


@pytest.mark.parametrize("line", ours())
def test_every_command_of_ours_is_understood(line: str) -> None:
    match = OURS.match(line)
    assert match is not None
    words = shlex.split(match["rest"] or "")
    if match["program"] == "./run" and (not words or words[0].startswith("-")):
        words = ["run", *words] if words != ["--help"] else words
    if words in (["--help"], ["--version"]):
        with pytest.raises(SystemExit) as ended:
            parse(words)
        assert ended.value.code == 0
        return
    assert callable(parse(words).main)


def test_there_are_commands_to_check() -> None:
    assert len(ours()) > 20
