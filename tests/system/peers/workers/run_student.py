"""A Haar cascade and a Keras network called once per face, as tutorials have it; the weights are those of fer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import cv2
import fer
import numpy as np
import tensorflow as tf
from loop import serve


def main() -> None:
    """Serve."""
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data/haarcascade_frontalface_default.xml"))
    network = tf.keras.models.load_model(Path(fer.__file__).parent / "data/emotion_model.hdf5", compile=False)

    def find(image: Any) -> list[list[float]]:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        faces = cascade.detectMultiScale(grey, scaleFactor=1.3, minNeighbors=5)
        for x, y, width, height in faces:
            crop = cv2.resize(grey[y : y + height, x : x + width], (64, 64)).astype(np.float32) / 127.5 - 1
            network.predict(crop[None, :, :, None], verbose=0)
        return [[*map(float, face), 1.0] for face in faces]

    serve(find)


if __name__ == "__main__":
    main()
