"""Turn a float emotion model into the full-integer TFLite file that the daemon runs, and prove that it still works.

The int8 file is scored on PublicTest against the float model, through the code and runtime of the daemon; it is
written, with its card beside it, only when both agree and little accuracy is lost.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import numpy as np
    from numpy.typing import NDArray
    from tqdm import tqdm

    from edge.errors import ModelError
    from edge.vision.cards import EmotionCard, read_card
    from edge.vision.tflite import Model, runtime_version
    from models.data import Faces, read_npz
    from models.evaluate import known_heads, predict
    from models.labels import HEADS, LABELS
    from models.metrics import Confusion, fit_temperature
    from models.quantizer import REMEDY, TOOLS, FloatModel, RefusedError, check_same, float_tflite, to_int8
except ImportError as absent:
    sys.exit(f"quantize.py: {absent}. Remedy: pip install --no-deps -r models/requirements-convert.txt")

EXAMPLES = """examples:
  python -m models.export runs/first/best.pt --output build/emotions.onnx
  python quantize.py build/emotions.onnx --data fer2013.npz --output models/emotions.tflite
  python quantize.py build/emotions-float.tflite --data fer2013.npz --output mine/faces.tflite --min-agreement 0.98

exit status: 0 written, 1 refused or failed (nothing written), 2 wrong usage
"""
LOW, HIGH = -1.0, 1.0  # what grey 0 and 255 become; models.networks.to_input is the same for training


@dataclass(frozen=True)
class Proof:
    """What was measured for one output, on the held-out pictures that have a truth for it; shares in 0..1."""

    pictures: int
    float_accuracy: float
    int8_accuracy: float
    agreement: float
    temperature: float

    def figures(self) -> dict[str, float]:
        """For the card."""
        shares = {name: round(getattr(self, name), 4) for name in ("float_accuracy", "int8_accuracy", "agreement")}
        return {"pictures": self.pictures} | shares


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.output.suffix != ".tflite" or args.pictures < 1:
        parser.error("--output has to end in .tflite, and --pictures to be 1 or more")
    try:
        faces = read_npz(args.data)
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
        raise ValueError(f"{args.data} has no held-out pictures (PublicTest) to prove the model on")
    float_model = FloatModel(content := read_float(args.model))
    heads = _heads_of(float_model)
    int8 = to_int8(content, tqdm(calibration(faces, args.pictures, args.seed), desc="calibrate"), LOW, HIGH)
    card = _card(args, int8, heads, float_model.shape)
    _write(folder / args.output.name, int8, card)

    before = run_float(float_model, public.images)
    path = (folder / args.output.name).with_suffix(".json")
    checked = read_card(path, EmotionCard)
    known_heads(checked)
    after = predict(Model(path, checked), checked, public.images)
    proofs = {head: prove(before[head], after.logits[head], public.truth(head)) for head in heads}
    print(f"{len(int8):,} bytes, {after.milliseconds:.3f} ms per face (median, one thread, {runtime_version()})")
    for head, proof in proofs.items():
        print(
            f"{head}: PublicTest {proof.pictures} pictures, float {proof.float_accuracy:.2%}, "
            f"int8 {proof.int8_accuracy:.2%}, agreement {proof.agreement:.2%}, temperature {proof.temperature:.3f}"
        )
    faults = list(faults_of(proofs, args.min_agreement, args.max_loss))
    if faults:
        print("quantize.py: refused, nothing written: " + "; ".join(faults), file=sys.stderr)
        return 1

    for head, proof in proofs.items():
        card["outputs"][head]["temperature"] = round(proof.temperature, 4)
    card |= {
        "source": _source(args.model),
        "data": {"file": args.data.name, "sha256": hashlib.sha256(args.data.read_bytes()).hexdigest()},
        "calibration": f"{args.pictures} pictures of the train split, seed {args.seed}; ranges by min and max",
        "command": shlex.join(
            ["python", "quantize.py", *(Path(a).name if a.startswith("/") else a for a in arguments)]
        ),
        "tools": {tool: importlib.metadata.version(tool) for tool in TOOLS},
        "figures": {
            "held_out": "PublicTest (also used to pick the epoch and the temperature); ferplus on unique majorities",
            **{head: proof.figures() for head, proof in proofs.items()},
            "bytes": len(int8),
            "ms_per_face": round(after.milliseconds, 4),
            "measured_on": f"{runtime_version()}, one thread, {platform.machine()}",
        },
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    _write(args.output, int8, card)
    print(f"{args.output} and {args.output.with_suffix('.json').name} written, sha256 {card['sha256'][:12]}")
    return 0


def read_float(path: Path) -> bytes:
    """The float TFLite file of a model, whatever kind of file it comes in. Raises RefusedError, OSError."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise RefusedError(f"{path}: unknown kind of model. Remedy: give one of {', '.join(READERS)}")
    if not path.is_file():
        raise RefusedError(f"{path} does not exist. Remedy: make it with python -m models.export")
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
READERS = {".onnx": from_onnx, ".tflite": from_tflite}


def _heads_of(model: FloatModel) -> list[str]:
    """The outputs, checked to be some that the data have a truth for. Raises RefusedError."""
    if model.shape != (1, 48, 48, 1):
        raise RefusedError(f"the model's input is {model.shape}. Remedy: grey faces in one by one, (1, 48, 48, 1)")
    wrong = [name for name, shape in model.outputs.items() if name not in HEADS or shape != (1, len(LABELS))]
    if wrong or not model.outputs:
        found = ", ".join(f"{name} {shape}" for name, shape in model.outputs.items())
        raise RefusedError(
            f"the model's outputs are {found}. Remedy: name logits of shape (1, {len(LABELS)}) {' or '.join(HEADS)}"
        )
    return [head for head in HEADS if head in model.outputs]


def to_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey faces (n, 48, 48) uint8 as the network sees them: (n, 48, 48, 1) float32 in LOW..HIGH."""
    levels = LOW + images[..., None].astype(np.float32) * ((HIGH - LOW) / 255)
    return levels.astype(np.float32)


def calibration(faces: Faces, count: int, seed: int) -> list[NDArray[np.float32]]:
    """`count` training faces picked by `seed`, each (1, 48, 48, 1) float32. Raises ValueError when there are none."""
    train = faces.only("train").images
    if not len(train):
        raise ValueError("the data have no train split to calibrate on")
    rows = np.random.default_rng(seed).permutation(len(train))[:count]
    return list(to_input(train[rows])[:, None])


def run_float(model: FloatModel, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """The float model's logits for grey faces (n, 48, 48) uint8: (n, 7) float32 by output."""
    parts = [model.run(face[None]) for face in tqdm(to_input(images), desc="float model")]
    return {name: np.concatenate([part[name] for part in parts]) for name in model.outputs}


def prove(before: NDArray[np.float32], after: NDArray[np.float32], truth: NDArray[np.int64]) -> Proof:
    """Compare the logits (n, 7) of the float and the int8 model.

    Agreement counts all rows, accuracy those with a truth (not -1). Raises ValueError when no row has one.
    """
    if not (truth >= 0).any():
        raise ValueError("the held-out pictures have no label to prove the model on")
    guesses = before.argmax(axis=1), after.argmax(axis=1)
    scores = [Confusion.of(truth, guess, len(LABELS)) for guess in guesses]
    agreement = float((guesses[0] == guesses[1]).mean())
    return Proof(scores[0].rows, scores[0].accuracy, scores[1].accuracy, agreement, fit_temperature(after, truth))


def faults_of(proofs: dict[str, Proof], min_agreement: float, max_loss: float) -> list[str]:
    """Why the int8 model must not be written, in words with numbers; empty when it may be."""
    faults = []
    for head, proof in proofs.items():
        if proof.agreement < min_agreement:
            faults.append(f"{head} agrees with the float model in {proof.agreement:.2%}, below {min_agreement:.2%}")
        loss = proof.float_accuracy - proof.int8_accuracy
        if loss > max_loss:
            faults.append(f"{head} loses {loss:.2%} of accuracy, more than {max_loss:.2%}")
    return faults


def _card(args: argparse.Namespace, int8: bytes, heads: list[str], shape: tuple[int, ...]) -> dict[str, Any]:
    """The part of the card that the daemon reads; the rest is added when the model has proved itself."""
    return {
        "name": args.name or args.output.stem,
        "task": "emotions",
        "file": args.output.name,
        "sha256": hashlib.sha256(int8).hexdigest(),
        "input": {
            "width": shape[2], "height": shape[1], "channels": shape[3],
            "layout": "NHWC", "colour": "grey", "range": [LOW, HIGH],
        },
        "outputs": {head: {"tensor": head, "labels": list(LABELS), "temperature": 1.0} for head in heads},
        "crop": {"scale": args.crop_scale, "down": args.crop_down},
        "license": args.license,
    }  # fmt: skip


def _write(path: Path, model: bytes, card: dict[str, Any]) -> None:
    path.write_bytes(model)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _source(path: Path) -> dict[str, str]:
    """What the card says about the float model: its hash, and what models.export noted in an ONNX file."""
    facts = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    if path.suffix.lower() == ".onnx":
        import onnx

        facts |= {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return facts


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python quantize.py", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("model", type=Path, help="float model: " + " or ".join(READERS))
    add("--data", type=Path, required=True, help="FER2013 with FERPlus votes, .npz: calibrates and proves")
    add("--output", type=Path, required=True, help=".tflite to write; its card is written beside it as .json")
    add("--pictures", type=int, default=400, help="training faces to calibrate on (default: %(default)s)")
    add("--seed", type=int, default=1, help="picks those faces (default: %(default)s)")
    add("--min-agreement", type=_share, default=0.95, help="refuse below this, per output (default: %(default)s)")
    add("--max-loss", type=_share, default=0.01, help="refuse above this loss of accuracy (default: %(default)s)")
    add("--name", help="the model's name in the card and in every window (default: the output's file name)")
    add("--license", default="not stated", help="licence of the model, for its card (default: %(default)s)")
    add("--crop-scale", type=float, default=1.0, help="side of the crop, in sides of the detected box (default: 1)")
    add("--crop-down", type=float, default=0.0, help="shift of the crop, in heights of the box (default: 0)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
