"""`edge bench`, what it measures with, and that the fast ways of the frame loop say what the plain ones say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.bench.energy import EnergyMeter
from edge.bench.footage import ClipFootage, SceneFootage
from edge.bench.measure import STAGES
from edge.bench.plot import plot
from edge.bench.result import Result, Spread, slope
from edge.errors import CameraError
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import FaceDetector
from edge.vision.tflite import Tensor
from edge.vision.tracker import overlap

Edge = Callable[..., "subprocess.Popen[str]"]


def result(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=100)
    assert "Traceback" not in err
    return process.returncode, out, err


# The command


def test_it_measures_scenes(edge: Edge, tmp_path: Path) -> None:
    words = "--size 1280x720 --faces 6,1 --frames 12 --json b.json --plot b.svg --one-core"
    code, out, err = result(edge("bench", *words.split()))
    assert code == 0, out + err
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["schema"] == "edge.bench/1"
    assert report["machine"]["cores"] == 1
    assert set(report["models"]) == {"faces", "emotions"}
    few, many = report["results"]
    assert (few["people"], many["people"]) == (1, 6)
    for scene in (few, many):
        assert scene["faces"] == scene["classified"] == scene["people"]
        assert scene["size"] == [1280, 720]
        assert list(scene["stages"]) == list(STAGES)
        assert all(0 <= each["median"] <= each["p95"] for each in scene["stages"].values())
        assert 1 < scene["ratio"] < 5
        assert 40 < scene["rss_mb"] < 250
    # Five bare classifications more are half a millisecond in ten: less than a busy machine's noise.
    assert many["floor_ms"] > 0.7 * few["floor_ms"] > 0
    assert abs(report["per_face"]["1280x720"]["cpu_ms"]) < 5
    assert "6 1280x720" in out
    assert ET.parse(tmp_path / "b.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own


def test_it_measures_every_face_where_a_daemon_would_find_no_time_for_it(edge: Edge, tmp_path: Path) -> None:
    starved = "--set vision.cpu_budget=0.05 --set vision.detect_fps=0.1 --set vision.fps=60"
    code, out, err = result(edge("bench", *f"--size 1280x720 --faces 50 --frames 4 --json b.json {starved}".split()))
    assert code == 0, out + err
    (scene,) = json.loads((tmp_path / "b.json").read_text())["results"]
    assert scene["faces"] == scene["classified"] == 50


def test_it_measures_without_a_classifier(edge: Edge, tmp_path: Path) -> None:
    words = "--size 640x360 --faces 3 --frames 2 --json b.json --set mode=headcount --set vision.detect_width=640"
    code, out, err = result(edge("bench", *words.split()))
    assert code == 0, out + err
    (scene,) = json.loads((tmp_path / "b.json").read_text())["results"]
    assert scene["faces"] > 0
    assert scene["classified"] == 0
    assert "classify" not in scene["stages"]


def test_it_measures_a_clip_and_begins_again_at_its_end(edge: Edge, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.avi", 3)
    code, out, err = result(edge("bench", "--clip", "clip.avi", "--frames", "5", "--json", "b.json"))
    assert code == 0, out + err
    (clip,) = json.loads((tmp_path / "b.json").read_text())["results"]
    assert (clip["footage"], clip["size"], clip["people"], clip["frames"]) == ("clip.avi", [320, 240], None, 5)


def test_what_is_no_clip_is_refused(edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("no film")
    for name, expected in {"none.avi": "is not a file", "text.avi": "no frame that can be decoded"}.items():
        code, _, err = result(edge("bench", "--clip", name))
        assert code == 66
        assert expected in err


@pytest.mark.parametrize("words", ["--faces 0", "--faces 101", "--faces x", "--size 1280", "--size 9x9", "--frames 1"])
def test_wrong_numbers_are_wrong_usage(edge: Edge, words: str) -> None:
    code, _, err = result(edge("bench", *words.split()))
    assert code == 2
    assert "usage:" in err


def write_clip(path: Path, frames: int) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for level in range(frames):
        writer.write(np.full((240, 320, 3), level * 20, np.uint8))
    writer.release()


def test_scenes_repeat_and_nobody_comes_or_goes() -> None:
    one, other = SceneFootage(10, (640, 360)), SceneFootage(10, (640, 360))
    for _ in range(25):
        assert np.array_equal(one.next()[0], other.next()[0])
    scene = Scene(read_portraits(), faces=100)
    assert {len(scene.truth(0.2 * step)) for step in range(12)} == {100}


def test_a_clip_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="is not a file"):
        ClipFootage(tmp_path)


# Numbers


def measured(faces: float, cost: float, floor: float = 10.0) -> Result:
    return Result(
        footage="x", size=(1280, 720), people=None, faces=faces, classified=faces, frames=10,
        stages={}, frame=Spread(cost, cost), fps=1.0, cpu_ms=cost, floor_ms=floor, classifier_ms=0.2,
        ratio=cost / floor, rss_mb=None, rss_growth_mb=None, joules=None, busy=0.0,
    )  # fmt: skip


def test_the_slope_is_the_cost_of_one_more_face() -> None:
    found = slope([measured(n, 9 + 0.3 * n) for n in (1, 10, 100)])
    assert found == pytest.approx((0.3, 1.5))
    assert slope([measured(5, 10)]) is None


def test_a_plot_of_one_size_and_of_two() -> None:
    results = [measured(n, 9 + 0.3 * n) for n in (1, 10, 100)]
    both = [*results, *(replace(each, size=(1920, 1080)) for each in results)]
    for chosen, lines in ((results, 2), (both, 4)):
        drawn = ET.fromstring(plot(chosen, "<title & more>"))  # noqa: S314 - our own
        assert len([part for part in drawn.iter() if part.tag.endswith("polyline")]) == lines


def board(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / "sys/class" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "sys/class" / name).write_text(content)
    return root


def test_energy_is_counted_where_there_is_a_counter(tmp_path: Path) -> None:
    root = board(tmp_path, {"powercap/intel-rapl:0/energy_uj": "1000000"})
    meter = EnergyMeter(root, "")
    assert meter.available
    counter = root / "sys/class/powercap/intel-rapl:0/energy_uj"
    assert meter.per_call(lambda: counter.write_text(str(int(counter.read_text()) + 500_000)), 4) == 0.5
    assert meter.per_call(lambda: counter.write_text("7"), 4) is None


def test_energy_is_power_times_time_where_there_are_rails(tmp_path: Path) -> None:
    files = {"hwmon/hwmon3/name": "ina3221\n", "hwmon/hwmon3/in1_input": "5000", "hwmon/hwmon3/curr1_input": "1200"}
    meter = EnergyMeter(board(tmp_path, files), "")
    assert meter.available
    used = meter.per_call(lambda: None, 1)
    assert used is not None
    assert 0 <= used < 0.1


def test_energy_of_a_raspberry_pi_5(tmp_path: Path) -> None:
    firmware = tmp_path / "vcgencmd"
    lines = ["     3V3_SYS_A current(1)=0.5A", "     3V3_SYS_V volt(9)=3.3V", "     VDD_CORE_A current(7)=2.0A"]
    firmware.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
    firmware.chmod(0o755)
    assert EnergyMeter(tmp_path, str(firmware))._watts() == pytest.approx(1.65)


def test_a_board_without_a_meter(tmp_path: Path) -> None:
    assert not EnergyMeter(tmp_path, "").available
    assert not EnergyMeter(tmp_path, str(tmp_path / "none")).available


# The fast ways and the plain ones


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_faces_are_cut_and_named_as_in_the_plain_way(size: tuple[int, int]) -> None:
    detector, classifier = FaceDetector.load(), EmotionClassifier.load()
    image = Scene(read_portraits(), size=size, faces=40).render(1.0)
    boxes = detector.detect(image).boxes
    crops = classifier.crop(image, boxes).copy()
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    side = boxes[:, 2:].max(axis=1)
    left = np.clip(boxes[:, 0] + boxes[:, 2] / 2 - side / 2, 0, size[0] - side).round().astype(int)
    middle = boxes[:, 1] + boxes[:, 3] * (0.5 + classifier.card.crop.down)
    top = np.clip(middle - side / 2, 0, size[1] - side).round().astype(int)
    table, model, rows = classifier._model.input_table(), classifier._model, []
    for crop, x, y, n in zip(crops, left, top, side.round().astype(int), strict=True):
        ways = cv2.INTER_AREA if n > 48 else cv2.INTER_LINEAR
        plain = cv2.resize(grey[y : y + n, x : x + n], (48, 48), interpolation=ways)
        assert np.array_equal(crop[..., 0], plain)
        model.input_view()[0] = table[plain][..., None]
        model.invoke()
        rows.append(model.output_view(classifier._tensor)[0].view(np.uint8).copy())
    logits = classifier._logits[np.stack(rows)]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.array_equal(classifier.classify(image, boxes), shares / shares.sum(axis=1, keepdims=True))


@pytest.fixture(scope="module")
def small_detector() -> FaceDetector:
    return FaceDetector.load(640)


class FixedOutputs:
    """A model that says the same whatever it is shown."""

    def __init__(self, outputs: dict[str, NDArray[np.uint8]]) -> None:
        self._outputs = outputs

    def output_view(self, tensor: Tensor) -> NDArray[np.int8]:
        bits = self._outputs.get(tensor.name, np.zeros(tensor.shape, np.uint8))
        return bits.reshape(tensor.shape).view(np.int8)


@given(bits=hnp.arrays(np.uint8, (2, 240)))
def test_no_cell_that_could_be_a_face_is_ruled_out(small_detector: FaceDetector, bits: NDArray[np.uint8]) -> None:
    head, real = small_detector._heads[-1], small_detector._model
    small_detector._model = cast("Any", FixedOutputs({head.cls.name: bits[0], head.obj.name: bits[1]}))
    try:
        scores = small_detector._decode(head).scores
    finally:
        small_detector._model = real
    product = head.cls_table[bits[0]] * head.obj_table[bits[1]]
    assert np.array_equal(scores, np.sqrt(product[product >= small_detector.card.score_threshold**2]))


boxes_of_a_frame = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.floats(0, 100, width=32)
)


@given(boxes_of_a_frame, boxes_of_a_frame)
def test_overlap_is_what_it_says(a: NDArray[np.float32], b: NDArray[np.float32]) -> None:
    shares = overlap(a, b)
    assert shares.shape == (len(a), len(b))
    for i, (ax, ay, aw, ah) in enumerate(a.tolist()):
        for j, (bx, by, bw, bh) in enumerate(b.tolist()):
            width = max(0.0, min(ax + aw, bx + bw) - max(ax, bx))
            height = max(0.0, min(ay + ah, by + bh) - max(ay, by))
            union = aw * ah + bw * bh - width * height
            if union > 1:
                assert shares[i, j] == pytest.approx(width * height / union, abs=1e-3)
