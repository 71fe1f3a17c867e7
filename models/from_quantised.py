"""Read the weights of a quantised model, such as the one that ships, back into a network that can go on learning.

The int8 file holds every layer, with its batch normalisation folded in; what is lost is the rounding. So whoever has
this repository need not begin from nothing. Wants both PyTorch and a TFLite runtime:
`pip install -r models/requirements-train.txt ai-edge-litert`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

try:
    import numpy as np
    import torch
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from edge.errors import ModelError
    from edge.model_files.cards import EmotionCard, read_card
    from models.data import KINDS, read_faces
    from models.labels import HEADS
    from models.networks import NETWORKS, TwoHeads, to_input
except ImportError as absent:
    sys.exit(f"models.from_quantised: {absent}. Remedy: pip install -r models/requirements-train.txt ai-edge-litert")

PICTURES = 4096  # whose statistics each batch normalisation is given
EXAMPLES = """example:
  python -m models.from_quantised models/emotions.json fer2013.npz --output runs/shipped/best.pt
  python -m models.train fer2013.npz --start runs/shipped/best.pt --output runs/next
"""


@dataclass(frozen=True)
class Layer:
    """A convolution or a linear layer, as real numbers.

    Attributes:
        output: Name of the tensor that it fills.
        weight: As PyTorch has it: (outputs, inputs / groups, h, w), or (outputs, inputs).
        bias: (outputs,).
        own: Whether nothing but `fer2013` reads it.
    """

    output: str
    weight: Tensor
    bias: Tensor
    own: bool


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        card = read_card(args.card, EmotionCard)
        network = read_network(args.card.parent / card.file, args.network)
        pictures = read_faces(args.data, votes=args.votes).only("train").images
        chosen = np.random.default_rng(1).permutation(len(pictures))[:PICTURES]
        give_statistics(network, to_input(torch.from_numpy(pictures[chosen])))
        args.output.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"network": args.network, "state": network.state_dict(), "epoch": 0}, args.output)
    except (ModelError, ValueError, OSError) as error:
        print(f"models.from_quantised: {error}", file=sys.stderr)
        return 1
    print(f"{args.output}: {args.network} with the weights of {card.file}")
    return 0


def read_network(path: Path, name: str) -> TwoHeads:
    """The network `name` with the weights in a .tflite file, ready to run; its batch normalisations do nothing yet.

    Raises:
        ValueError: The file is of another network.
        OSError: It cannot be read.
    """
    network = NETWORKS[name]().eval()
    layers = list(_layers(path.read_bytes()))
    heads = {layer.output: layer for layer in layers if layer.weight.ndim == 2}
    if set(heads) != set(HEADS):
        raise ValueError(f"{path} has outputs {sorted(heads)}, unlike {name}")
    found = [layer for layer in layers if layer.weight.ndim == 4]
    # The layers of both ends may run in any order in a file: which head reads them tells them apart.
    try:
        _fill(network.trunk, [layer for layer in found if not layer.own])
        _fill(network.own or nn.Identity(), [layer for layer in found if layer.own])
    except ValueError as error:
        raise ValueError(f"{path} is not {name}: {error}") from None
    with torch.no_grad():
        for head in HEADS:
            linear: nn.Linear = getattr(network, head)
            linear.weight.copy_(heads[head].weight)
            linear.bias.copy_(heads[head].bias)
    return network


@torch.no_grad()
def _fill(part: nn.Module, found: Sequence[Layer]) -> None:
    """Give the convolutions of a network's part these weights. Raises ValueError where they are not of its shapes."""
    convolutions = [module for module in part.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in part.modules() if isinstance(module, nn.BatchNorm2d)]
    if len(found) != len(convolutions):
        raise ValueError(f"{len(found)} convolutions in place of {len(convolutions)}")
    for layer, convolution, norm in zip(found, convolutions, norms, strict=True):
        if layer.weight.shape != convolution.weight.shape:
            shapes = tuple(layer.weight.shape), tuple(convolution.weight.shape)
            raise ValueError(f"{layer.output} has {shapes[0]} in place of {shapes[1]}")
        convolution.weight.copy_(layer.weight)
        norm.weight.fill_((1 + norm.eps) ** 0.5)
        norm.bias.copy_(layer.bias)


def _layers(content: bytes) -> Iterator[Layer]:
    """The layers of a model in the order in which they run. Raises ValueError."""
    try:
        # Delegates would hide the single layers; the list of them has no public name in the runtime's Python.
        interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"no TFLite model: {error}") from None
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}

    def real(index: int, axis: int) -> NDArray[np.float32]:
        quantised = tensors[index]["quantization_parameters"]
        values = interpreter.get_tensor(index).astype(np.float64)
        shape = [-1 if at == axis else 1 for at in range(values.ndim)]
        values = (values - quantised["zero_points"].reshape(shape)) * quantised["scales"].reshape(shape)
        return values.astype(np.float32)

    steps = interpreter._get_ops_details()  # noqa: SLF001
    read = {index for index, tensor in tensors.items() if tensor["name"] == HEADS[0]}
    for step in reversed(steps):
        if read.intersection(step["outputs"]):
            read.update(step["inputs"])
    for step in steps:
        kind, output = step["op_name"], tensors[step["outputs"][0]]["name"]
        if kind in {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}:
            per_channel = kind == "DEPTHWISE_CONV_2D"
            weight = real(step["inputs"][1], 3 if per_channel else 0)
            if weight.ndim == 4:  # (outputs, h, w, inputs), or (1, h, w, channels)
                weight = weight.transpose((3, 0, 1, 2) if per_channel else (0, 3, 1, 2))
            bias = torch.from_numpy(real(step["inputs"][2], 0))
            yield Layer(output, torch.from_numpy(weight.copy()), bias, not read.intersection(step["outputs"]))


@torch.no_grad()
def give_statistics(network: TwoHeads, x: Tensor) -> None:
    """Let every batch normalisation know its inputs, and undo what that changes: the network's answers stay the same.

    While it learns, a network normalises by each batch; without this its first step would begin from nonsense.

    Args:
        network: As `read_network` gives it.
        x: Some inputs, (n, 1, 48, 48).
    """

    def learn(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3))
        state = norm.state_dict()  # the very tensors
        state["running_mean"].copy_(mean)
        state["running_var"].copy_(variance)
        state["weight"].copy_((variance + norm.eps).sqrt())
        state["bias"].add_(mean)

    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(learn) for norm in norms]
    try:
        network(x)
    finally:
        for hook in hooks:
            hook.remove()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.from_quantised", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("card", type=Path, help="card of an emotion model")
    add("data", type=Path, help=KINDS)
    add("--votes", type=Path, help="FERPlus votes of a fer2013.csv (default: fer2013new.csv beside it)")
    add(
        "--network",
        choices=sorted(NETWORKS),
        default="mobilenet-v4-forked-deep",
        help="which it is (default: %(default)s)",
    )
    add("--output", type=Path, required=True, help="the best.pt to write")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
