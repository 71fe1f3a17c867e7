"""Fit the rule that tells faces turned to the front from those turned away, and write it with its figures.

A logistic regression on four features of the detector's landmarks (edge/vision/head_pose.py). What is reported is
cross-validated with folds by picture: each picture is judged by a rule that never saw it. The threshold is the lowest
at which no more than `--away` of the faces turned away pass.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.model_files.pose_rule import FEATURES, PoseRule
from edge.vision.face_detector import FaceDetector
from edge.vision.head_pose import measure
from models.options import SHARE
from models.room_faces import Picture, read_labels, read_pictures

RIDGE = 1.0  # of standardised weights, as if a handful of faces said nothing
AWAY = 0.08
EXAMPLES = """examples:
  python -m models.fit_head_pose labels.json pictures/ --output models/head-pose.json
"""

Rows = NDArray[np.float64]


def table(pictures: list[Picture]) -> tuple[Rows, NDArray[np.bool_], NDArray[np.intp]]:
    """Of every labelled face: features (n, 4), whether it is turned to the front (n,), its picture's number (n,)."""
    rows, front, fold = [], [], []
    for number, picture in enumerate(pictures):
        features = measure(picture.found)
        for label, index in picture.labels:
            if label.pose != "none":
                rows.append(features[index])
                front.append(label.pose == "front")
                fold.append(number)
    return np.array(rows, np.float64).reshape(-1, len(FEATURES)), np.array(front, bool), np.array(fold, np.intp)


def fit(rows: Rows, front: NDArray[np.bool_]) -> tuple[Rows, float]:
    """Weights (k,) and bias of a logistic regression, by Newton's method on standardised features.

    Raises:
        ValueError: There are not both kinds of faces.
    """
    if not front.any() or front.all():
        raise ValueError("faces turned to the front and faces turned away are needed, and only one kind is labelled")
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    design = np.column_stack([(rows - mean) / spread, np.ones(len(rows))])
    ridge = np.diag([RIDGE] * rows.shape[1] + [0.0])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        shares = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (shares - front) + ridge @ weights
        curve = (design.T * (shares * (1 - shares))) @ design + ridge
        step = np.linalg.solve(curve, slope)
        weights -= np.clip(step, -3, 3)
        if np.abs(step).max() < 1e-9:
            break
    plain = weights[:-1] / spread
    return plain, float(weights[-1] - plain @ mean)


def cross_validate(rows: Rows, front: NDArray[np.bool_], fold: NDArray[np.intp]) -> Rows:
    """Logits (n,), each by a rule that was fitted without any face of the same picture."""
    logits = np.empty(len(rows))
    for each in np.unique(fold):
        held = fold == each
        weights, bias = fit(rows[~held], front[~held])
        logits[held] = rows[held] @ weights + bias
    return logits


def lowest_threshold(logits: Rows, front: NDArray[np.bool_], away: float) -> float:
    """The lowest threshold that at most `away` of the faces turned away exceed."""
    falling = np.sort(logits[~front])[::-1]
    return float(falling[int(away * len(falling))])


def area_under_curve(logits: Rows, front: NDArray[np.bool_]) -> float:
    """How often a face turned to the front has more evidence than one turned away; 0.5 is chance."""
    ours, theirs = logits[front][:, None], logits[~front][None]
    return float((ours > theirs).mean() + (ours == theirs).mean() / 2)


def fold_rules(pictures: list[Picture], threshold: float) -> list[PoseRule]:
    """For every picture a rule that never saw it."""
    rows, front, fold = table(pictures)
    return [_rule(*fit(rows[fold != number], front[fold != number]), threshold) for number in range(len(pictures))]


def _rule(weights: Rows, bias: float, threshold: float) -> PoseRule:
    named = dict(zip(FEATURES, weights.tolist(), strict=True))
    return PoseRule(name="cross-validated", task="pose", weights=named, bias=bias, threshold=threshold)


def build(pictures: list[Picture], away: float) -> dict[str, Any]:
    """The content of the file: weights, bias, threshold, figures. Raises ValueError as `fit`."""
    rows, front, fold = table(pictures)
    weights, bias = fit(rows, front)
    logits = cross_validate(rows, front, fold)
    threshold = round(lowest_threshold(logits, front, away), 3)
    passed = logits > threshold
    return {
        "name": "front-landmarks-1",
        "task": "pose",
        "weights": {name: round(float(weight), 4) for name, weight in zip(FEATURES, weights, strict=True)},
        "bias": round(bias, 4),
        "threshold": threshold,
        "figures": {
            "how": "cross-validated with folds by picture; the threshold is the lowest at which at most "
            f"{away:.0%} of the faces turned away pass",
            "faces_front": int(front.sum()),
            "faces_away": int((~front).sum()),
            "pictures": len(np.unique(fold)),
            "area_under_curve": round(area_under_curve(logits, front), 3),
            "front_kept": round(float(passed[front].mean()), 3),
            "away_kept": round(float(passed[~front].mean()), 3),
            "front_kept_at_even_odds": round(float((logits[front] > 0).mean()), 3),
            "away_kept_at_even_odds": round(float((logits[~front] > 0).mean()), 3),
        },
    }


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        detector = FaceDetector.load()
        pictures = read_pictures(read_labels(args.labels), args.pictures, detector)
        content = build(pictures, args.away)
        content |= {
            "detector": detector.card.identity,
            "data": {"file": args.labels.name, "sha256": hashlib.sha256(args.labels.read_bytes()).hexdigest()},
            "command": shlex.join(["python", "-m", "models.fit_head_pose", args.labels.name, "PICTURES"]),
        }
        args.output.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except (EdgeError, ValueError, OSError) as error:
        print(f"models.fit_head_pose: {error}", file=sys.stderr)
        return 1
    print(json.dumps(content["figures"], indent=2))
    print(f"{args.output} written")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.fit_head_pose", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("labels", type=Path, help="labelled faces, JSON; see docs/own-room.md")
    parser.add_argument("pictures", type=Path, help="folder of the pictures that the labels name")
    parser.add_argument("--output", type=Path, default=Path("models/head-pose.json"), help="default: %(default)s")
    parser.add_argument(
        "--away", type=SHARE, default=AWAY, help="part of the faces turned away that may pass (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
