"""Which emotion a face is given, if any: a strong word needs more evidence than `neutral` does. Pure.

Chow's reject option (1970, doi:10.1109/TIT.1970.1054406) with a cost for each class. To call somebody angry, disgusted,
afraid, sad or surprised who looks neutral or happy is the costly mistake, so each of these words has a threshold of its
own, chosen on held-out pictures for a stated rate of such mistakes (`models/emotions.calibration.json`; the curve is in
models/README.md). Where no strong word has enough evidence, `neutral` or `happy` may still have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

MILD = ("happy", "neutral")
"""Labels that are named with the least confidence; all others are strong words."""


class Namer:
    """Turns probabilities into labels.

    Args:
        labels: k labels of the classifier, in the order of its columns.
        thresholds: By label, the least probability with which a strong word is used; one that is missing needs no more
            than `min_confidence`.
        min_confidence: The least probability with which anything is named, 0..1.
    """

    def __init__(self, labels: Sequence[str], thresholds: Mapping[str, float], min_confidence: float) -> None:
        least = [max(min_confidence, thresholds.get(label, 0.0)) for label in labels]
        self._least = np.array(least, np.float32)
        self._mild = np.array([label in MILD for label in labels])
        self._unknown = len(labels)

    def name(self, probabilities: NDArray[np.float32]) -> NDArray[np.intp]:
        """The index of each face's label.

        Args:
            probabilities: (n, k) float32, rows sum to 1.

        Returns:
            (n,) 0..k-1, or k for `unknown`.
        """
        if not len(probabilities):
            return np.empty(0, np.intp)
        best = probabilities.argmax(axis=1)
        enough = probabilities >= self._least
        mild = np.where(self._mild & enough, probabilities, 0.0)
        fallback = np.where(mild.any(axis=1), mild.argmax(axis=1), self._unknown)
        return np.where(enough[np.arange(len(best)), best], best, fallback)
