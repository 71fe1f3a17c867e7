"""Masks and the count area in the configuration: each mistake is named, and none means no mask."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.config.loader import load_config
from edge.errors import ConfigError

TRIANGLE = "[[0,0],[0.5,0],[0.5,0.5]]"
CORNERS = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5))


def test_masks_and_area_from_file_command_line_and_environment(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        f"camera:\n  masks:\n    - {TRIANGLE}\n    - [[0, 1], [1, 1], [1, 0.5]]\nvision: {{count_area: {TRIANGLE}}}\n"
    )
    config = load_config(path)
    assert config.camera.masks == (CORNERS, ((0, 1), (1, 1), (1, 0.5)))
    assert config.vision.count_area == CORNERS
    assert load_config(path, [f"camera.masks=[{TRIANGLE}]"]).camera.masks == (CORNERS,)
    environment = {"EDGE_CAMERA__MASKS": f"[{TRIANGLE}]", "EDGE_VISION__COUNT_AREA": "null"}
    config = load_config(path, environment=environment)
    assert config.camera.masks == (CORNERS,)
    assert config.vision.count_area is None
    assert load_config(path, ["camera.masks=[]"]).camera.masks == ()


MISTAKES = {
    "[[0.5,0.5]]": "found 1 point; a polygon has 3 to 64",
    "[[0,0],[1,1]]": "found 2 points; a polygon has 3 to 64",
    str([[0.1, 0.1]] * 65): "found 65 points; a polygon has 3 to 64",
    "[[0,0],[.nan,1],[1,0]]": "point 1: x: found '.nan'; write a number from 0 to 1",
    "[[0,0],[1,.inf],[1,0]]": "point 1: y: found '.inf'; write a number from 0 to 1",
    "[[0,0],[1,-0.1],[1,0]]": "point 1: y: found -0.1; write a number from 0 to 1, the fraction of the picture's h",
    "[[0,0],[640,0],[1,1]]": "point 1: x: found 640; write a number from 0 to 1, the fraction of the picture's width",
    "[[0,0],['0.5',0],[1,1]]": "point 1: x: found '0.5'; write a number",
    "[[0,0],[true,0],[1,1]]": "point 1: x: found 'true'; write a number",
    "[[0,0],[010,0],[1,1]]": "point 1: x: found '010'; write a number",
    "[[0,0],[1:30,0],[1,1]]": "point 1: x: found '1:30'; write a number",
    "[[0,0],[null,0],[1,1]]": "point 1: x: found None; write a number",
    "[[0,0],[0x" + "f" * 5000 + ",0],[1,1]]": "point 1: x: found a number that is too long to show",
    "[[0,0],[1,0,0],[1,1]]": "point 1: found [1, 0, 0]; write [x, y]",
    "[[0,0],7,[1,1]]": "point 1: found 7; write [x, y]",
    "[{x: 0, y: 0},[1,0],[1,1]]": "point 0: found {'x': 0, 'y': 0}; write [x, y]",
    "[[0,0],[0.5,0.5],[1,1]]": "it encloses nothing; name three corners or more",
    "[[0.2,0.2],[0.2,0.2],[0.2,0.2]]": "it encloses nothing",
    "[[0,0],[1,1],[1,0],[0,1]]": "the edge after point 0 crosses the one after point 2",
    "{a: 1}": "found {'a': 1}; a polygon is a list of points",
    "17": "found 17; a polygon is a list of points",
    "poster": "found 'poster'; a polygon is a list of points",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_names_key_index_value_and_remedy(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"camera:\n  masks:\n  - {TRIANGLE}\n  - {text}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert f"{path}:4: camera.masks.1: {MISTAKES[text]}" in str(caught.value)
    for override in (f"camera.masks=[{TRIANGLE},{text}]", f"vision.count_area={text}"):
        with pytest.raises(ConfigError, match=re.escape(MISTAKES[text])):
            load_config(None, [override])


@pytest.mark.parametrize("text", ["", "null", "5", "poster", "{}", "[[[[]]]]", "[null]", f"[{TRIANGLE}", TRIANGLE])
def test_what_is_no_list_of_polygons_is_never_taken_for_no_mask(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    if text != f"[{TRIANGLE}":  # that is no YAML
        path.write_text(f"camera:\n  masks: {text}\n")
        with pytest.raises(ConfigError, match=r"config.yaml:2: camera\.masks"):
            load_config(path)
    with pytest.raises(ConfigError, match=r"--set camera\.masks: "):
        load_config(None, [f"camera.masks={text}"])


@pytest.mark.parametrize("count", [33, 1000])
def test_too_many_polygons(count: int) -> None:
    assert len(load_config(None, [f"camera.masks=[{','.join([TRIANGLE] * 32)}]"]).camera.masks) == 32
    with pytest.raises(ConfigError, match="allowed: a list .at most 32 polygons"):
        load_config(None, [f"camera.masks=[{','.join([TRIANGLE] * count)}]"])


def test_edges_that_only_touch_are_no_mistake() -> None:
    ring = "[[0.1,0.1],[0.9,0.1],[0.9,0.9],[0.1,0.9],[0.1,0.1],[0.3,0.3],[0.3,0.7],[0.7,0.7],[0.7,0.3],[0.3,0.3]]"
    closed = "[[0,0],[0.5,0],[0.5,0.5],[0,0]]"
    assert len(load_config(None, [f"camera.masks=[{ring},{closed}]"]).camera.masks) == 2


@pytest.mark.parametrize("ending", [".pause", ".resume", ".closed", ".lock", ".masks", ".camera"])
def test_the_outbox_leaves_the_files_beside_it_their_names(ending: str) -> None:
    with pytest.raises(ConfigError, match="not one that ends in .pause, .resume, .closed, .lock, .masks"):
        load_config(None, [f"outbox.path=/var/lib/hall{ending}"])
