"""Score the whole chain on labelled faces of real rooms: detector, head pose, classifier, and what is named at all.

Where the labelled faces also fitted the pose rule, --cross-validate judges each picture by a rule that never saw it. An
error is a strong word (all but happy and neutral) for a face that is turned away, or that a person sees as neutral or
happy. Intervals are Wilson's, 95 %; faces of one picture are not independent, so the truth is wider.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.cli.numbers import whole_number
from edge.errors import EdgeError
from edge.model_files.benchmark import interval
from edge.model_files.calibration import find_calibration
from edge.model_files.cards import SHIPPED
from edge.model_files.pose_rule import PoseRule, read_pose_rule
from edge.vision.emotion_classifier import EmotionClassifier
from edge.vision.face_detector import FaceDetector
from edge.vision.head_pose import evidence, roll
from edge.vision.naming import MILD, Namer
from models.fit_head_pose import fold_rules
from models.options import SHARE
from models.room_faces import POSES, Label, Picture, read_labels, read_pictures

TILE = 128  # pixels of a face on the contact sheet
COLUMNS = 10
EXAMPLES = """examples:
  python -m models.rooms_benchmark labels.json pictures/
  python -m models.rooms_benchmark labels.json pictures/ --cross-validate --said said.jsonl --errors errors.png
"""


@dataclass(frozen=True)
class Judged:
    """A labelled face and what the program says of it."""

    picture: Picture
    index: int
    label: Label
    front: bool
    emotion: str

    @property
    def named(self) -> bool:
        """Whether it was given an emotion."""
        return self.emotion != "unknown"

    @property
    def scored(self) -> bool:
        """Whether the label tells what would be right: a person named the expression, or nobody can."""
        return self.named and (self.label.pose != "front" or self.label.expression is not None)

    @property
    def false_strong(self) -> bool:
        """A strong word that nobody would use."""
        return self.scored and self.emotion not in MILD and self.emotion != self.label.expression


class Chain:
    """The daemon's own parts, one picture at a time, without a memory of faces.

    Args:
        classifier: Started.
        namer: Of its labels.
        min_face_px: Smaller faces are not classified.
        pose: `front`, or `any` for faces in every pose.
    """

    def __init__(self, classifier: EmotionClassifier, namer: Namer, min_face_px: int, pose: str) -> None:
        self._classifier = classifier
        self._namer = namer
        self._min_face_px = min_face_px
        self._any = pose == "any"

    def judge(self, picture: Picture, rule: PoseRule) -> tuple[NDArray[np.bool_], list[str]]:
        """Which faces of a picture are turned to the front (n,), and the emotion of each or `unknown`."""
        found = picture.found
        front = evidence(found, rule) > 0
        seen = (found.boxes[:, 3] >= self._min_face_px) & (front | self._any)
        rows = np.flatnonzero(seen)
        rolls = roll(found.landmarks)[rows]
        said = self._classifier.classify(picture.image, found.boxes[rows], rolls)
        names = (*self._classifier.labels, "unknown")
        emotions = ["unknown"] * len(front)
        for row, name in zip(rows, self._namer.name(said), strict=True):
            emotions[row] = names[name]
        return front, emotions


def _line(name: str, part: int, whole: int) -> str:
    if not whole:
        return f"  {name:34} -"
    low, high = interval(part, whole)
    return f"  {name:34} {100 * part / whole:5.1f} %  ({part}/{whole}; {100 * low:.1f} to {100 * high:.1f})"


def tables(judged: list[Judged], missed: int) -> list[str]:
    """The figures, a line each."""
    lines = [f"{len(judged)} labelled faces found, {missed} not found"]
    for pose in POSES:
        here = [face for face in judged if face.label.pose == pose]
        named = sum(face.named for face in here)
        lines.append(f"{pose}:")
        lines.append(_line("taken for front", sum(face.front for face in here), len(here)))
        lines.append(_line("given an emotion", named, len(here)))
        scored = [face for face in here if face.scored]
        if pose == "front":
            right = sum(face.emotion == face.label.expression for face in scored)
            lines.append(_line("right, of those labelled", right, len(scored)))
        lines.append(_line("a strong word that is wrong", sum(face.false_strong for face in scored), len(scored)))
    scored = [face for face in judged if face.scored]
    lines.append("all:")
    lines.append(_line("a strong word that is wrong", sum(face.false_strong for face in scored), len(scored)))
    return lines


def contact_sheet(errors: list[Judged]) -> NDArray[np.uint8]:
    """The faces as tiles with what the label and the program say: (h, w, 3) uint8 BGR."""
    rows = max(1, math.ceil(len(errors) / COLUMNS))
    sheet = np.full((rows * (TILE + 30), COLUMNS * TILE, 3), 255, np.uint8)
    for number, face in enumerate(errors):
        top, left = number // COLUMNS * (TILE + 30), number % COLUMNS * TILE
        x, y, width, height = face.picture.found.boxes[face.index]
        side = max(width, height) * 1.3
        centre = (float(x + width / 2), float(y + height / 2))
        size = (max(2, round(float(side))),) * 2
        tile = cv2.getRectSubPix(face.picture.image, size, centre)
        sheet[top : top + TILE, left : left + TILE] = cv2.resize(tile, (TILE, TILE), interpolation=cv2.INTER_AREA)
        label = f"{face.label.pose} {face.label.expression or ''}"
        said = f"{'front' if face.front else 'away'} {face.emotion}"
        for line, text in enumerate((f"is {label}", f"said {said}")):
            where = (left + 2, top + TILE + 12 + 14 * line)
            cv2.putText(sheet, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet


def wrong(face: Judged) -> bool:
    """Whether the face belongs on the sheet of errors: pose, or emotion."""
    front = face.label.pose == "front"
    mistaken = face.scored and (not front or face.emotion != face.label.expression)
    return mistaken or (face.label.pose != "none" and face.front != front)


def run(args: argparse.Namespace) -> list[str]:
    """Judge all pictures, write what was asked for, and return the lines to print."""
    detector = FaceDetector.load(args.detect_width)
    classifier = EmotionClassifier.load(args.model, args.emotions_output)
    path = Path(args.model) if Path(args.model).exists() else SHIPPED / args.model
    calibration, origin = find_calibration(path, classifier.card, args.emotions_output)
    namer = Namer(classifier.labels, calibration.thresholds if calibration else {}, args.min_confidence)
    chain = Chain(classifier, namer, args.min_face_px, args.pose)
    pictures = read_pictures(read_labels(args.labels), args.pictures, detector)
    shipped = read_pose_rule(args.pose_rule)
    rules = fold_rules(pictures, shipped.threshold) if args.cross_validate else [shipped] * len(pictures)
    judged, said = [], []
    for picture, rule in zip(pictures, rules, strict=True):
        front, emotions = chain.judge(picture, rule)
        judged += [Judged(picture, at, label, bool(front[at]), emotions[at]) for label, at in picture.labels]
        faces: list[dict[str, Any]] = [
            {"box": [round(float(v), 1) for v in box], "pose": "front" if ahead else "away", "emotion": emotion}
            for box, ahead, emotion in zip(picture.found.boxes, front, emotions, strict=True)
        ]
        said.append(json.dumps({"file": picture.file, "faces": faces}))
    if args.said:
        args.said.write_text("\n".join(said) + "\n", encoding="utf-8")
    if args.errors:
        cv2.imwrite(str(args.errors), contact_sheet([face for face in judged if wrong(face)]))
    how = "rules that never saw the picture" if args.cross_validate else shipped.identity
    head = f"{classifier.card.identity}, {args.emotions_output}; pose: {args.pose}, {how}"
    crop = classifier.card.crop
    upright = "never" if crop.upright_from is None else f"from {crop.upright_from:g} degrees"
    cut = f"crop: scale {crop.scale:g}, down {crop.down:g}, turned upright {upright}"
    return [
        head,
        cut,
        f"thresholds of strong words: {origin}",
        *tables(judged, sum(picture.missed for picture in pictures)),
    ]


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    try:
        print("\n".join(run(_parser().parse_args(argv))))
    except (EdgeError, ValueError, OSError) as error:
        print(f"models.rooms_benchmark: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.rooms_benchmark", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("labels", type=Path, help="labelled faces, JSON; docs/own-room.md says how to make them")
    add("pictures", type=Path, help="folder of the pictures that the labels name")
    add("--cross-validate", action="store_true", help="judge each picture by a pose rule fitted without it")
    add("--said", type=Path, metavar="FILE", help="write what was said of every face, one JSON object a picture")
    add("--errors", type=Path, metavar="FILE", help="write a contact sheet (.png) of the errors: mind who may see it")
    add("--model", default="emotions.json", help="card of the emotion model (default: the shipped one)")
    add("--emotions-output", default="ferplus", help="default: %(default)s")
    add("--pose-rule", type=Path, default=SHIPPED / "head-pose.json", help="default: the shipped one")
    add("--pose", choices=("front", "any"), default="front", help="as vision.pose (default: %(default)s)")
    add("--min-confidence", type=SHARE, default=0.3, help="as vision.min_confidence (default: %(default)s)")
    add("--min-face-px", type=whole_number(1, 1000), default=24, help="as vision.min_face_px (default: %(default)s)")
    add("--detect-width", type=int, choices=(640, 1280, 1920), default=1280, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
