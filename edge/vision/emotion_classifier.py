"""Name the emotion of each face: crops resized straight into one batch, one look-up into int8, one small model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model_files.cards import EmotionCard, EmotionOutput, emotion_card_path, read_card
from edge.vision.tflite import Model, Tensor, loading

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_FACES = 256  # more than a camera can resolve; bounds the memory


class EmotionClassifier:
    """Gives every face a probability for each label of the model's card.

    Args:
        card: The model's card.
        model: The model, loaded.
        output: Which of the model's label sets is read.

    Raises:
        ModelError: The model does not fit its card.
    """

    def __init__(self, card: EmotionCard, model: Model, output: EmotionOutput) -> None:
        self.card = card
        self.output = output
        self._model = model
        self._tensor = model.output(output.tensor, (1, len(output.labels)))
        self._logits = logit_table(self._tensor, output) / np.float32(output.temperature)
        self._table = model.input_table().view(np.uint8)
        size = card.input
        self._grey = size.colour == "grey" or size.channels == 1
        # A model that wants grey on three channels gets the one plane of a crop in all of them.
        self._crops = np.empty((MAX_FACES, size.height, size.width, 1 if self._grey else size.channels), np.uint8)

    @classmethod
    def load(cls, model: str = "emotions.json", output: str = "ferplus", threads: int = 1) -> Self:
        """Load a model.

        Args:
            model: The card, as a path or as a name in the folder of shipped models.
            output: Which of the model's label sets is read.
            threads: CPU threads.

        Raises:
            ModelError: It cannot be used.
        """
        path = emotion_card_path(model)
        card = read_card(path, EmotionCard)
        with loading(path):
            loaded = Model(path, card, threads)
            classifier = cls(card, loaded, card.output(output))
            loaded.reset()  # tensors may get their memory only while the model runs
        return classifier

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns that `classify` returns."""
        return self.output.labels

    def classify(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rolls: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Classify the faces of one frame.

        Args:
            image: (height, width, 3) uint8 BGR.
            boxes: (n, 4) x, y, width, height in pixels, inside the frame; at most 256 are looked at.
            rolls: (n,) radians by which heads are tilted clockwise in the picture; they are cut out upright. None:
                all are upright.

        Returns:
            (n, labels) float32, rows sum to 1.
        """
        boxes = boxes[:MAX_FACES]
        if not len(boxes):
            return np.empty((0, len(self.labels)), np.float32)
        crops = self.crop(image, boxes, rolls)
        flat = crops.reshape(len(boxes), -1)
        cv2.LUT(flat, self._table, dst=flat)  # all faces at once: a look-up for each would cost as much as its crop
        outputs = np.empty((len(boxes), len(self.labels)), np.int8)
        for row, crop in zip(outputs, crops.view(np.int8), strict=True):
            self._model.input_view()[:] = crop
            self._model.invoke()
            row[:] = self._model.output_view(self._tensor)
        return _softmax(self._logits[outputs.view(np.uint8)])

    def run_bare(self) -> None:
        """Run the model on what lies in its tensor, and nothing else: the least that a face can cost."""
        self._model.invoke()

    def reset(self) -> None:
        """Keep nothing of the last frame's faces."""
        self._crops.fill(0)
        self._model.reset()

    def crop(
        self, image: NDArray[np.uint8], boxes: NDArray[np.float32], rolls: NDArray[np.float32] | None = None
    ) -> NDArray[np.uint8]:
        """Every face as a square of the model's size, from at most 256 boxes and rolls as `classify` takes them.

        Returns:
            (n, height, width, 1 or 3) uint8 grey or BGR, valid until the next call.
        """
        frame_height, frame_width = image.shape[:2]
        size = self.card.input
        side = boxes[:, 2:].max(axis=1) * self.card.crop.scale
        centre_x = boxes[:, 0] + boxes[:, 2] / 2
        centre_y = boxes[:, 1] + boxes[:, 3] * (0.5 + self.card.crop.down)
        # A square that leaves the frame is moved back inside, so that no border has to be invented.
        left = np.clip(centre_x - side / 2, 0, np.maximum(frame_width - side, 0)).round().astype(int)
        top = np.clip(centre_y - side / 2, 0, np.maximum(frame_height - side, 0)).round().astype(int)
        whole = np.maximum(side.round().astype(int), 1)
        crops = self._crops[: len(boxes)]
        limit = self.card.crop.upright_from
        upright = math.inf if limit is None else math.radians(limit)
        angles = [0.0] * len(boxes) if rolls is None else rolls[: len(boxes)].tolist()
        for crop, x, y, n, angle in zip(crops, left.tolist(), top.tolist(), whole.tolist(), angles, strict=True):
            part = _turned(image, x, y, n, angle) if abs(angle) >= upright else image[y : y + n, x : x + n]
            if self._grey:  # of the faces alone: they are a small part of the frame
                part = np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.uint8)
            shrink = cv2.INTER_AREA if n > size.width else cv2.INTER_LINEAR
            cv2.resize(part, (size.width, size.height), dst=crop, interpolation=shrink)
        return crops


def _turned(image: NDArray[np.uint8], x: int, y: int, side: int, angle: float) -> NDArray[np.uint8]:
    """The square at x, y of a frame, cut out along axes that are turned by `angle` about its middle."""
    reach = math.ceil(side * (math.sqrt(2) - 1) / 2) + 1  # how far the corners of a turned square stick out
    top, start = max(0, y - reach), max(0, x - reach)
    around = image[top : y + side + reach, start : x + side + reach]
    middle = (side - 1) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    centre_x, centre_y = x - start + middle, y - top + middle
    # From the upright square to where its pixels lie in `around`.
    matrix = np.array(
        [[cos, -sin, centre_x - cos * middle + sin * middle], [sin, cos, centre_y - sin * middle - cos * middle]],
        np.float32,
    )
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    upright = cv2.warpAffine(around, matrix, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(upright, np.uint8)


def logit_table(tensor: Tensor, output: EmotionOutput) -> NDArray[np.float32]:
    """(256,) float32: the logit of every int8 that `tensor` may hold, looked up by its bits as uint8."""
    table = tensor.table()
    if output.kind == "probabilities":
        # The softmax of log p is p again. A probability of 0 stands for all below half a step.
        table = np.log(np.maximum(table, np.float32(tensor.scale / 2)))
    return table


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
