"""The pose rule's file: checked, named by its hash, refused with the key that is wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from edge.errors import ModelError
from edge.model_files.cards import SHIPPED
from edge.model_files.pose_rule import FEATURES, read_pose_rule

RULE: dict[str, Any] = {
    "name": "a-rule", "task": "pose", "weights": dict.fromkeys(FEATURES, 1.0), "bias": -2.0, "threshold": 0.5,
    "figures": {"anything": "for people"},
}  # fmt: skip


def test_the_shipped_rule_is_named_by_the_hash_of_its_file() -> None:
    rule = read_pose_rule(SHIPPED / "head-pose.json")
    digest = hashlib.sha256((SHIPPED / "head-pose.json").read_bytes()).hexdigest()
    assert rule.identity == f"{rule.name}@{digest[:12]}"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"weights": {"offset": 1.0}}, "weights must be of offset, ratio, nose, score"),
        ({"bias": "much"}, "bias"),
        ({"threshold": float("nan")}, "threshold"),
        ({"task": "faces"}, "task"),
        ({"name": "a rule\n"}, "name"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps(RULE | change))
    with pytest.raises(ModelError, match=named):
        read_pose_rule(path)


@pytest.mark.parametrize("content", ["", "[]", "nonsense", "[" * 100_000])
def test_what_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rule.json"
    path.write_text(content)
    with pytest.raises(ModelError, match="not a JSON object"):
        read_pose_rule(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no\.json cannot be read"):
        read_pose_rule(tmp_path / "no.json")
