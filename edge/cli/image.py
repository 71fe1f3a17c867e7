"""`edge image`: the same eyes as the daemon, on picture files; a picture is written only where --output says.

A separate entry point: the daemon never imports this file, and can encode no picture.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.cameras.normalize import read_picture
from edge.cli import add_config_arguments, read_config
from edge.errors import EXIT_OK, CameraError
from edge.vision.model_set import ModelChoice, ModelSet

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from edge.config.schema import VisionConfig

EXAMPLES = """examples:
  edge image class.jpg
  edge image *.jpg --json
  edge image class.jpg --output annotated.png     writes a copy with boxes: mind who may see it
"""

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
    parser.add_argument("--output", metavar="PATH", help="write an annotated copy: a file, or a folder for several")


def main(args: argparse.Namespace) -> int:
    """Analyse every file; 0 when all could be read."""
    config = read_config(args)
    vision, models = config.vision, ModelSet.load(ModelChoice.of(config))
    targets = _targets(args.output, args.files) if args.output else [None] * len(args.files)
    status = EXIT_OK
    for file, target in zip(args.files, targets, strict=True):
        try:
            image = _read(file)
        except CameraError as error:
            print(f"edge: {error}", file=sys.stderr)
            status = error.exit_code
            continue
        found = models.detector.detect(image)
        faces = [
            {"box": [round(float(value), 1) for value in box], "score": round(float(score), 3)}
            for box, score in zip(found.boxes, found.scores, strict=True)
        ]
        if models.classifier is not None:
            said = models.classifier.classify(image, found.boxes)
            faces = faces[: len(said)]
            for face, box, row in zip(faces, found.boxes, said, strict=False):
                face.update(_emotion(box, row, models.labels, vision))
        if args.json:
            print(json.dumps({"file": os.fsencode(file).decode("utf-8", "backslashreplace"), "faces": faces}))
        else:
            _print(file, faces)
        if target is not None:
            _write(annotate(image, faces), target)
    return status


def _emotion(
    box: NDArray[np.float32], probabilities: NDArray[np.float32], labels: tuple[str, ...], vision: VisionConfig
) -> dict[str, Any]:
    best = int(probabilities.argmax())
    small = bool(box[3] < vision.min_face_px)
    sure = not small and probabilities[best] >= vision.min_confidence
    return {
        "emotion": labels[best] if sure else "unknown",
        "too_small": small,
        "probabilities": {label: round(float(p), 3) for label, p in zip(labels, probabilities, strict=True)},
    }


def _print(file: Path, faces: list[dict[str, Any]]) -> None:
    name = os.fsencode(file).decode("utf-8", "backslashreplace")
    print(f"{name}: {len(faces)} face{'' if len(faces) == 1 else 's'}")
    for number, face in enumerate(faces, 1):
        x, y, width, height = face["box"]
        likely = sorted(face.get("probabilities", {}).items(), key=lambda item: -item[1])[:3]
        why = " (too small)" if face.get("too_small") else ""
        print(
            f"  {number:3}  {face.get('emotion', 'face'):9}{why}  {width:.0f}x{height:.0f} px at ({x:.0f}, {y:.0f})  "
            f"face {face['score']:.2f}  " + "  ".join(f"{name} {p:.2f}" for name, p in likely)
        )


def annotate(image: NDArray[np.uint8], faces: list[dict[str, Any]]) -> NDArray[np.uint8]:
    """A copy with a box and a word per face; `faces` as `edge image --json` prints them."""
    copy = image.copy()
    line = max(1, image.shape[1] // 640)
    for face in faces:
        x, y, width, height = (round(value) for value in face["box"])
        colour = COLOURS.get(face.get("emotion", ""), (255, 255, 255))
        cv2.rectangle(copy, (x, y), (x + width, y + height), colour, line, cv2.LINE_AA)
        if "emotion" not in face:
            continue
        scale = max(0.35, min(0.8, width / 90))
        (across, up), _ = cv2.getTextSize(face["emotion"], cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        cv2.rectangle(copy, (x, y - up - 6), (x + across + 4, y), colour, cv2.FILLED)
        cv2.putText(
            copy, face["emotion"], (x + 2, y - 4), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA
        )  # fmt: skip
    return copy


def _read(file: Path) -> NDArray[np.uint8]:
    try:
        image = read_picture(file)
    except OSError as error:
        raise CameraError(f"{file} cannot be read", error.strerror or str(error)) from None
    if image is None:
        raise CameraError(f"{file} is not a picture that can be decoded", "JPEG, PNG, WebP, BMP or TIFF")
    return image


def _targets(name: str, files: list[Path]) -> list[Path]:
    """Where each annotated copy goes. Raises CameraError when one would overwrite a picture or another copy."""
    output = Path(name)
    if len(files) > 1 or name.endswith("/") or output.is_dir():
        targets = [output / f"{file.stem}-annotated.png" for file in files]
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CameraError(f"--output {output} is no folder ({error.strerror})", "name a folder") from None
    else:
        targets = [output]
    if len(set(targets)) < len(targets):
        raise CameraError("two of the files have the same name", "annotate them one after the other")
    taken = {file.resolve() for file in files}
    for target in targets:
        if target.resolve() in taken:
            raise CameraError(f"--output {target} is one of the pictures", "name another file")
    return targets


def _write(image: NDArray[np.uint8], target: Path) -> None:
    try:
        _, data = cv2.imencode(target.suffix, image)
        target.write_bytes(data.tobytes())
    except cv2.error:
        raise CameraError(
            f"{target} is of no known picture type", "name it .png or .jpg; for a folder, end it with /"
        ) from None
    except OSError as error:
        raise CameraError(f"{target} cannot be written", error.strerror or str(error)) from None
    print(f"wrote {target}", file=sys.stderr)
