"""What the page is told of a frame of the drawn room."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.cameras.capture_thread import Frame
from edge.config.schema import Config
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.vision.model_set import ModelChoice, ModelSet
from edge.web.setup.preview_analyzer import PreviewAnalyzer

LEFT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(read_portraits(), faces=25)


def described(scene: Scene, masked: float = 0.0, **sections: Any) -> tuple[dict[str, Any], PreviewAnalyzer]:
    config = Config.model_validate(sections)
    analyzer = PreviewAnalyzer(ModelSet.load(ModelChoice.of(config)), config.vision, masked)
    assert analyzer.facts is None
    about = analyzer.describe(Frame(scene.render(3.0), 0.0))
    assert json.loads(json.dumps(about)) == about
    return about, analyzer


def test_faces_in_the_count_area_alone_are_counted(scene: Scene) -> None:
    about, analyzer = described(scene, 0.25, vision={"count_area": LEFT})
    assert about["masked"] == 0.25
    inside = [face for face in about["faces"] if face["inside"]]
    outside = [face for face in about["faces"] if not face["inside"]]
    assert inside
    assert outside
    assert max(face["box"][0] + face["box"][2] / 2 for face in inside) <= 640.1
    assert min(face["box"][0] + face["box"][2] / 2 for face in outside) >= 639.9
    assert sum(row["faces"] for row in about["sizes"]) == len(inside)
    assert about["judged"] == sum("front" in face for face in inside)
    assert about["front"] == sum(face.get("front", False) for face in inside)
    whole, _ = described(scene)
    assert 0 < about["front"] < whole["front"]
    analyzer.reset()
    assert analyzer.facts is None


def test_without_an_area_all_are(scene: Scene) -> None:
    about, _ = described(scene)
    truth = scene.truth(3.0)
    assert all(face["inside"] for face in about["faces"])
    assert about["judged"] == pytest.approx(len(truth), abs=1)
    assert about["front"] == pytest.approx(sum(person.front for person in truth), abs=2)
    assert about["light"]["hint"] is None
    small = sum(person.box[3] < 27 for person in truth)  # a detector's box may be a tenth lower than what was drawn
    assert about["advice"]["values"].get("small", 0) <= small


def test_a_head_counter_judges_nobody(scene: Scene) -> None:
    about, _ = described(scene, mode="headcount")
    assert (about["front"], about["judged"]) == (0, 0)
    assert len(about["faces"]) == pytest.approx(25, abs=1)


def test_nobody_in_the_area(scene: Scene) -> None:
    corner = [[0, 0], [0.01, 0], [0.01, 0.01]]
    about, _ = described(scene, vision={"count_area": corner})
    assert about["advice"]["text"].startswith("No face is seen")
    assert about["better_place"] is None
    assert [lens["nearest"] for lens in about["lenses"]] == [None] * len(about["lenses"])
