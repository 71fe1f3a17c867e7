"""Measure how sure and how wrong an emotion model is, and write that beside it, for corrected shares of a room."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import ModelError
from edge.model_files.calibration import calibration_path, read_calibration
from edge.model_files.cards import EmotionCard, read_card
from edge.vision.naming import MILD
from edge.vision.tflite import Model, runtime_version
from models.data import KINDS, Faces, read_faces
from models.evaluate import card_path, known_heads, pictures_of
from models.front_faces import shipped_rule, turned_to_front
from models.labels import LABELS
from models.metrics import Confusion, softmax
from models.runner import predict

DIGITS = 6  # of a share: far finer than a few thousand pictures can tell
FALSE_STRONG = 0.01  # of faces seen as neutral or happy may be given a strong word, all strong words together
LEAST_STRONG = 0.5  # a strong word is at least more likely than not
RIDGE = 1.0  # keeps the bias of a class without any sure picture finite; a few pictures outweigh it
EXAMPLES = """examples:
  python -m models.calibrate models/emotions.tflite fer2013.npz
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    path = card_path(args.model)
    try:
        written = write_calibration(path, read_faces(args.data), args.data, all_poses=args.all_poses)
        calibration = read_calibration(path, read_card(path, EmotionCard))
    except (ModelError, ValueError, OSError) as error:
        print(f"models.calibrate: {error}", file=sys.stderr)
        return 1
    if calibration:
        for name, output in calibration.outputs.items():
            print(f"{name}: {output.pictures} pictures, temperature {output.temperature:.4f}")
        for name, reason in calibration.left_out.items():
            print(f"{name}: left out, {reason}")
    print(f"{written} written")
    return 0


def write_calibration(card: Path, faces: Faces, data: Path | None = None, *, all_poses: bool = False) -> Path:
    """Measure a model on PublicTest and write the calibration file beside its card.

    Only faces that the daemon takes for turned to the front are used, since it classifies no others.

    An output is left out, with the reason, when PublicTest lacks one of its classes: no correction could be right.

    Args:
        card: The model's card; the model lies beside it.
        faces: All splits; only PublicTest is used.
        data: Where they were read from, for the record.
        all_poses: Use faces in every pose, for `vision.pose: any`.

    Returns:
        The file that was written.

    Raises:
        ModelError: The model or its card cannot be used.
        ValueError: No PublicTest pictures.
        OSError: The file cannot be written.
    """
    content = read_card(card, EmotionCard)
    heads = known_heads(content)
    public = pictures_of(faces, "public", data.name if data else "the data")
    rule = None if all_poses else shipped_rule()
    if rule is not None:
        with tqdm(total=len(public), desc="head poses", unit="face") as bar:
            public = public.where(turned_to_front(public.images, rule, bar.update))
    model = Model(card, content)
    with tqdm(total=len(public), desc="calibrate", unit="face") as bar:
        logits = predict(model, content, public.images, bar.update).logits
    outputs, left_out = {}, {}
    for head in heads:
        truth = public.truth(head)
        absent = [label for index, label in enumerate(LABELS) if not (truth == index).any()]
        if absent:
            left_out[head] = f"no picture of {', '.join(absent)} in PublicTest"
        else:
            outputs[head] = measure(logits[head], truth, content.outputs[head].temperature)
    source = data.name if data else "DATA"
    record = {
        "model": content.identity,
        "sha256": content.sha256,
        "outputs": outputs,
        "left_out": left_out,
        "data": _described(public, data) | {"pose": rule.identity if rule else "any"},
        "command": shlex.join(
            ["python", "-m", "models.calibrate", f"{Path(card.parent.name, content.file)}", source]
            + ["--all-poses"] * all_poses
        ),
        "runtime": runtime_version(),
    }
    path = calibration_path(card)
    path.write_text(as_json(record) + "\n", encoding="utf-8")
    return path


def measure(logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float) -> dict[str, Any]:
    """One output's part of the file, see `edge.model_files.calibration.OutputCalibration`.

    Args:
        logits: (n, 7) float32, as the int8 model gives them.
        truth: (n,) int64, 0..6, or -1 for rows that are left out; every class occurs.
        temperature: The card's. The daemon divides by no other, and what is measured here has to hold there.
    """
    confusion = Confusion.of(truth, logits.argmax(axis=1), len(LABELS))
    shares = softmax(logits, temperature)
    scored = truth >= 0
    bias = fit_bias(np.log(np.maximum(shares[scored], 1e-30)), truth[scored])
    rows = [shares[truth == index].mean(axis=0) for index in range(len(LABELS))]
    return {
        "labels": list(LABELS),
        "temperature": temperature,
        "pictures": confusion.rows,
        "priors": (confusion.counts.sum(axis=1) / confusion.rows).round(DIGITS).tolist(),
        "confusion": confusion.counts.tolist(),
        "bias": bias.round(4).tolist(),
        "posteriors": np.round(rows, DIGITS).tolist(),
        "confidence": [_moments(shares[truth == index].max(axis=1)) for index in range(len(LABELS))],
        "thresholds": strong_thresholds(shares, truth),
        "thresholds_note": f"At most {FALSE_STRONG:.0%} of the faces whose majority is neutral or happy get a strong "
        "word: an equal part of that for each.",
    }


def _moments(values: NDArray[np.float64]) -> list[float]:
    return [round(float(values.mean()), DIGITS), round(float(values.var()), DIGITS)]


def strong_thresholds(shares: NDArray[np.float64], truth: NDArray[np.int64]) -> dict[str, float]:
    """The least probability of each strong word at which it is rarely said of a neutral or happy face.

    Args:
        shares: (n, 7) probabilities.
        truth: (n,) 0..6, or -1.
    """
    strong = [label for label in LABELS if label not in MILD]
    mild = shares[np.isin(truth, [LABELS.index(label) for label in MILD])]
    allowed = int(FALSE_STRONG / len(strong) * len(mild))
    found = {}
    for label in strong:
        column = mild[:, LABELS.index(label)]
        wrong = np.sort(np.where(mild.max(axis=1) == column, column, 0.0))[::-1]
        exceeded = float(wrong[allowed]) if len(wrong) > allowed else 0.0
        found[label] = max(LEAST_STRONG, math.ceil(exceeded * 1000 + 0.1) / 1000)
    return found


def fit_bias(logs: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """What to add to log-probabilities so that they fit the truth best: (k,) float64, their sum is 0.

    The second half of the bias-corrected temperature scaling of Alexandari, Kundaje & Shrikumar (2020), who found that
    shares are corrected much better with it than with a temperature alone.

    Args:
        logs: (n, k) logarithms of probabilities.
        truth: (n,) 0..k-1.
    """
    classes = logs.shape[1]
    right = np.bincount(truth, minlength=classes)
    bias = np.zeros(classes)
    for _ in range(50):  # Newton's method, on a function with a single minimum; a handful of steps are enough
        shares = np.exp(logs + bias - np.logaddexp.reduce(logs + bias, axis=1)[:, None])
        slope = shares.sum(axis=0) - right + RIDGE * bias
        curve = np.diag(shares.sum(axis=0)) - shares.T @ shares + RIDGE * np.eye(classes)
        bias -= np.clip(np.linalg.solve(curve, slope), -2, 2)  # a first step from far away must not overshoot
    centred: NDArray[np.float64] = bias - bias.mean()
    return centred


def as_json(record: dict[str, Any]) -> str:
    """JSON with each innermost list on one line, so that a person can read a matrix."""
    text = json.dumps(record, indent=2)
    # No string holds a bare line break, so only the layout is touched.
    return re.sub(r"\[\n\s*([^][{}]*?)\n\s*\]", lambda row: "[" + re.sub(r"\n *", " ", row[1]) + "]", text)


def _described(public: Faces, data: Path | None) -> dict[str, Any]:
    """What the pictures were: file, its sha256, split, number."""
    facts: dict[str, Any] = {"split": "PublicTest (also used to pick the epoch)", "pictures": len(public)}
    if data and data.is_file():
        facts |= {"file": data.name, "sha256": hashlib.sha256(data.read_bytes()).hexdigest()}
    return facts


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.calibrate",
        description="Measure class priors, confusions and thresholds on PublicTest; write them beside the model.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("model", type=Path, help="the model (.tflite) or its card (.json); both lie side by side")
    parser.add_argument("data", type=Path, help=KINDS)
    parser.add_argument(
        "--all-poses", action="store_true", help="measure on faces in every pose (default: those turned to the front)"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
