"""Score a quantised emotion model exactly as it ships: the file and card, in the device's runtime, on one thread.

The pictures are faces already cut out, so that this measures the classifier alone, not the detector before it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.vision.cards import EmotionCard, read_card
from edge.vision.tflite import Model, runtime_version
from models.data import SPLITS, Faces, read_npz
from models.labels import HEADS, LABELS
from models.metrics import Confusion

SMALL = 24  # px; the smallest face the daemon classifies as shipped
WARM_UP = 50  # pictures; the first few runs pay for memory that the others find ready
EXAMPLES = """examples:
  python -m models.evaluate models/emotions.json fer2013.npz
  python -m models.evaluate models/emotions.json fer2013.npz --split private --json
"""


@dataclass(frozen=True)
class Prediction:
    """What a model says about n pictures.

    Attributes:
        logits: By the card's name of each output, (n, labels) float32, not divided by the temperature.
        milliseconds: Median time of one picture, from grey levels to int8 logits.
    """

    logits: dict[str, NDArray[np.float32]]
    milliseconds: float


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        card = read_card(args.card, EmotionCard)
        heads = known_heads(card)
        model = Model(args.card, card)
        faces = pictures(args.data, args.split)
    except (ModelError, ValueError) as error:
        print(f"models.evaluate: {error}", file=sys.stderr)
        return 1
    full = predict(model, card, faces.images)
    small = predict(model, card, shrink(faces.images))
    report: dict[str, Any] = {
        "model": card.identity,
        "runtime": runtime_version(),
        "data": args.data.name,
        "split": args.split,
        "ms_per_face": round(full.milliseconds, 4),
        "outputs": {head: figures(full, small, faces, head) for head in heads},
    }
    print(json.dumps(report, indent=2) if args.json else as_text(report))
    return 0


def pictures(path: Path, split: str) -> Faces:
    """One split of a data file. Raises ValueError when it has no picture."""
    faces = read_npz(path).only(split)
    if not len(faces):
        raise ValueError(f"{path} has no pictures in its {split} split")
    return faces


def known_heads(card: EmotionCard) -> list[str]:
    """The outputs of a card for which the data have a truth. Raises ModelError when one cannot be scored."""
    if card.input.channels != 1 or (card.input.height, card.input.width) != (48, 48):
        raise ModelError(f"model {card.name} does not take the data's grey 48x48 faces", "nothing here can score it")
    for name, output in card.outputs.items():
        if name not in HEADS or output.labels != LABELS:
            raise ModelError(
                f"model {card.name}: output {name!r} with labels {', '.join(output.labels)} has no truth in the data",
                f"outputs are {' and '.join(HEADS)}, with labels {', '.join(LABELS)}",
            )
    return list(card.outputs)


def predict(model: Model, card: EmotionCard, images: NDArray[np.uint8]) -> Prediction:
    """Run a model on n >= 1 grey faces (n, 48, 48) uint8, one by one, as the daemon does. Raises ModelError."""
    tensors = {name: model.output(out.tensor, (1, len(out.labels))) for name, out in card.outputs.items()}
    bits = {name: np.empty((len(images), tensor.shape[1]), np.uint8) for name, tensor in tensors.items()}
    table = model.input_table()
    for image in images[:WARM_UP]:
        model.input_view()[0, :, :, 0] = table[image]
        model.invoke()
    seconds = np.empty(len(images))
    for row, image in enumerate(images):
        start = time.perf_counter()
        model.input_view()[0, :, :, 0] = table[image]
        model.invoke()
        for name, tensor in tensors.items():
            bits[name][row] = model.output_view(tensor)[0].view(np.uint8)
        seconds[row] = time.perf_counter() - start
    logits = {name: tensor.table()[bits[name]] for name, tensor in tensors.items()}
    return Prediction(logits, float(np.median(seconds)) * 1000)


def shrink(images: NDArray[np.uint8], size: int = SMALL) -> NDArray[np.uint8]:
    """Faces (n, 48, 48) uint8 as if the camera had seen them `size` pixels wide, enlarged as the daemon does."""
    result = np.empty_like(images)
    for small, image in zip(result, images, strict=True):
        few = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        cv2.resize(few, small.shape[::-1], dst=small, interpolation=cv2.INTER_LINEAR)
    return result


def figures(full: Prediction, small: Prediction, faces: Faces, head: str) -> dict[str, Any]:
    """Every figure of one output; shares in 0..1, rounded to 4 digits, None where there is nothing to divide by."""
    truth = faces.truth(head)
    confusion, distant = (Confusion.of(truth, p.logits[head].argmax(axis=1), len(LABELS)) for p in (full, small))
    columns = (confusion.recall, confusion.precision, confusion.f1, confusion.counts.sum(axis=1))
    return {
        "pictures": confusion.rows,
        "accuracy": _rounded(confusion.accuracy),
        "balanced_accuracy": _rounded(confusion.balanced_accuracy),
        "macro_f1": _rounded(confusion.macro_f1),
        f"accuracy_{SMALL}px": _rounded(distant.accuracy),
        "classes": {
            label: {"recall": _rounded(r), "precision": _rounded(p), "f1": _rounded(f), "pictures": int(n)}
            for label, r, p, f, n in zip(LABELS, *columns, strict=True)
        },
        "confusion": confusion.counts.tolist(),
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def as_text(report: dict[str, Any]) -> str:
    """The report of `main` for a person to read."""
    lines = [
        f"{report['model']} on {report['data']}, {report['split']} split",
        f"{report['ms_per_face']:.3f} ms per face (median, one thread, {report['runtime']})",
    ]
    for head, result in report["outputs"].items():
        names = {
            "accuracy": "accuracy", "balanced_accuracy": "balanced", "macro_f1": "macro F1",
            f"accuracy_{SMALL}px": f"at {SMALL} px",
        }  # fmt: skip
        lines += [
            "",
            f"{head}: {result['pictures']} pictures",
            "  " + "   ".join(f"{name} {_percent(result[key])}" for key, name in names.items()),
            "",
            f"  {'':10}{'recall':>9}{'precision':>11}{'F1':>9}{'pictures':>10}",
        ]
        for label, row in result["classes"].items():
            shares = f"{_percent(row['recall']):>9}{_percent(row['precision']):>11}{_percent(row['f1']):>9}"
            lines.append(f"  {label:10}{shares}{row['pictures']:>10}")
        lines += ["", "  rows: truth, columns: guess", f"  {'':10}" + "".join(f"{label:>10}" for label in LABELS)]
        for label, counts in zip(LABELS, result["confusion"], strict=True):
            lines.append(f"  {label:10}" + "".join(f"{count:>10}" for count in counts))
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.evaluate",
        description="Score a quantised emotion model as it ships: accuracy per output and class, and time per face.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("card", type=Path, help="the model's card (.json); the .tflite lies beside it")
    parser.add_argument("data", type=Path, help="FER2013 with FERPlus votes, .npz")
    parser.add_argument(
        "--split", choices=sorted(SPLITS), default="public",
        help="public is for choosing; private is looked at once per reported model (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
