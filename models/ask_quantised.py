"""Have a quantised model, such as the one that ships, teach too: what it says about every view of models.views.

Runs where the daemon runs; needs no PyTorch. The shipped file is all that is left of its teachers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.errors import ModelError
from edge.model_files.cards import EmotionCard, read_card
from edge.vision.tflite import Model
from models.labels import HEADS
from models.runner import predict

EXAMPLES = """example:
  python -m models.ask_quantised models/emotions.json runs/views
"""
PART = 4096  # pictures at a time, for the progress bar


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m models.ask_quantised", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("card", type=Path, help="card of an emotion model with both outputs")
    parser.add_argument("views", type=Path, help="folder that models.views wrote")
    args = parser.parse_args(argv)
    try:
        ask(args.card, args.views)
    except (ModelError, ValueError, OSError) as error:
        print(f"models.ask_quantised: {error}", file=sys.stderr)
        return 1
    return 0


def ask(path: Path, folder: Path) -> None:
    """Write what the model with the card at `path` says about the views in a folder: (n, count, 2, 7) float16 logits.

    As in models.views the mean over a view and its mirror image.

    Raises:
        ModelError: It cannot be used, or lacks an output.
        ValueError, OSError: There are no views.
    """
    card = read_card(path, EmotionCard)
    if missing := [head for head in HEADS if head not in card.outputs]:
        raise ModelError(f"{path} has no output {missing[0]}", "a teacher needs both")
    model = Model(path, card)
    views = np.load(folder / "views.npy", mmap_mode="r")
    flat = views.reshape(-1, *views.shape[2:])
    told = np.empty((len(flat), len(HEADS), 7), np.float16)
    with tqdm(total=len(flat), desc="ask", unit="view") as bar:
        for start in range(0, len(flat), PART):
            part = np.asarray(flat[start : start + PART])
            mirrored = predict(model, card, np.ascontiguousarray(part[..., ::-1])).logits
            straight = predict(model, card, part, bar.update).logits
            told[start : start + PART] = np.stack([(straight[head] + mirrored[head]) / 2 for head in HEADS], 1)
    target = folder / f"told-{card.identity.rpartition('@')[2]}.npy"
    np.save(target.with_suffix(".part.npy"), told.reshape(*views.shape[:2], len(HEADS), 7))
    target.with_suffix(".part.npy").replace(target)


if __name__ == "__main__":
    raise SystemExit(main())
