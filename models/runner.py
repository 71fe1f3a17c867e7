"""Run a quantised model on grey faces, one by one, as the daemon does: what proof, evaluation and calibration share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.model_files.cards import EmotionCard
from edge.vision.emotion_classifier import logit_table
from edge.vision.tflite import Model

WARM_UP = 50  # pictures; the first few runs pay for memory that the others find ready


@dataclass(frozen=True)
class Prediction:
    """What a model says about n pictures.

    Attributes:
        logits: By the card's name of each output, (n, labels) float32, not divided by the temperature.
        milliseconds: Median time of one picture, from grey levels to int8 logits.
    """

    logits: dict[str, NDArray[np.float32]]
    milliseconds: float


def predict(
    model: Model, card: EmotionCard, images: NDArray[np.uint8], tick: Callable[[], object] = bool
) -> Prediction:
    """Run a model on n >= 1 grey faces (n, height, width) uint8, one by one, as the daemon does. Raises ModelError.

    `tick` is called after each face, for a progress bar.
    """
    tensors = {name: model.output(out.tensor, (1, len(out.labels))) for name, out in card.outputs.items()}
    bits = {name: np.empty((len(images), tensor.shape[1]), np.uint8) for name, tensor in tensors.items()}
    table = model.input_table()
    crops = fitted(images, card.input.height, card.input.width)
    for crop in crops[:WARM_UP]:
        model.input_view()[0] = table[crop]
        model.invoke()
    seconds = np.empty(len(crops))
    for row, crop in enumerate(crops):
        start = time.perf_counter()
        model.input_view()[0] = table[crop]
        model.invoke()
        for name, tensor in tensors.items():
            bits[name][row] = model.output_view(tensor)[0].view(np.uint8)
        seconds[row] = time.perf_counter() - start
        tick()
    logits = {name: logit_table(tensor, card.outputs[name])[bits[name]] for name, tensor in tensors.items()}
    return Prediction(logits, float(np.median(seconds)) * 1000)


def fitted(images: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Grey faces (n, h, w) uint8 as a model takes them: (n, height, width, 1) uint8."""
    if images.shape[1:] == (height, width):
        return images[..., None]
    ways = cv2.INTER_AREA if images.shape[2] > width else cv2.INTER_LINEAR  # as the daemon resizes its crops
    resized = [cv2.resize(image, (width, height), interpolation=ways) for image in images]
    return np.stack(resized)[..., None].astype(np.uint8)
