"""Measure in simulated rooms how well `estimate` tells the shares of a room, beside plain counts and other methods."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.aggregation.prevalence import Estimator, Tally, rounded
from edge.cli.numbers import real_number
from edge.errors import ModelError
from edge.model_files.calibration import OutputCalibration, find_calibration
from edge.model_files.cards import EmotionCard, read_card
from edge.vision.tflite import Model
from models.calibrate import measure
from models.data import KINDS, Faces, read_faces
from models.evaluate import card_path, known_heads, pictures_of
from models.labels import HEADS, LABELS
from models.metrics import fit_temperature, softmax
from models.prevalence_report import as_markdown, draw_plots
from models.quantifiers import Known, compare_with_quapy, methods
from models.rooms import FRAMES, MIXTURES, VIEWS, Film, class_shares, draw, film, view
from models.runner import predict

SIZES = {5: 2000, 10: 2000, 25: 2000, 50: 1000, 200: 400, 1000: 100}  # faces in a room: rooms of each mixture
QUAPY_ROOMS = 20  # of each size and mixture that QuaPy is asked about, too
STEP = 0.01  # what the daemon rounds published shares to
FOLDS, KNOWN_PART = 4, 0.6  # for --choose: how often PublicTest is divided, and the part that calibrates
EXAMPLES = """examples:
  python -m models.prevalence fer2013.npz
  python -m models.prevalence fer2013.npz --output build/prevalence
  python -m models.prevalence fer2013.npz --choose --rooms 0.2
"""


@dataclass(frozen=True)
class Said:
    """What a model says about n pictures with a known truth.

    Attributes:
        still: (n, 7) float32 probabilities at the calibration's temperature, of the pictures as they are.
        views: (n, VIEWS, 7) float32, of each picture seen in other ways.
        truth: (n,) int64, 0..6.
    """

    still: NDArray[np.float32]
    views: NDArray[np.float32]
    truth: NDArray[np.int64]


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    path = card_path(args.model)
    try:
        if args.output:
            args.output.mkdir(parents=True, exist_ok=True)
        split = "public" if args.choose else "private"
        faces = pictures_of(read_faces(args.data), split, args.data.name)
        card = read_card(path, EmotionCard)
        rooms = {size: max(2, round(number * args.rooms)) for size, number in SIZES.items()}
        result = {"model": card.identity, "head": args.head, "split": split}
        result |= run(path, card, args.head, faces, rooms, choose=args.choose)
        if args.output:
            (args.output / "prevalence.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
            draw_plots(args.output, result)
    except (ModelError, ValueError, OSError) as error:
        print(f"models.prevalence: {error}", file=sys.stderr)
        return 1
    print(as_markdown(result))
    if args.output:
        print(f"{args.output}: prevalence.json and four plots written", file=sys.stderr)
    return 0


def run(
    path: Path, card: EmotionCard, head: str, faces: Faces, rooms: dict[int, int], *, choose: bool
) -> dict[str, Any]:
    """The whole experiment.

    Args:
        path: The model's card; model and calibration lie beside it.
        card: Its content.
        head: Which of its outputs.
        faces: The pictures that rooms are made of.
        rooms: How many rooms of each size.
        choose: Calibrate on a part of these very pictures, in turn, instead of with the calibration file.

    Raises:
        ModelError: Model, card or calibration cannot be used.
        ValueError: The pictures lack a class.
    """
    if head not in known_heads(card):
        raise ModelError(f"model {card.name} has no output {head!r}", f"it has {', '.join(card.outputs)}")
    calibration, sentence = find_calibration(path, card, head)
    if calibration is None:
        raise ModelError(f"calibration: {sentence}")
    faces = faces.where(faces.truth(head) >= 0)
    truth = faces.truth(head)
    if len(np.unique(truth)) < len(LABELS):
        raise ValueError("there must be pictures of every class")
    logits, views = _ask(Model(path, card), card, head, faces.images)
    parts: list[tuple[OutputCalibration, NDArray[np.bool_]]] = [(calibration, np.ones(len(truth), bool))]
    if choose:
        parts = []
        for fold in range(FOLDS):
            known = _part(truth, np.random.default_rng(fold))
            told = logits[known], truth[known]
            made = measure(*told, fit_temperature(*told))  # the card's was fitted on the other part as well
            parts.append((OutputCalibration.model_validate(made), ~known))
    runs = []
    with tqdm(total=sum(rooms.values()) * len(MIXTURES) * len(parts), desc="rooms", unit="room") as bar:
        for seed, (measured, used) in enumerate(parts):
            shares = [
                softmax(each, measured.temperature).astype(np.float32) for each in (logits[used], *views[:, used])
            ]
            said = Said(shares[0], np.stack(shares[1:], axis=1), truth[used])
            runs.append(score(said, measured, rooms, seed, bar))
    return _mean(runs)


def score(
    said: Said, calibration: OutputCalibration, rooms: dict[int, int], seed: int = 0, bar: tqdm[Any] | None = None
) -> dict[str, Any]:
    """Figures of one calibration: by mixture and size; and the differences from QuaPy, None where it is missing."""
    rng = np.random.default_rng(seed)
    estimator, known = Estimator(calibration), Known.of(calibration)
    table: dict[str, Any] = {}
    differences: dict[str, float] | None = {}
    for mixture in MIXTURES:
        table[mixture] = {}
        for size, number in rooms.items():
            picks = np.stack([draw(rng, mixture, size, said.truth) for _ in range(number)])
            true = np.stack([class_shares(said.truth[room]) for room in picks])
            still = said.still[picks].astype(np.float64)
            errors = {name: _error(method(still), true) for name, method in methods(known).items()}
            published = np.stack([_published(estimator, [said.still[room]]) for room in picks])
            if differences is not None:
                differences = _compared(still[:QUAPY_ROOMS], known, differences)
            filmed = [_filmed(estimator, said, film(rng, mixture, size, said.truth)) for _ in range(number)]
            table[mixture][f"{size}"] = {
                "rooms": number,
                "still": _figures(published, true) | {"counts": errors["counts"], "methods": errors},
                "filmed": _figures(np.stack([room[0] for room in filmed]), np.stack([room[1] for room in filmed]))
                | {"counts": _error(np.stack([room[2] for room in filmed]), np.stack([room[1] for room in filmed]))},
            }
            if bar is not None:
                bar.update(number)
    return {"mixtures": table, "quapy": differences}


def _filmed(
    estimator: Estimator, said: Said, room: Film
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What is published of a filmed room (3, 7), its true shares of the time seen (7,), and plain counts (7,)."""
    shown = said.views[room.pictures, room.views]
    frames = [shown[room.present[:, frame], frame] for frame in range(FRAMES)]
    true, guessed = said.truth[room.pictures[room.present]], shown[room.present].argmax(axis=1)
    return _published(estimator, frames), class_shares(true), class_shares(guessed)


def _published(estimator: Estimator, frames: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Share, low and high (3, 7) of each class as the daemon publishes them."""
    tally = Tally(len(LABELS))
    for frame in frames:
        tally.add(frame)
    found = estimator.estimate(tally)
    shares = rounded(found.shares if found else {}, STEP)
    return np.array([[share.share, share.low, share.high] for share in shares.values()]).T


def _figures(published: NDArray[np.float64], true: NDArray[np.float64]) -> dict[str, float]:
    """Of rooms (n, 3, 7) with shares (n, 7): mean absolute error, and coverage and mean width of the intervals."""
    share, low, high = published.transpose(1, 0, 2)
    inside = (low <= true + 1e-9) & (true <= high + 1e-9)
    return {"estimate": _error(share, true), "coverage": float(inside.mean()), "width": float((high - low).mean())}


def _error(shares: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    return float(np.abs(shares - true).mean())


def _compared(said: NDArray[np.float64], known: Known, so_far: dict[str, float]) -> dict[str, float] | None:
    try:
        found = compare_with_quapy(said, known)
    except ImportError:
        return None
    return {name: max(value, so_far.get(name, 0.0)) for name, value in found.items()}


def _ask(
    model: Model, card: EmotionCard, head: str, images: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits (n, 7) of pictures as they are, and (VIEWS, n, 7) of other views of them."""
    rng = np.random.default_rng(0)
    with tqdm(total=len(images) * (VIEWS + 1), desc="faces", unit="face") as bar:
        still = predict(model, card, images, bar.update).logits[head]
        views = [predict(model, card, view(images, rng), bar.update).logits[head] for _ in range(VIEWS)]
    return still, np.stack(views)


def _part(truth: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random part (n,) of the pictures, with its share of every class."""
    chosen = np.zeros(len(truth), bool)
    for index in range(len(LABELS)):
        rows = rng.permutation(np.flatnonzero(truth == index))
        chosen[rows[: max(1, round(len(rows) * KNOWN_PART))]] = True
    return chosen


def _mean(runs: list[Any]) -> Any:  # noqa: ANN401 - numbers, or dictionaries of them
    """Mean of numbers that lie at the same place of equal structures."""
    if isinstance(runs[0], dict):
        return {key: _mean([run[key] for run in runs]) for key in runs[0]}
    return None if runs[0] is None else sum(runs) / len(runs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.prevalence",
        description="Simulate rooms of PrivateTest faces; compare the estimated shares with plain counts.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("data", type=Path, help=KINDS)
    parser.add_argument("--model", type=Path, default=Path("models/emotions.json"), help="(default: %(default)s)")
    parser.add_argument("--head", choices=HEADS, default="ferplus", help="the output to read (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="also write the figures as JSON, and plots")
    parser.add_argument(
        "--rooms", type=real_number(0.01, 100), default=1.0, metavar="FACTOR", help="so many times the usual rooms"
    )
    parser.add_argument(
        "--choose", action="store_true",
        help="stay within PublicTest, one part calibrating and the other filling the rooms: for changing constants",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
