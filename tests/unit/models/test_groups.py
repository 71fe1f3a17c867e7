"""Errors are counted for each group by itself, and what cannot be read is said with its line."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import groups
from models.groups import Face, by_group, read_table
from tests.support.paths import ROOT


def face(emotion: str, **groups: str) -> Face:
    return Face("a.png", emotion, groups)


def test_every_group_is_counted_by_itself() -> None:
    faces = [
        face("neutral", age="young"), face("neutral", age="young"), face("happy", age="old"), face("sad", age="old"),
    ]  # fmt: skip
    found = by_group(faces, ["angry", "neutral", "unknown", "sad"])
    young, old = found["age"]["young"], found["age"]["old"]
    assert (young.faces, young.named, young.right, young.mild, young.false_strong) == (2, 2, 1, 2, 1)
    assert (old.faces, old.named, old.right, old.mild, old.false_strong) == (2, 1, 1, 1, 0)
    assert found["all"]["all"].faces == 4


def test_a_table_says_which_columns_are_groups(tmp_path: Path) -> None:
    path = tmp_path / "faces.csv"
    path.write_text("file,emotion,age,glasses\na.png,Happiness,young,\nb.png,neutral,old,yes\n", encoding="utf-8")
    first, second = read_table(path)
    assert (first.emotion, first.groups) == ("happy", {"age": "young", "glasses": "not given"})
    assert [each.groups for each in read_table(path, ["age"])] == [{"age": "young"}, {"age": "old"}]
    assert second.file == "b.png"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,age\na.png,old\n", "no column emotion"),
        ("file,emotion\na.png,happy\n", "no column for a group"),
        ("file,emotion,age\na.png,happy,old\nb.png,bored,old\n", "line 3: emotion 'bored' is none of"),
        ("file,emotion,age\n", "has no rows"),
        ("file,emotion,age\nnone.png,happy,old\n", "none.png cannot be read as a picture"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "faces.csv"
    path.write_text(text, encoding="utf-8")
    assert groups.main([str(path), str(tmp_path), "--model", str(ROOT / "models/emotions.json")]) == 1
    assert expected in capsys.readouterr().err


def test_the_shipped_model_is_scored_as_the_daemon_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    rows = ["file,emotion,side"]
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), rng.integers(0, 256, (60, 50, 3), np.uint8))
        rows.append(f"{number}.png,neutral,{'left' if number % 2 else 'right'}")
    (tmp_path / "faces.csv").write_text("\n".join(rows) + "\n")
    assert groups.main([str(tmp_path / "faces.csv"), str(tmp_path), "--model", str(ROOT / "models/emotions.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.split(r"  +", line)[0] for line in lines[1:]] == ["all", "side: left", "side: right"]
    assert all("few faces" in line for line in lines[1:])
