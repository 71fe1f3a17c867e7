"""The room benchmark and the fit of the pose rule, on made-up faces and a drawn room."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.model_files.benchmark import interval
from edge.model_files.pose_rule import FEATURES
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from models import fit_head_pose, rooms_benchmark
from models.room_faces import read_labels
from tests.support.paths import SHARED


def faces(random: np.random.Generator, count: int = 200) -> tuple[Any, Any, Any]:
    front = random.random(count) < 0.6
    rows = random.normal(0, 1, (count, len(FEATURES))) + np.where(front[:, None], (0.8, -0.4, 0.0, 1.0), 0)
    return rows, front, random.integers(0, 20, count)


def test_the_fit_finds_which_way_each_feature_points() -> None:
    rows, front, _ = faces(np.random.default_rng(1))
    weights, bias = fit_head_pose.fit(rows, front)
    assert weights[0] > 0 > weights[1]
    assert abs(weights[2]) < 0.3 < weights[3]
    right = ((rows @ weights + bias > 0) == front).mean()
    assert right > 0.7


def test_no_face_is_judged_by_a_rule_that_saw_its_picture() -> None:
    rows, front, fold = faces(np.random.default_rng(2))
    before = fit_head_pose.cross_validate(rows, front, fold)
    changed = front.copy()
    changed[fold == 3] ^= True
    after = fit_head_pose.cross_validate(rows, changed, fold)
    np.testing.assert_array_equal(before[fold == 3], after[fold == 3])
    assert (before[fold != 3] != after[fold != 3]).all()


def test_the_threshold_lets_no_more_through_than_allowed() -> None:
    rows, front, fold = faces(np.random.default_rng(3))
    logits = fit_head_pose.cross_validate(rows, front, fold)
    threshold = fit_head_pose.lowest_threshold(logits, front, 0.08)
    assert (logits[~front] > threshold).mean() <= 0.08
    assert (logits[~front] >= threshold).mean() > 0.08


def test_one_kind_of_face_is_not_enough() -> None:
    with pytest.raises(ValueError, match="only one kind is labelled"):
        fit_head_pose.fit(np.zeros((3, 4)), np.ones(3, bool))


@pytest.mark.parametrize(("part", "whole", "low", "high"), [(0, 66, 0, 0.055), (96, 112, 0.781, 0.910), (0, 0, 0, 1)])
def test_intervals_are_wilsons(part: int, whole: int, low: float, high: float) -> None:
    assert interval(part, whole) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{}", "not a file of labels"),
        ('{"faces": [{"file": "a.jpg", "box": [1, 2, 3], "pose": "front"}]}', "face 0 has no file, box"),
        ('{"faces": [{"file": "a.jpg", "box": [1, 2, 3, 4], "pose": "sideways"}]}', "face 0: pose 'sideways'"),
    ],
)
def test_a_wrong_file_of_labels_is_explained(tmp_path: Path, content: str, named: str) -> None:
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(ValueError, match=named):
        read_labels(tmp_path / "labels.json")


def test_a_drawn_room_is_scored_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene(read_portraits(), faces=12, seed=4, turning=False)
    cv2.imwrite(str(tmp_path / "room.png"), scene.render(2.0))
    labels: list[dict[str, Any]] = [
        {"file": "room.png", "box": person.box, "pose": "front", "expression": person.emotion}
        for person in scene.truth(2.0)
    ]
    labels.append({"file": "room.png", "box": [5, 5, 40, 40], "pose": "away", "expression": None})  # nobody there
    (tmp_path / "labels.json").write_text(json.dumps({"faces": labels}))
    arguments = [str(tmp_path / "labels.json"), str(tmp_path), "--said", str(tmp_path / "said.jsonl")]
    assert rooms_benchmark.main([*arguments, "--errors", str(tmp_path / "errors.png")]) == 0
    printed = capsys.readouterr().out
    assert "crop: scale 1, down -0.025, turned upright from 3 degrees" in printed
    assert "thresholds of strong words: from emotions.calibration.json" in printed
    assert "12 labelled faces found, 1 not found" in printed
    assert "right, of those labelled           100.0 %" in printed
    said = json.loads((tmp_path / "said.jsonl").read_text())
    assert len(said["faces"]) == 12
    assert (tmp_path / "errors.png").stat().st_size > 0


@pytest.mark.skipif(
    not (SHARED / "data/rooms/labels.json").exists(), reason="the labelled rooms are not ours to publish"
)
def test_the_shipped_rule_is_what_the_command_makes(tmp_path: Path) -> None:
    output = tmp_path / "rule.json"
    arguments = [str(SHARED / "data/rooms/labels.json"), str(SHARED / "data/faces"), "--output", str(output)]
    assert fit_head_pose.main(arguments) == 0
    made, shipped = (json.loads(path.read_text()) for path in (output, Path("models/head-pose.json")))
    assert made["weights"] == pytest.approx(shipped["weights"], abs=0.05)
    assert made["threshold"] == pytest.approx(shipped["threshold"], abs=0.05)
    assert made["figures"]["front_kept"] >= 0.86
    assert made["figures"]["away_kept"] <= 0.08
