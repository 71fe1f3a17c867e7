"""The package fer: run_fer.py haar | mtcnn."""

from __future__ import annotations

import sys
from typing import Any

from fer.fer import FER
from loop import serve


def main() -> None:
    """Serve."""
    # Its default of 50 px finds none of the small faces of a classroom.
    model = FER(mtcnn=True) if sys.argv[1] == "mtcnn" else FER(min_face_size=24)

    def find(image: Any) -> list[list[float]]:
        return [[*map(float, face["box"]), 1.0] for face in model.detect_emotions(image)]

    serve(find)


if __name__ == "__main__":
    main()
