"""`edge image`: the same eyes as the daemon, on picture files; a picture is written only where --output says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.cameras.frames import to_bgr
from edge.cli import add_config_arguments, read_config
from edge.errors import CameraError
from edge.vision.emotions import EmotionClassifier
from edge.vision.faces import FaceDetector

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

EXAMPLES = """examples:
  edge image class.jpg
  edge image *.jpg --json
  edge image class.jpg --output annotated.png     writes a copy with boxes: mind who may see it
"""

MAX_FILE_BYTES = 100_000_000
COLOURS = {
    "angry": (60, 60, 230), "disgust": (80, 160, 60), "fear": (190, 80, 160), "happy": (40, 190, 250),
    "sad": (220, 140, 50), "surprise": (60, 140, 250), "neutral": (170, 170, 170), "unknown": (110, 110, 110),
}  # fmt: skip
"""Per label, as (blue, green, red)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="picture files")
    parser.add_argument("--json", action="store_true", help="one JSON object per file, on one line")
    parser.add_argument(
        "--output", type=Path, metavar="PATH", help="write an annotated copy: a file, or a folder for several"
    )


def main(args: argparse.Namespace) -> int:
    """Analyse every file; 0 when all could be read."""
    vision = read_config(args).vision
    detector = FaceDetector(vision.detect_width, vision.threads)
    classifier = EmotionClassifier(vision.emotions_model, vision.emotions_output, vision.threads)
    detector.start()
    classifier.start()
    for file in args.files:
        image = _read(file)
        found = detector.detect(image)
        probabilities = classifier.classify(image, found.boxes)
        faces = [
            _face(box, float(score), row, classifier.labels, vision.min_face_px, vision.min_confidence)
            for box, score, row in zip(found.boxes, found.scores, probabilities, strict=False)
        ]
        if args.json:
            print(json.dumps({"file": str(file), "faces": faces}))
        else:
            _print(file, faces)
        if args.output:
            _write(annotate(image, faces), _target(args.output, file, len(args.files)))
    return 0


def _face(
    box: NDArray[np.float32],
    score: float,
    probabilities: NDArray[np.float32],
    labels: tuple[str, ...],
    min_face_px: int,
    min_confidence: float,
) -> dict[str, Any]:
    best = int(probabilities.argmax())
    small = bool(box[3] < min_face_px)
    sure = not small and probabilities[best] >= min_confidence
    return {
        "box": [round(float(value), 1) for value in box],
        "score": round(score, 3),
        "emotion": labels[best] if sure else "unknown",
        "too_small": small,
        "probabilities": {label: round(float(p), 3) for label, p in zip(labels, probabilities, strict=True)},
    }


def _print(file: Path, faces: list[dict[str, Any]]) -> None:
    print(f"{file}: {len(faces)} face{'' if len(faces) == 1 else 's'}")
    for number, face in enumerate(faces, 1):
        x, y, width, height = face["box"]
        likely = sorted(face["probabilities"].items(), key=lambda item: -item[1])[:3]
        why = " (too small)" if face["too_small"] else ""
        print(
            f"  {number:3}  {face['emotion']:9}{why}  {width:.0f}x{height:.0f} px at ({x:.0f}, {y:.0f})  "
            f"face {face['score']:.2f}  " + "  ".join(f"{name} {p:.2f}" for name, p in likely)
        )


def annotate(image: NDArray[np.uint8], faces: list[dict[str, Any]]) -> NDArray[np.uint8]:
    """A copy with a box and a word per face; `faces` as `edge image --json` prints them."""
    copy = image.copy()
    line = max(1, image.shape[1] // 640)
    for face in faces:
        x, y, width, height = (round(value) for value in face["box"])
        colour = COLOURS.get(face["emotion"], (255, 255, 255))
        cv2.rectangle(copy, (x, y), (x + width, y + height), colour, line, cv2.LINE_AA)
        scale = max(0.35, min(0.8, width / 90))
        (across, up), _ = cv2.getTextSize(face["emotion"], cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        cv2.rectangle(copy, (x, y - up - 6), (x + across + 4, y), colour, cv2.FILLED)
        cv2.putText(
            copy, face["emotion"], (x + 2, y - 4), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA
        )  # fmt: skip
    return copy


def _read(file: Path) -> NDArray[np.uint8]:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise CameraError(f"{file} is over {MAX_FILE_BYTES:,} bytes", "is it a picture?")
        data = np.fromfile(file, np.uint8)
    except OSError as error:
        raise CameraError(f"{file} cannot be read", error.strerror or str(error)) from None
    try:
        image = to_bgr(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise CameraError(f"{file} is not a picture that can be decoded", "JPEG, PNG, WebP, BMP or TIFF")
    return image


def _target(output: Path, file: Path, files: int) -> Path:
    if files > 1 or output.is_dir():
        output.mkdir(parents=True, exist_ok=True)
        return output / f"{file.stem}-annotated.png"
    return output


def _write(image: NDArray[np.uint8], target: Path) -> None:
    try:
        if not cv2.imwrite(str(target), image):
            raise CameraError(f"{target} cannot be written", "does its folder exist?")
    except cv2.error:
        raise CameraError(f"{target} is of no known picture type", "name it .png or .jpg") from None
    print(f"  wrote {target}")
