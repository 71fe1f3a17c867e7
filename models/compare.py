"""Train every architecture under one budget, or load what is trained already, and write one table of them all.

Each network has a folder in --output; a best.pt there whose training came to its end, or that you put there without a
last.pt, is taken as it is. Stopped and started again with the same arguments, it goes on where it was. All figures are
of PublicTest, which also picked each network's epoch: fit for choosing between them, not for reporting one. ImageNet
weights are used where you give them (--weights NETWORK=FILE), and never fetched.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from edge.cli.numbers import whole_number
from models.options import BATCH, EPOCHS, RATE, THREADS, named_file, names

try:
    import numpy as np
    import torch
    from tqdm import tqdm

    from models import export
    from models.data import Faces, read_faces
    from models.labels import HEADS, LABELS
    from models.metrics import Confusion
    from models.networks import NETWORKS, TwoHeads, count_macs, count_parameters, to_input
    from models.train import Trainer, options
except ImportError as absent:
    sys.exit(f"models.compare: {absent}. Remedy: pip install -r models/requirements-train.txt")

EXAMPLES = """examples:
  python -m models.compare fer2013.npz --output runs/compare --epochs 10 --convert-python build/convert/bin/python
  python -m models.compare fer2013.npz --output runs/try --epochs 1 --limit 500 --networks cnn,mobilenet-v1-0.25
"""
ROOT = Path(__file__).resolve().parent.parent
SCORES = ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy")
COLUMNS = (
    "network", "parameters", "macs", "best_epoch",
    *(f"{head}_{figure}" for head in HEADS for figure in (*SCORES, "int8_accuracy")),
    "ms_per_face", "bytes",
)  # fmt: skip
Row = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    weights = dict(args.weights)
    if unknown := [name for name in [*args.networks, *weights] if name not in NETWORKS]:
        print(f"models.compare: no network {unknown[0]}; there are {', '.join(NETWORKS)}", file=sys.stderr)
        return 2
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        args.output.mkdir(parents=True, exist_ok=True)
        data = limited(args.data, args.limit, args.output) if args.limit else args.data
        faces = read_faces(data)
        rows: list[Row] = []
        for name in args.networks:
            folder = args.output / name
            train(name, folder, faces, [str(data), "--epochs", str(args.epochs)], args, weights.get(name))
            rows.append(measure(folder, faces, data, args))
            write(args.output, rows)  # after each, so that a run that is stopped leaves what it knows
    except (ValueError, OSError) as error:
        print(f"models.compare: {error}", file=sys.stderr)
        return 1
    if not args.convert_python:
        print("The int8 columns are empty: name the Python that has models/requirements-convert.txt, --convert-python")
    print((args.output / "table.md").read_text(encoding="utf-8"), end="")
    return 0


def limited(data: Path, pictures: int, folder: Path) -> Path:
    """Write `pictures` random training rows of an .npz, and a quarter as many of each test split; returns that file.

    A file of its own, so that training and conversion see the same pictures. Raises ValueError for other kinds of data.
    """
    if data.suffix.lower() != ".npz":
        raise ValueError(f"--limit takes rows of an .npz, and {data.name} is none")
    with np.load(data) as archive:
        arrays = {name: archive[name] for name in archive.files}
    usage = arrays["usage"]
    chance = np.random.default_rng(1)
    chosen = [
        chance.permutation(np.flatnonzero(usage == split))[: pictures if split == 0 else max(1, pictures // 4)]
        for split in np.unique(usage)
    ]
    rows = np.sort(np.concatenate(chosen))
    path = folder / f"limit-{pictures}.npz"
    np.savez(path, **{name: array[rows] for name, array in arrays.items() if len(array) == len(usage)})
    return path


def train(
    name: str, folder: Path, faces: Faces, common: list[str], args: argparse.Namespace, weights: Path | None
) -> None:
    """Train one network, or go on with it; nothing when its folder has a finished best.pt. Raises ValueError."""
    if is_finished(folder):
        print(f"{name}: {folder / 'best.pt'} is there")
        return
    print(f"{name}: training")
    given = ["--weights", str(weights)] if weights else []
    more = ["--output", str(folder), "--network", name, "--batch", str(args.batch), "--rate", str(args.rate)]
    Trainer(faces, options().parse_args([*common, *more, *given, "--resume"])).run()


def is_finished(folder: Path) -> bool:
    """Whether a folder has a best.pt that is not to be trained any further."""
    ended = (folder / "summary.json").exists() or not (folder / "last.pt").exists()
    return (folder / "best.pt").exists() and ended


def measure(folder: Path, faces: Faces, data: Path, args: argparse.Namespace) -> Row:
    """Every figure of a trained network; taken from figures.json when that is of the same weights and data."""
    best = folder / "best.pt"
    made_of = {
        "weights": hashlib.sha256(best.read_bytes()).hexdigest(),
        "data": str(data), "pictures": len(faces), "int8": bool(args.convert_python),
    }  # fmt: skip
    known = folder / "figures.json"
    if known.exists():
        before = json.loads(known.read_text(encoding="utf-8"))
        if before["of"] == made_of:
            return dict(before["row"])
    network, facts = export.load(best)
    row: Row = {"network": facts["network"], "parameters": count_parameters(network), "macs": count_macs(network)}
    row |= {"best_epoch": facts["epoch"], **scores(network, faces.only("public"))}
    if args.convert_python:
        row |= int8(best, data, args.convert_python)
    known.write_text(json.dumps({"of": made_of, "row": row}, indent=2) + "\n", encoding="utf-8")
    return row


@torch.no_grad()
def scores(network: TwoHeads, faces: Faces) -> Row:
    """Accuracy, macro and weighted F1 and balanced accuracy of both heads, floats in 0..1."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.eval().to(device)
    guesses: dict[str, list[Any]] = {head: [] for head in HEADS}
    for part in tqdm(torch.from_numpy(faces.images).split(128), desc="score"):
        for head, logits in zip(HEADS, network(to_input(part.to(device))), strict=True):
            guesses[head].append(logits.argmax(1).cpu().numpy())
    result: Row = {}
    for head, parts in guesses.items():
        confusion = Confusion.of(faces.truth(head), np.concatenate(parts), len(LABELS))
        result |= {f"{head}_{figure}": getattr(confusion, figure) for figure in SCORES}
    return result


def int8(best: Path, data: Path, python: Path) -> Row:
    """Quantise a network with quantize.py in the converters' environment, whatever that costs it; its figures.

    Raises:
        ValueError: The network could not be exported or converted (the tools' own words are on stderr).
    """
    onnx, tflite = best.with_name("float.onnx"), best.with_name("int8.tflite")
    failed = export.main([str(best), "--output", str(onnx)])
    command = [str(python), str(ROOT / "quantize.py"), str(onnx), "--data", str(data), "--output", str(tflite)]
    command += ["--min-agreement", "0", "--max-loss", "1"]
    # Another Python: where this one finds its packages is nothing to it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    failed = failed or subprocess.run(command, env=environment, check=False).returncode
    if failed:
        raise ValueError(f"{best} did not become int8; see above. Remedy: leave out --convert-python for now")
    figures = json.loads(tflite.with_suffix(".json").read_text(encoding="utf-8"))["figures"]
    row: Row = {f"{head}_int8_accuracy": figures[head]["int8_accuracy"] for head in HEADS if head in figures}
    return row | {"ms_per_face": figures["ms_per_face"], "bytes": tflite.stat().st_size}


def write(folder: Path, rows: list[Row]) -> None:
    """Write table.csv (plain figures) and table.md (for people)."""
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)
    (folder / "table.md").write_text(markdown(rows), encoding="utf-8")


def markdown(rows: list[Row]) -> str:
    """The rows as a Markdown table; what was not measured is empty."""
    head = [column.replace("_", " ") for column in COLUMNS]
    lines = [head, ["---", *["---:"] * (len(COLUMNS) - 1)]]
    lines += [[shown(column, row.get(column)) for column in COLUMNS] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shown(column: str, value: Any) -> str:  # noqa: ANN401 - a figure of any column
    """One figure as people read it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if column.endswith(("accuracy", "f1")):
        return f"{value:.1%}"
    if column == "macs":
        return f"{value / 1e6:.1f} M"
    if column in ("parameters", "bytes"):
        return f"{value:,}"
    return f"{value:.3f}" if column == "ms_per_face" else str(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.compare", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("data", type=Path, help="labelled faces, as for models.train")
    add("--output", type=Path, required=True, help="folder of the table and of a folder per network")
    add("--epochs", type=EPOCHS, default=10, help="the budget of each network (default: %(default)s)")
    add("--networks", type=names, default=list(NETWORKS), help="which, with commas (default: all)")
    add("--limit", type=whole_number(0), default=0, help="training pictures to use, for a quick try (default: all)")
    add("--batch", type=BATCH, default=128, help="pictures per step (default: %(default)s)")
    add("--rate", type=RATE, default=1e-3, help="peak learning rate (default: %(default)s)")
    add(
        "--weights",
        type=named_file,
        action="append",
        default=[],
        metavar="NETWORK=FILE",
        help="ImageNet weights to start it from",
    )
    add("--convert-python", type=Path, help="Python of the converters' environment, for the int8 columns")
    add("--threads", type=THREADS, default=0, help="CPU threads (default: all)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
