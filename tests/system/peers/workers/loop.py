"""What all Python workers share: read a request, look at the picture, answer with CPU seconds and boxes.

A request is a line of JSON: {"path", "width", "height"}; the file holds the picture as raw BGR bytes. The answer is a
line as well: {"seconds", "faces": [[x, y, width, height, score], ...]}.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np


def serve(find: Callable[[Any], list[list[float]]]) -> None:
    """Answer requests until the input ends.

    Args:
        find: From a picture (height, width, 3) uint8 BGR to boxes with their scores.
    """
    cv2.setNumThreads(1)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the libraries print
    print("{}", file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        shape = (request["height"], request["width"], 3)
        image = np.fromfile(request["path"], np.uint8).reshape(shape)
        began = time.process_time()
        faces = find(image)
        seconds = time.process_time() - began
        print(json.dumps({"seconds": seconds, "faces": faces}), file=answers)
