"""Turn a training run's weights into an ONNX file that quantize.py reads.

Runs where the training runs (models/requirements-train.txt). The file has one input, `input` (1, 1, 48, 48) float32,
grey scaled to -1..1, and the logits (1, 7) of `ferplus` and `fer2013`; batch normalisation is folded into the
convolutions. Before it is written, ONNX's own reference implementation has to give what PyTorch gives.
"""

# ruff: noqa: PLC0415 - PyTorch is imported where it is used: --help needs none of it.
from __future__ import annotations

import argparse
import hashlib
import io
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.labels import HEADS

if TYPE_CHECKING:
    from onnx import ModelProto

    from models.networks import TwoHeads

REMEDY = "Remedy: pip install -r models/requirements-train.txt"
OPSET = 17  # new enough for every block here, old enough for every converter
TOLERANCE = 1e-3  # of a logit; float32 sums in another order differ by about 1e-5
EXAMPLES = """example:
  python -m models.export runs/first/best.pt --output build/emotions.onnx
  python quantize.py build/emotions.onnx --data fer2013.npz --output models/emotions.tflite
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        network, facts = load(args.weights)
        model = to_onnx(network, facts)
        drift = difference(network, model)
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_bytes(model.SerializeToString())
    except (ValueError, OSError, ImportError) as error:
        print(f"models.export: {error}" + (f". {REMEDY}" if isinstance(error, ImportError) else ""), file=sys.stderr)
        return 1
    told = ", ".join(f"{key} {value}" for key, value in facts.items())
    print(f"{args.output}: {args.output.stat().st_size:,} bytes ({told}), logits within {drift:.1g} of PyTorch's")
    return 0


def load(path: Path) -> tuple[TwoHeads, dict[str, str]]:
    """Read `best.pt` of a training run: the network with its weights, ready to run, and what is known about it.

    Raises:
        ValueError: Not such a file, or of a network that this code does not know.
        OSError: It cannot be read.
        ImportError: PyTorch is not installed.
    """
    import pickle

    import torch

    from models.networks import NETWORKS

    content = path.read_bytes()
    try:
        parts = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        network = NETWORKS[parts["network"]]()
        network.load_state_dict(parts["state"])
    except (KeyError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError):
        raise ValueError(f"{path} is not the best.pt of a training run of this version") from None
    digest = hashlib.sha256(content).hexdigest()
    return network.eval(), {"network": parts["network"], "epoch": str(parts["epoch"]), "weights_sha256": digest}


def to_onnx(network: TwoHeads, facts: dict[str, str]) -> ModelProto:
    """Trace a network into ONNX; `facts` become the file's metadata."""
    import onnx
    import torch

    from models.networks import INPUT_SIZE

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter needs two more packages and leaves batch normalisation unfolded; the version is pinned.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network, (torch.zeros(1, 1, INPUT_SIZE, INPUT_SIZE),), buffer, dynamo=False, opset_version=OPSET,
            input_names=["input"], output_names=list(HEADS),
        )  # fmt: skip
    model = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    return model


def difference(network: TwoHeads, model: ModelProto) -> float:
    """The greatest absolute difference between the logits of PyTorch and of ONNX, over two made-up inputs.

    Raises:
        ValueError: It is too great for the file to be of use.
    """
    import torch
    from onnx.reference import ReferenceEvaluator

    from models.networks import INPUT_SIZE

    reference = ReferenceEvaluator(model)
    worst = 0.0
    for seed in range(2):
        x = np.random.default_rng(seed).uniform(-1, 1, (1, 1, INPUT_SIZE, INPUT_SIZE)).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(x))
        for ours, theirs in zip(expected, reference.run(list(HEADS), {"input": x}), strict=True):
            worst = float(np.maximum(worst, np.abs(ours.numpy() - theirs).max()))
    if not worst <= TOLERANCE:  # also when it is not a number
        raise ValueError(f"the ONNX file's logits differ from PyTorch's by {worst:.2g} (limit {TOLERANCE:g})")
    return worst


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.export", description="Turn a training run's weights into ONNX, for quantize.py.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("weights", type=Path, help="best.pt of a training run")
    parser.add_argument("--output", type=Path, required=True, help="the .onnx file to write")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
