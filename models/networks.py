"""Networks with two heads, built from the blocks of torch.nn: grey 48x48 in, two sets of seven logits out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.labels import LABELS

HEADS = ("ferplus", "fer2013")
INPUT_SIZE = 48


class TwoHeads(nn.Module):
    """One trunk, one linear head per label set.

    Input: (n, 1, 48, 48) float32, grey scaled to -1..1. Output: the logits (n, 7) of `ferplus` and of
    `fer2013`, in that order. The two label sets agree in only 63 % of the pictures, so that no single
    output could serve both.
    """

    def __init__(self, trunk: nn.Module, channels: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.ferplus = nn.Linear(channels, len(LABELS))
        self.fer2013 = nn.Linear(channels, len(LABELS))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network; see the class for shapes."""
        features = self.dropout(self.trunk(x).mean(dim=(2, 3)))
        return self.ferplus(features), self.fer2013(features)


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU6: the block that int8 quantisation leaves intact."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


def mobilenet_v1(alpha: float = 0.5) -> TwoHeads:
    """MobileNetV1 (Howard et al. 2017) of width `alpha`, with a stride-1 stem: 48 px leave nothing to throw away."""
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    channels = int(32 * alpha)
    layers = [conv(1, channels)]
    for width, stride in plan:
        outputs = int(width * alpha)
        layers += [conv(channels, channels, stride=stride, groups=channels), conv(channels, outputs, 1)]
        channels = outputs
    return TwoHeads(nn.Sequential(*layers), channels)


NETWORKS: dict[str, Callable[[], TwoHeads]] = {
    "mobilenet-v1-0.5": lambda: mobilenet_v1(0.5),
    "mobilenet-v1-0.75": lambda: mobilenet_v1(0.75),
}


def to_input(grey: Tensor) -> Tensor:
    """Grey uint8 or float pictures (n, 48, 48) in 0..255 to the network's input (n, 1, 48, 48) in -1..1."""
    return (grey.to(torch.float32) / 127.5 - 1).unsqueeze(1)
