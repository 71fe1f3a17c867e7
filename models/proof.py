"""Float against int8: run both on the same held-out faces, each fed as it wants to be, and compare them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.data import Faces
from models.labels import LABELS
from models.metrics import Confusion, fit_temperature
from models.quantizer import FloatModel
from models.readers import CLASS_NAMES
from models.runner import fitted

Grey: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Geometry:
    """What a model is fed: grey on 1 or 3 channels, of which 0 and 255 become `low` and `high`."""

    height: int
    width: int
    channels: int
    low: float
    high: float

    def fit(self, image: Grey) -> Grey:
        """A grey face (h, w) uint8 in the model's size, (height, width, 1) uint8, resized as the daemon does."""
        return fitted(image[None], self.height, self.width)[0]

    def sample(self, image: Grey) -> Floats:
        """A grey face (h, w) uint8 as the float model sees it: (1, height, width, channels) float32."""
        levels = self.low + self.fit(image).astype(np.float32) * ((self.high - self.low) / 255)
        return np.repeat(levels[None], self.channels, axis=3).astype(np.float32)


@dataclass(frozen=True)
class Proof:
    """What was measured for one output, on the held-out pictures that have a truth for it; shares in 0..1."""

    pictures: int
    float_accuracy: float
    int8_accuracy: float
    agreement: float
    temperature: float

    def figures(self) -> dict[str, float]:
        """For the card."""
        shares = {name: round(getattr(self, name), 4) for name in ("float_accuracy", "int8_accuracy", "agreement")}
        return {"pictures": self.pictures} | shares


def truth_of(faces: Faces, head: str, labels: tuple[str, ...]) -> NDArray[np.int64]:
    """(n,) int64: the index in `labels` that an output should give, -1 where none of them is the truth.

    Args:
        faces: n pictures.
        head: The output; `ferplus` has the FERPlus majority for its truth, any other the pictures' own label.
        labels: In any order, and by any of the names of a class that models.readers knows.
    """
    indices = np.full(len(LABELS) + 1, -1)  # the last one is where -1 points to
    for index, label in enumerate(labels):
        if (found := CLASS_NAMES.get(label.lower())) is not None:
            indices[found] = index
    return indices[faces.majority if head == "ferplus" else faces.label].astype(np.int64)


def run_float(model: FloatModel, geometry: Geometry, images: Iterable[Grey]) -> dict[str, Floats]:
    """What the float model says about n >= 1 grey faces (h, w) uint8: (n, labels) float32 by its tensors' names."""
    parts = [model.run(geometry.sample(image)) for image in images]
    return {name: np.concatenate([part[name] for part in parts]) for name in model.outputs}


def kind_of(values: Floats) -> str:
    """Whether outputs (n, labels) of a float model are `logits` or `probabilities`.

    Raises:
        ValueError: They look like neither, such as one sigmoid per label.
    """
    if values.min() < 0 or values.max() > 1:
        return "logits"
    if np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return "probabilities"
    raise ValueError(
        "the outputs lie in 0..1 but do not sum to 1: neither logits nor probabilities. "
        "Remedy: end the model without an activation, or with a softmax"
    )


def prove(before: Floats, after: Floats, truth: NDArray[np.int64]) -> Proof:
    """Compare what the float model says (n, labels) with the logits (n, labels) of the int8 model.

    Agreement counts all rows, accuracy those with a truth (not -1). Raises ValueError when no row has one.
    """
    if not (truth >= 0).any():
        raise ValueError("the held-out pictures have no label to prove the model on")
    guesses = before.argmax(axis=1), after.argmax(axis=1)
    scores = [Confusion.of(truth, guess, before.shape[1]) for guess in guesses]
    agreement = float((guesses[0] == guesses[1]).mean())
    return Proof(scores[0].rows, scores[0].accuracy, scores[1].accuracy, agreement, fit_temperature(after, truth))


def faults_of(proofs: dict[str, Proof], min_agreement: float, max_loss: float) -> list[str]:
    """Why the int8 model must not be written, in words with numbers; empty when it may be."""
    faults = []
    for head, proof in proofs.items():
        if proof.agreement < min_agreement:
            faults.append(f"{head} agrees with the float model in {proof.agreement:.2%}, below {min_agreement:.2%}")
        loss = proof.float_accuracy - proof.int8_accuracy
        if loss > max_loss:
            faults.append(f"{head} loses {loss:.2%} of accuracy, more than {max_loss:.2%}")
    return faults
