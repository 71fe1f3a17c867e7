"""Fast ways of detector, classifier and tracker find what the plain ways find."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.model_files.cards import FaceCard, face_card_path, read_card
from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import FaceDetector
from edge.vision.tflite import Model, Tensor
from edge.vision.tracker import overlap


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


class FixedOutputs(Model):
    """A model that says what it is told to, whatever it is shown."""

    said: dict[str, NDArray[np.uint8]]

    def output_view(self, tensor: Tensor) -> NDArray[np.int8]:
        bits = self.said.get(tensor.name, np.zeros(tensor.shape, np.uint8))
        return bits.reshape(tensor.shape).view(np.int8)


@pytest.fixture(scope="module")
def fixed_outputs() -> FixedOutputs:
    path = face_card_path(640)
    return FixedOutputs(path, read_card(path, FaceCard))


@given(bits=hnp.arrays(np.uint8, (2, 240)))
def test_no_cell_that_could_be_a_face_is_ruled_out(fixed_outputs: FixedOutputs, bits: NDArray[np.uint8]) -> None:
    detector = FaceDetector(read_card(face_card_path(640), FaceCard), fixed_outputs)
    head = detector._heads[-1]
    fixed_outputs.said = {head.cls.name: bits[0], head.obj.name: bits[1]}
    product = head.cls_table[bits[0]] * head.obj_table[bits[1]]
    expected = np.sqrt(product[product >= detector.card.score_threshold**2])
    assert np.array_equal(detector._decode(head).scores, expected)


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
