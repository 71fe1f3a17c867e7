"""The pages of the documentation: their links lead somewhere, and the threat model has its tests and remedies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "models").glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
TABLE = re.compile(r"^\|(?P<head>.*)\|\n\|[-|]+\|\n(?P<rows>(?:\|.*\|\n)+)", re.MULTILINE)
TEST = re.compile(r"`((?:tests/)?(?:unit|integration|system|load)/[\w/.]+)`")
BY_HAND = "by hand"  # what a row may say in place of a test


def anchors(page: Path) -> set[str]:
    """Those of its headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.*)", FENCE.sub("", page.read_text()), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number, anchor = 0, plain
        while anchor in found:
            number += 1
            anchor = f"{plain}-{number}"
        found.add(anchor)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(FENCE.sub("", page.read_text())):
        if ":" in target:
            continue
        file = page.parent / target if target else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


def test_every_row_of_the_threat_model_names_a_test_that_there_is() -> None:
    tables = TABLE.findall((ROOT / "docs/threat-model.md").read_text())
    cells = [row.rsplit("|", 2)[1] for head, rows in tables if head.endswith(" test ") for row in rows.splitlines()]
    assert len(cells) > 70, "rows with tests are found"
    for cell in cells:
        names = TEST.findall(cell)
        assert names or BY_HAND in cell, cell
        assert [name for name in names if not (ROOT / "tests" / name.removeprefix("tests/")).exists()] == []


def test_whatever_the_threat_model_calls_not_stopped_has_a_remedy() -> None:
    _, reviewers = (ROOT / "docs/threat-model.md").read_text().split("\n## How to read the rest\n")
    _, *actors = reviewers.split("\n## ")
    assert len(actors) > 7, "actors are found"
    for actor in actors:
        _, *risks = actor.partition("\n### Not stopped: ")[2].split("\n* ")
        assert risks, actor.partition("\n")[0]
        for risk in risks:
            assert re.match(r".+ \*\*[^*]+\*\*$", risk.partition("\n\n")[0].strip(), re.DOTALL), risk
