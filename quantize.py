"""Turn a float emotion model into the full-integer TFLite file that the daemon runs, and prove that it still works.

The int8 file is scored on PublicTest against the float model, through the code and runtime of the daemon; it is
written, with its card beside it, only when both agree and little accuracy is lost. A model of your own may have any
input size, one or three channels (it is fed grey faces on all of them), and may end in logits or in a softmax.
"""

# ruff: noqa: PLC0415 - the converters are imported where they are used: --help needs none of them.
from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import platform
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import numpy as np
    from tqdm import tqdm

    from edge.errors import ModelError
    from edge.model_files.cards import EmotionCard, read_card
    from edge.vision.tflite import Model, runtime_version
    from models import keras_input
    from models.calibrate import write_calibration
    from models.data import KINDS, Faces, read_faces
    from models.labels import HEADS, LABELS
    from models.proof import Geometry, Grey, faults_of, kind_of, prove, run_float, truth_of
    from models.quantizer import REMEDY, TOOLS, FloatModel, RefusedError, check_same, float_tflite, to_int8
    from models.readers import CLASS_NAMES
    from models.runner import predict
except ImportError as absent:
    sys.exit(f"quantize.py: {absent}. Remedy: pip install --no-deps -r models/requirements-convert.txt")

EXAMPLES = """examples:
  python -m models.export runs/first/best.pt --output build/emotions.onnx
  python quantize.py build/emotions.onnx --data fer2013.npz --output models/emotions.tflite
  python quantize.py mine.keras --data fer2013.csv --output mine/faces.tflite --range 0 1 --min-agreement 0.98
  python quantize.py saved_model/ --data pictures/ --output mine/faces.tflite --labels happy,neutral,sad

exit status: 0 written, 1 refused or failed (nothing written), 2 wrong usage
"""


HELD_OUT = "PublicTest (also used to pick the epoch and the temperature); ferplus on unique majorities"
DRAWN = "in a folder its validation pictures, without any a tenth of train by file name, which this model may have seen"


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argument_parser()
    args = parser.parse_args(argv)
    if args.output.suffix != ".tflite" or args.pictures < 1 or not args.range[0] < args.range[1]:
        parser.error("--output has to end in .tflite, --pictures to be 1 or more, --range to go upwards")
    try:
        faces = read_faces(args.data, votes=args.votes)
        with tempfile.TemporaryDirectory() as folder:
            return build(args, faces, Path(folder), list(sys.argv[1:] if argv is None else argv))
    except ImportError as error:
        print(f"quantize.py: {error}. {REMEDY}", file=sys.stderr)
    except (RefusedError, ModelError, ValueError, OSError) as error:
        print(f"quantize.py: {error}", file=sys.stderr)
    return 1


def build(args: argparse.Namespace, faces: Faces, folder: Path, arguments: list[str]) -> int:
    """Quantise, prove, and write on success; returns the exit status. `folder` is for what may yet be refused."""
    public = faces.only("public")
    if not len(public):
        raise ValueError(f"{args.data} has no held-out pictures (PublicTest, validation) to prove the model on")
    float_model = FloatModel(content := read_float(args.model))
    heads = heads_of(float_model, args)
    truths = {head: truth_of(public, head, args.labels) for head in heads}
    for head in [head for head, truth in truths.items() if not (truth >= 0).any()]:
        # Perhaps never trained, and nothing here could tell: the daemon must not read it.
        print(f"{head}: these data have no truth for it, so the card leaves it out", file=sys.stderr)
        del truths[head]
    if not truths:
        raise ValueError(f"{args.data} has no held-out picture with a label of the model's ({', '.join(args.labels)})")
    if strange := [label for label in args.labels if label.lower() not in CLASS_NAMES]:
        print(f"no picture is ever {', '.join(strange)}: such guesses count as wrong", file=sys.stderr)
    geometry = Geometry(*float_model.shape[1:], *args.range)
    train = calibration(faces, args.pictures, args.seed)

    before = run_float(float_model, geometry, tqdm(public.images, desc="float model"))
    int8 = to_int8(content, map(geometry.sample, tqdm(train, desc="calibrate")), *args.range)
    card = make_card(args, int8, geometry)
    card["outputs"] = {
        head: {"tensor": heads[head], "kind": kind_of(before[heads[head]]), "labels": args.labels, "temperature": 1.0}
        for head in truths
    }
    _write(folder / args.output.name, int8, card)
    path = (folder / args.output.name).with_suffix(".json")
    checked = read_card(path, EmotionCard)
    after = predict(Model(path, checked), checked, public.images)
    proofs = {head: prove(before[heads[head]], after.logits[head], truth) for head, truth in truths.items()}
    print(f"{len(int8):,} bytes, {after.milliseconds:.3f} ms per face (median, one thread, {runtime_version()})")
    for head, proof in proofs.items():
        print(
            f"{head}: {proof.pictures} held-out pictures, float {proof.float_accuracy:.2%}, "
            f"int8 {proof.int8_accuracy:.2%}, agreement {proof.agreement:.2%}, temperature {proof.temperature:.3f}"
        )
    faults = list(faults_of(proofs, args.min_agreement, args.max_loss))
    if faults:
        print("quantize.py: refused, nothing written: " + "; ".join(faults), file=sys.stderr)
        return 1

    for head, proof in proofs.items():
        card["outputs"][head]["temperature"] = round(proof.temperature, 4)
    tools = (*TOOLS, "tensorflow") if keras_input.is_keras(args.model) else TOOLS
    card |= {
        "source": _source(args.model),
        "data": {"file": args.data.name, "sha256": sha256_of(args.data)},
        "calibration": f"{len(train)} pictures of the train split, seed {args.seed}; ranges by min and max",
        "command": shlex.join(
            ["python", "quantize.py", *(Path(a).name if a.startswith("/") else a for a in arguments)]
        ),
        "tools": {tool: importlib.metadata.version(tool) for tool in tools},
        "figures": {
            "held_out": HELD_OUT if args.data.suffix == ".npz" else f"{HELD_OUT}; {DRAWN}",
            **{head: proof.figures() for head, proof in proofs.items()},
            "bytes": len(int8),
            "ms_per_face": round(after.milliseconds, 4),
            "measured_on": f"{runtime_version()}, one thread, {platform.machine()}",
        },
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    _write(args.output, int8, card)
    print(f"{args.output} and {args.output.with_suffix('.json').name} written, sha256 {card['sha256'][:12]}")
    try:
        print(f"{write_calibration(args.output.with_suffix('.json'), faces, args.data)} written")
    except (ModelError, ValueError) as error:
        print(f"no calibration file, so the daemon will not correct shares: {error}", file=sys.stderr)
    return 0


def read_float(path: Path) -> bytes:
    """The float TFLite file of a model, whatever it comes in. Raises RefusedError, ValueError, OSError."""
    if path.is_dir() and not keras_input.is_keras(path):
        raise RefusedError(f"{path} holds no {keras_input.SAVED_MODEL}. Remedy: give a SavedModel folder, or a file")
    if path.is_dir():
        return keras_input.float_tflite(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise RefusedError(f"{path}: unknown kind of model. Remedy: give {MODELS}")
    if not path.is_file():
        raise RefusedError(f"{path} does not exist. Remedy: give {MODELS}")
    return reader(path)


def from_tflite(path: Path) -> bytes:
    """A float .tflite is what is wanted already."""
    return path.read_bytes()


def from_onnx(path: Path) -> bytes:
    """ONNX, as models.export writes it; the converted file has to give what ONNX Runtime gives."""
    content = float_tflite(path)
    check_same(path, content)
    return content


# One function for each kind of input, by the end of the file's name.
READERS = {".onnx": from_onnx, ".tflite": from_tflite} | dict.fromkeys(keras_input.SUFFIXES, keras_input.float_tflite)
MODELS = f"{', '.join(READERS)} or a SavedModel folder"


def heads_of(model: FloatModel, args: argparse.Namespace) -> dict[str, str]:
    """The tensor of each output, by the output's name, checked to fit the labels. Raises RefusedError."""
    shape = model.shape
    if len(shape) != 4 or shape[0] != 1 or min(shape[1:3]) < 8 or shape[3] not in (1, 3):
        raise RefusedError(f"the model's input is {shape}. Remedy: faces in one by one, (1, height, width, 1 or 3)")
    found = ", ".join(f"{name} {size}" for name, size in model.outputs.items()) or "none"
    if any(size != (1, len(args.labels)) for size in model.outputs.values()):
        labels = ",".join(args.labels)
        raise RefusedError(
            f"the model's outputs are {found}. Remedy: one for each of --labels {labels}, in their order"
        )
    names = list(model.outputs)
    if len(names) == 1:
        return {args.head or (names[0] if names[0] in HEADS else "fer2013"): names[0]}
    if not names or args.head or not set(names) <= set(HEADS):
        raise RefusedError(f"the model's outputs are {found}. Remedy: a single one, or {' and '.join(HEADS)} by name")
    return {head: head for head in HEADS if head in names}


def calibration(faces: Faces, count: int, seed: int) -> list[Grey]:
    """`count` training faces picked by `seed`, each (48, 48) uint8. Raises ValueError when there are none."""
    train = faces.only("train").images
    if not len(train):
        raise ValueError("the data have no train split to calibrate on")
    return list(train[np.random.default_rng(seed).permutation(len(train))[:count]])


def make_card(args: argparse.Namespace, int8: bytes, fed: Geometry) -> dict[str, Any]:
    """The part of the card that the daemon reads, but for the outputs."""
    return {
        "name": args.name or args.output.stem,
        "task": "emotions",
        "file": args.output.name,
        "sha256": hashlib.sha256(int8).hexdigest(),
        "input": {
            "width": fed.width, "height": fed.height, "channels": fed.channels,
            "layout": "NHWC", "colour": "grey", "range": [fed.low, fed.high],
        },
        "outputs": {},
        "crop": {"scale": args.crop_scale, "down": args.crop_down, "upright_from": args.crop_upright_from},
        "license": args.license,
    }  # fmt: skip


def _write(path: Path, model: bytes, card: dict[str, Any]) -> None:
    path.write_bytes(model)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _source(path: Path) -> dict[str, str]:
    """What the card says about the float model: its hash, and what models.export noted in an ONNX file."""
    facts = {"file": path.name, "sha256": sha256_of(path)}
    if path.suffix.lower() == ".onnx":
        import onnx

        facts |= {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return facts


def sha256_of(path: Path) -> str:
    """Of a file; of a folder, that of `sha256sum`'s lines for the files in it, sorted by name."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())
    return hashlib.sha256("".join(f"{sha256_of(file)}  {name}\n" for name, file in files).encode()).hexdigest()


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(label.strip() for label in text.split(","))
    if len(labels) < 2 or len(set(labels)) != len(labels) or not all(labels) or "unknown" in labels:
        raise argparse.ArgumentTypeError(f"{text} is not a list of different labels, such as happy,neutral,sad")
    return labels


def _within(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low:g} and {high:g}")
        return value

    return number


def argument_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python quantize.py", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("model", type=Path, help=f"float model: {MODELS}")
    add("--data", type=Path, required=True, help=f"calibrates and proves: {KINDS}")
    add("--votes", type=Path, help="FERPlus votes of a fer2013.csv (default: fer2013new.csv beside it)")
    add("--output", type=Path, required=True, help=".tflite to write; its card is written beside it as .json")
    levels = "what 0 and 255 become at the model's input (default: -1 1)"
    add("--range", type=float, nargs=2, default=(-1.0, 1.0), metavar=("LOW", "HIGH"), help=levels)
    add("--labels", type=_labels, default=LABELS, help=f"in the order of the output (default: {','.join(LABELS)})")
    head = "name of a single output: ferplus is proved on the FERPlus majority, any other on the pictures' own label"
    add("--head", metavar="NAME", help=f"{head} (default: fer2013, or the tensor's name if that is ferplus)")
    add("--pictures", type=int, default=400, help="training faces to calibrate on (default: %(default)s)")
    add("--seed", type=int, default=1, help="picks those faces (default: %(default)s)")
    share = _within(0, 1)
    add("--min-agreement", type=share, default=0.95, help="refuse below this, per output (default: %(default)s)")
    add("--max-loss", type=share, default=0.01, help="refuse above this loss of accuracy (default: %(default)s)")
    add("--name", help="the model's name in the card and in every window (default: the output's file name)")
    add("--license", default="not stated", help="licence of the model, for its card (default: %(default)s)")
    add("--crop-scale", type=float, default=1.0, help="side of the crop, in sides of the detected box (default: 1)")
    add("--crop-down", type=float, default=0.0, help="shift of the crop, in heights of the box (default: 0)")
    upright = "turn faces upright that are tilted by so many degrees or more; 180: none (default: %(default)g)"
    add("--crop-upright-from", type=_within(0, 180), default=3.0, metavar="DEGREES", help=upright)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
