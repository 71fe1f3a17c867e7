"""Networks with two heads and the list of them all: grey 48x48 in, two sets of seven logits out."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from models import architectures as of
from models.export import load
from models.labels import LABELS

INPUT_SIZE = 48
IMAGENET_SPREAD = (0.229, 0.224, 0.225)  # of red, green, blue: what ImageNet's networks expect to be divided by


class TwoHeads(nn.Module):
    """One trunk, one linear head per label set; `fer2013` may fork off earlier, with layers of its own.

    Input: (n, 1, 48, 48) float32, grey scaled to -1..1. Output: the logits (n, 7) of `ferplus` and of
    `fer2013`, in that order. The two label sets agree in only 63 % of the pictures, so that no single
    output could serve both.

    Args:
        trunk: Its layers, one after the other.
        channels: What the trunk ends with.
        dropout: Share of the features that is left out while training.
        own: Layers of `fer2013` alone, and the channels they end with.
        fork: After how many layers of the trunk they begin.
    """

    def __init__(
        self, trunk: nn.Module, channels: int, dropout: float = 0.2, own: of.Trunk | None = None, fork: int = 0
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.fork = fork
        self.detached = False
        """Whether the `fer2013` head leaves the trunk alone while it learns."""
        self.frozen = False
        """Whether the trunk stays as it is."""
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.own = own[0] if own else None
        self.ferplus = nn.Linear(channels, len(LABELS))
        self.fer2013 = nn.Linear(own[1] if own else channels, len(LABELS))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network; see the class for shapes."""
        if self.own is None:
            features = self._pooled(self.trunk(x))
            return self.ferplus(features), self.fer2013(self._learnt_from(features))
        layers = list(self.trunk.children())
        for layer in layers[: self.fork]:
            x = layer(x)
        own = self._pooled(self.own(self._learnt_from(x)))
        for layer in layers[self.fork :]:
            x = layer(x)
        return self.ferplus(self._pooled(x)), self.fer2013(own)

    def _pooled(self, x: Tensor) -> Tensor:
        # A pooling layer, because converters then keep the last ReLU6 inside its convolution; a plain mean costs int8
        # a step of rounding and a transposition.
        return cast("Tensor", self.dropout(self.pool(x).flatten(1)))

    def _learnt_from(self, x: Tensor) -> Tensor:
        return x.detach() if self.detached else x

    def only_fer2013(self) -> None:
        """Let nothing learn but what `fer2013` has for itself; all else stays as it is, to the bit."""
        self.requires_grad_(requires_grad=False)
        for part in (self.own, self.fer2013):
            if part is not None:
                part.requires_grad_(requires_grad=True)
        self.frozen = True

    def train(self, mode: bool = True) -> TwoHeads:  # noqa: FBT001, FBT002 - PyTorch's signature
        """As PyTorch's; a trunk that does not learn does not update its batch statistics either."""
        super().train(mode)
        if self.frozen:
            self.trunk.eval()
        return self


NETWORKS: dict[str, Callable[[], TwoHeads]] = {
    "cnn": lambda: TwoHeads(*of.plain_cnn()),
    "efficientnet-lite0": lambda: TwoHeads(*of.efficientnet_lite0(), dropout=0.4),
    "inception": lambda: TwoHeads(*of.inception(), dropout=0.4),
    "mobilenet-v1-0.25": lambda: TwoHeads(*of.mobilenet_v1(0.25)),
    "mobilenet-v1-0.5": lambda: TwoHeads(*of.mobilenet_v1(0.5)),
    "mobilenet-v1-1.0": lambda: TwoHeads(*of.mobilenet_v1(1.0)),
    "mobilenet-v2-0.35": lambda: TwoHeads(*of.mobilenet_v2_width(0.35)),
    "mobilenet-v2-0.5": lambda: TwoHeads(*of.mobilenet_v2_width(0.5)),
    "mobilenet-v2-1.0": lambda: TwoHeads(*of.mobilenet_v2_width(1.0)),
    "mobilenet-v2-medium": lambda: TwoHeads(*of.mobilenet_v2(of.MEDIUM, last=640)),
    "mobilenet-v2-small": lambda: TwoHeads(*of.mobilenet_v2(of.SMALL)),
    "mobilenet-v4-small": lambda: TwoHeads(*of.mobilenet_v4(of.FUSED_SMALL)),
    "mobilenet-v4-forked": lambda: TwoHeads(*of.mobilenet_v4(of.FUSED_SMALL), own=of.own_layers(), fork=8),
    "mobilenet-v4-forked-dense": lambda: TwoHeads(*of.mobilenet_v4(of.FUSED_SMALL), own=of.dense_own_layers(), fork=8),
    "mobilenet-v4-forked-deep": lambda: TwoHeads(*of.mobilenet_v4(of.FUSED_DEEP), own=of.dense_own_layers(), fork=9),
    "resnet-18": lambda: TwoHeads(*of.resnet_18(), dropout=0.4),
    "resnet-50": lambda: TwoHeads(*of.resnet_50(), dropout=0.4),
    "separable": lambda: TwoHeads(*of.separable(), dropout=0.4),
    "teacher": lambda: TwoHeads(*of.mobilenet_v4(of.TEACHER, stem_stride=1), dropout=0.4),
    "vgg": lambda: TwoHeads(*of.vgg(), dropout=0.4),
}


def to_input(grey: Tensor) -> Tensor:
    """Grey uint8 or float pictures (n, 48, 48) in 0..255 to the network's input (n, 1, 48, 48) in -1..1."""
    return (grey.to(torch.float32) / 127.5 - 1).unsqueeze(1)


def count_parameters(network: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def count_macs(network: nn.Module, shape: tuple[int, int, int] = (1, INPUT_SIZE, INPUT_SIZE)) -> int:
    """Multiplications with addition for one picture of `shape` (channels, height, width): convolutions and linears."""
    counts: list[int] = []

    def note(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        counts.append(output[0].numel() * layer.weight[0].numel())  # a weight's row is what one output value needs

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    training = network.training
    device = next(network.parameters()).device
    try:
        network.eval()(torch.zeros(1, *shape, device=device))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return sum(counts)


@torch.no_grad()
def refresh_batch_norm(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Measure the statistics of batch normalisation anew, on batches (n, 1, 48, 48); the network ends ready to run.

    Averaged weights need the statistics of their own activations, not averaged old ones. Layers that do not learn
    keep theirs.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.weight.requires_grad:
            module.reset_running_stats()
            module.momentum = None  # a plain mean over the batches
    network.train()
    for batch in batches:
        network(batch)
    network.eval()


def start_from(network: TwoHeads, path: Path) -> None:
    """Give a network the weights in a `best.pt` of the same trunk; layers that only one of the two has are left out.

    Raises:
        ValueError: It is of another network, or no such file.
        OSError: It cannot be read.
    """
    theirs = load(path)[0].state_dict()
    ours = network.state_dict()
    trunks = [{name for name in state if name.startswith("trunk.")} for state in (ours, theirs)]
    if trunks[0] != trunks[1] or any(ours[name].shape != theirs[name].shape for name in trunks[0]):
        raise ValueError(f"{path} has another trunk")
    fitting = {name: value for name, value in theirs.items() if name in ours and ours[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)


def start_from_imagenet(network: TwoHeads, path: Path) -> str:
    """Give a trunk the ImageNet weights in a file of the user's; returns a line that says which tensors were used.

    Raises:
        ValueError: Not a state_dict as `use_imagenet` wants one, or the network is another.
        OSError: It cannot be read.
    """
    content = path.read_bytes()
    try:
        used = use_imagenet(network, torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
    except (TypeError, AttributeError, RuntimeError, LookupError, EOFError, pickle.UnpicklingError):
        raise ValueError(f"{path} is not a state_dict saved by PyTorch") from None
    except ValueError as error:
        raise ValueError(f"{path} does not fit: {error}") from None
    return f"used {len(used)} tensors, {used[0]} (colours summed to grey) to {used[-1]}; the heads start fresh"


@torch.no_grad()
def use_imagenet(network: TwoHeads, weights: dict[str, Tensor]) -> list[str]:
    """Start a trunk from ImageNet weights (a state_dict): torchvision's resnet50, mobilenet_v2, or EfficientNet-Lite0.

    The layers are matched in their order, since only the names differ. The colour stem becomes a grey one: its
    weights summed over red, green and blue, scaled for inputs in -1..1. The heads stay as they are.

    Returns:
        The names in `weights` of what was used.

    Raises:
        ValueError: The weights are of another architecture or width; says where they part.
    """
    theirs = {name: value for name, value in weights.items() if _is_trunk(name)}
    ours = {name: value for name, value in network.trunk.state_dict().items() if _is_trunk(name)}
    if len(theirs) != len(ours):
        raise ValueError(f"the weights have {len(theirs)} tensors, the network's trunk {len(ours)}")
    fitting: dict[str, Tensor] = {}
    for (name, target), (source, given) in zip(ours.items(), theirs.items(), strict=True):
        value = given
        if not fitting and given.ndim == 4 and given.shape[1] == 3:
            # EfficientNet-Lite was trained on inputs in -1..1 as these are.
            spread = (0.5, 0.5, 0.5) if source == "_conv_stem.weight" else IMAGENET_SPREAD
            value = (given.float() / (2 * torch.tensor(spread).view(1, 3, 1, 1))).sum(1, keepdim=True)
        if value.shape != target.shape:
            raise ValueError(f"{source} is {tuple(given.shape)}, the network's {name} is {tuple(target.shape)}")
        fitting[name] = value
    network.trunk.load_state_dict(fitting, strict=False)
    return list(theirs)


def _is_trunk(name: str) -> bool:
    # ImageNet's own classifier is called fc, _fc or classifier. A counter of batches is no weight; old files lack it.
    return not name.startswith(("fc.", "_fc.", "classifier.")) and not name.endswith("num_batches_tracked")
