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

from edge.cameras.masks import Masks
from edge.cameras.normalize import read_picture
from edge.cli import add_config_arguments, read_config
from edge.cli.annotate import annotate, total, word
from edge.contract.labels import UNKNOWN, adjective
from edge.errors import EXIT_OK, CameraError
from edge.files.presence import is_folder
from edge.files.whole_file import write_whole
from edge.text import plain_lines, printable
from edge.vision.count_area import inside
from edge.vision.emotion_classifier import MAX_FACES
from edge.vision.head_pose import evidence, roll
from edge.vision.model_set import ModelChoice, ModelSet
from edge.vision.naming import Namer

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from edge.config.schema import VisionConfig

EXAMPLES = """examples:
  edge image class.jpg
  edge image *.jpg --json
  edge image class.jpg --output annotated.png     writes a copy with boxes: mind who may see it
"""


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
    masks = Masks(config.camera.masks)  # as the daemon: nothing below is shown, and nothing is found there
    targets = _targets(args.output, args.files) if args.output else [None] * len(args.files)
    status = EXIT_OK
    for file, target in zip(args.files, targets, strict=True):
        try:
            image = masks.apply(_read(file))
        except CameraError as error:
            print(f"edge: {plain_lines(str(error))}", file=sys.stderr)
            status = error.exit_code
            continue
        faces = _judge(image, models, vision)
        if args.json:
            print(json.dumps({"file": os.fsencode(file).decode("utf-8", "backslashreplace"), "faces": faces}))
        else:
            _print(file, faces)
        if target is not None:
            _write(annotate(image, faces), target)
    return status


def _judge(image: NDArray[np.uint8], models: ModelSet, vision: VisionConfig) -> list[dict[str, Any]]:
    """What the daemon would say of each face if it saw nothing but this picture."""
    found = models.detector.detect(image)
    size = image.shape[1], image.shape[0]
    found = found.only(inside(found.boxes, vision.count_area, size)).first(MAX_FACES)
    faces: list[dict[str, Any]] = [
        {"box": [round(float(value), 1) for value in box], "score": round(float(score), 3)}
        for box, score in zip(found.boxes, found.scores, strict=True)
    ]
    if models.pose is None:
        return faces
    near = found.boxes[:, 3] >= vision.min_face_px
    front = evidence(found, models.pose) > 0
    for face, is_near, is_front in zip(faces, near.tolist(), front.tolist(), strict=True):
        face["too_small"] = not is_near
        face["pose"] = ("front" if is_front else "away") if is_near else "unknown"
    if models.classifier is None:
        return faces
    chosen = np.flatnonzero(near & (front | (vision.pose == "any")))
    said = models.classifier.classify(image, found.boxes[chosen], roll(found.landmarks)[chosen])
    labels = (*models.labels, UNKNOWN)
    names = Namer(models.labels, models.thresholds, vision.min_confidence).name(said).tolist()
    for face in faces:
        face["emotion"] = UNKNOWN
    for index, name, row in zip(chosen.tolist(), names, said, strict=True):
        probabilities = {label: round(float(p), 3) for label, p in zip(models.labels, row, strict=True)}
        faces[index] |= {"emotion": labels[name], "probabilities": probabilities}
    return faces


def _print(file: Path, faces: list[dict[str, Any]]) -> None:
    print(f"{_shown(file)}: {total(faces)}")
    for number, face in enumerate(faces, 1):
        x, y, width, height = face["box"]
        likely = sorted(face.get("probabilities", {}).items(), key=lambda item: -item[1])[:3]
        words = " ".join(f"{adjective(label)} {p:.2f}" for label, p in likely)
        print(
            f"  {number:3}  {word(face):12} {width:.0f}x{height:.0f} px at ({x:.0f}, {y:.0f})  "
            f"face {face['score']:.2f}  {words}".rstrip()
        )


def _shown(file: Path) -> str:
    """Its name, without what a terminal might obey."""
    name = os.fsencode(file).decode("utf-8", "backslashreplace")
    return printable(name, len(name))


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
    if len(files) > 1 or name.endswith("/") or is_folder(output):
        targets = [output / f"{file.stem}-annotated.png" for file in files]
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CameraError(f"--output {output} is no folder ({error.strerror})", "name a folder") from None
    else:
        targets = [output]
    if len(set(targets)) < len(targets):
        raise CameraError("two of the files have the same name", "annotate them one after the other")
    taken = {os.path.realpath(file) for file in files}
    for target in targets:
        if os.path.realpath(target) in taken:
            raise CameraError(f"--output {target} is one of the pictures", "name another file")
    return targets


def _write(image: NDArray[np.uint8], target: Path) -> None:
    try:
        _, data = cv2.imencode(target.suffix, image)
        write_whole(target, data.tobytes())
    except cv2.error:
        raise CameraError(
            f"{target} is of no known picture type", "name it .png or .jpg; for a folder, end it with /"
        ) from None
    except OSError as error:
        raise CameraError(f"{target} cannot be written", error.strerror or str(error)) from None
    print(f"wrote {_shown(target)}", file=sys.stderr)
