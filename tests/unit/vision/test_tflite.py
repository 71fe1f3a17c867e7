"""What a tensor of a model has to be before its numbers are believed."""

from __future__ import annotations

import numpy as np
import pytest

from edge.vision.tflite import Tensor


@pytest.mark.parametrize(
    ("scale", "good"), [(0.004, True), (0.0, False), (-0.1, False), (float("nan"), False), (float("inf"), False)]
)
def test_a_tensor_without_a_scale_is_no_quantised_one(scale: float, good: bool) -> None:  # noqa: FBT001
    details = {"index": 0, "name": "faces", "shape": [1, 7], "dtype": np.int8, "quantization": (scale, 3)}
    assert Tensor(details).int8 == good
