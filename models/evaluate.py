"""Score a quantised emotion model exactly as it ships: the file and card, in the device's runtime, on one thread.

The pictures are faces already cut out, so that this measures the classifier alone, not the detector before it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import ModelError
from edge.model_files.cards import EmotionCard, read_card
from edge.vision.tflite import Model, runtime_version
from models.data import KINDS, SPLITS, Faces, read_faces
from models.labels import HEADS, LABELS
from models.metrics import Confusion, Reliability, softmax
from models.report import as_text, read_log, write_report
from models.runner import predict

SMALL = 24  # px; the smallest face the daemon classifies as shipped
WHOLE = 48  # px; the pictures as they are
SIZES = (40, 32, SMALL, 20, 16, 12)  # px; how wide a camera might have seen the face
GAINS = (0.7, 0.5, 0.35, 0.25, 0.15)  # what grey levels are multiplied by
EXAMPLES = """examples:
  python -m models.evaluate models/emotions.tflite fer2013.npz
  python -m models.evaluate models/emotions.tflite fer2013.npz --report build/report --log runs/first/log.csv
  python -m models.evaluate models/emotions.tflite fer2013.npz --split private --json
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    path = card_path(args.model)
    try:
        card = read_card(path, EmotionCard)
        heads = known_heads(card)
        model = Model(path, card)
        training = read_log(args.log) if args.log else None
        if args.report:
            args.report.mkdir(parents=True, exist_ok=True)  # what cannot be written is better known before the work
        everything = read_faces(args.data, split=args.split if args.whole else None)
        faces = pictures_of(everything, args.split, args.data.name)
        result = {"data": args.data.name, "split": args.split} | score(model, card, heads, faces)
        if training:
            result["training"] = {"file": f"{args.log.parent.name}/{args.log.name}", "columns": training}
        page = write_report(args.report, result) if args.report else None
    except (ModelError, ValueError, OSError) as error:
        print(f"models.evaluate: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2) if args.json else as_text(result))
    if page:
        print(f"{page} written", file=sys.stderr)
    return 0


def card_path(model: Path) -> Path:
    """The card of a model that is given as its .tflite file or as the card itself."""
    return model.with_suffix(".json") if model.suffix == ".tflite" else model


def pictures_of(faces: Faces, split: str, source: str) -> Faces:
    """One split of the data. Raises ValueError, naming `source`, when it has no picture."""
    part = faces.only(split)
    if not len(part):
        raise ValueError(f"{source} has no pictures in its {split} split")
    return part


def score(model: Model, card: EmotionCard, heads: list[str], faces: Faces) -> dict[str, Any]:
    """Every figure of a model on some faces, as --json prints them. Raises ModelError."""
    images = faces.images
    with tqdm(total=len(images) * (len(SIZES) + len(GAINS) + 1), desc="evaluate", unit="face") as bar:
        full = predict(model, card, images, bar.update)
        sizes, gains = {f"{WHOLE}": full}, {"1": full}
        for size in SIZES:
            sizes[f"{size}"] = predict(model, card, shrink(images, size), bar.update)
        for gain in GAINS:
            gains[f"{gain:g}"] = predict(model, card, darken(images, gain), bar.update)
    outputs = {}
    for head in heads:
        truth, logits = faces.truth(head), full.logits[head]
        outputs[head] = {
            **figures(logits, truth),
            **reliability(logits, truth, card.outputs[head].temperature),
            "face_size": {size: _accuracy(run.logits[head], truth) for size, run in sizes.items()},
            "darkness": {gain: _accuracy(run.logits[head], truth) for gain, run in gains.items()},
        }
        if head == "ferplus":
            outputs[head]["absolute_majority"] = _in_short(logits, faces.absolute)
    return {
        "model": card.identity,
        "runtime": runtime_version(),
        "pictures": len(faces),
        "ms_per_face": round(full.milliseconds, 4),
        "outputs": outputs,
    }


def known_heads(card: EmotionCard) -> list[str]:
    """The outputs of a card for which the data have a truth. Raises ModelError when one cannot be scored."""
    if card.input.colour != "grey":
        raise ModelError(f"model {card.name} wants {card.input.colour} pictures", "the data have grey ones only")
    for name, output in card.outputs.items():
        if name not in HEADS or output.labels != LABELS:
            raise ModelError(
                f"model {card.name}: output {name!r} with labels {', '.join(output.labels)} has no truth in the data",
                f"outputs are {' and '.join(HEADS)}, with labels {', '.join(LABELS)}",
            )
    return list(card.outputs)


def shrink(images: NDArray[np.uint8], size: int = SMALL) -> NDArray[np.uint8]:
    """Faces (n, 48, 48) uint8 as if the camera had seen them `size` pixels wide, enlarged as the daemon does."""
    result = np.empty_like(images)
    for small, image in zip(result, images, strict=True):
        few = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        cv2.resize(few, small.shape[::-1], dst=small, interpolation=cv2.INTER_LINEAR)
    return result


def darken(images: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """Faces (n, 48, 48) uint8 in less light: grey levels times `gain`, rounded. A sensor's noise is not added."""
    table = np.round(np.arange(256) * gain).astype(np.uint8)
    return table[images]


def figures(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, Any]:
    """What follows from one output's confusions; shares in 0..1, None where there is nothing to divide by.

    Args:
        logits: (n, 7) float32.
        truth: (n,) int64, 0..6, or -1 for rows that are not scored.
    """
    confusion = Confusion.of(truth, logits.argmax(axis=1), len(LABELS))
    columns = (confusion.recall, confusion.precision, confusion.f1, confusion.counts.sum(axis=1))
    return {
        "pictures": confusion.rows,
        "accuracy": _rounded(confusion.accuracy),
        "balanced_accuracy": _rounded(confusion.balanced_accuracy),
        "macro_f1": _rounded(confusion.macro_f1),
        "weighted_f1": _rounded(confusion.weighted_f1),
        "classes": {
            label: {"recall": _rounded(r), "precision": _rounded(p), "f1": _rounded(f), "pictures": int(n)}
            for label, r, p, f, n in zip(LABELS, *columns, strict=True)
        },
        "confusion": confusion.counts.tolist(),
    }


def reliability(logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float) -> dict[str, Any]:
    """Whether probabilities mean what they say, before and after the card's temperature; arguments as in `figures`."""
    both = {
        when: Reliability.of(softmax(logits, divisor), truth)
        for when, divisor in (("before", 1.0), ("after", temperature))
    }
    return {
        "temperature": temperature,
        "calibration_error": {when: _rounded(result.error) for when, result in both.items()},
        "reliability": {
            when: {
                "pictures": result.counts.tolist(),
                "confidence": [_rounded(share) for share in result.confidence],
                "accuracy": [_rounded(share) for share in result.accuracy],
            }
            for when, result in both.items()
        },
    }


def _accuracy(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float | None:
    return _rounded(Confusion.of(truth, logits.argmax(axis=1), len(LABELS)).accuracy)


def _in_short(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, Any]:
    every = figures(logits, truth)
    return {name: every[name] for name in ("pictures", "accuracy", "balanced_accuracy")}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluate",
        description="Score a quantised emotion model as it ships: per output and class, face size and darkness.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("model", type=Path, help="the model (.tflite) or its card (.json); both lie side by side")
    parser.add_argument("data", type=Path, help=KINDS)
    parser.add_argument(
        "--split", choices=sorted(SPLITS), default="public",
        help="public is for choosing; private is looked at once per reported model (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--whole", action="store_true", help="score all of a folder that has no splits; only if none was trained on"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--report", type=Path, metavar="DIR", help="also write report.html and the confusion matrices")
    parser.add_argument("--log", type=Path, metavar="CSV", help="log of the training, for the report's curves")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
