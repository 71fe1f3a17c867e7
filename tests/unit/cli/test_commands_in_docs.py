"""Commands in the documentation are commands that there are."""

from __future__ import annotations

import re
import shlex

import pytest

from edge.cli import parse
from tests.support.paths import ROOT
from tests.system.docs.blocks import TREATMENT, Here, blocks, treatment

OURS = re.compile(r"^(?:sudo )?(?P<program>edge|\./run)(?: (?P<rest>.*))?$")


def ours() -> list[str]:
    parts = (part for block in blocks() for line in block.lines() for part in line.split("&&"))
    found = {re.sub(r"\s>\s*\S+$", "", part.strip()) for part in parts}  # where the output goes is the shell's
    return sorted(line for line in found if OURS.match(line))


@pytest.mark.parametrize("line", ours())
def test_every_command_of_ours_is_understood(line: str) -> None:
    match = OURS.match(line)
    assert match is not None
    words = shlex.split(match["rest"] or "")
    if words[:1] == ["upgrade"]:  # of the service, whose `edge` is a script
        assert f"  {words[0]})" in (ROOT / "systemd/edge-command.sh").read_text()
        return
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


def test_every_block_is_tried_somewhere() -> None:
    for block in blocks():
        how = treatment(block)
        assert how is not None, f"{block.name}: say in tests/system/docs/blocks.py how it is tried"
        assert isinstance(how, Here) or (ROOT / how.path).exists(), block.name


def test_nothing_is_listed_that_no_page_has() -> None:
    names = [block.name for block in blocks()]
    assert [listed for listed in TREATMENT if not any(name.startswith(listed) for name in names)] == []
