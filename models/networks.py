"""Networks with two heads, built from the blocks of torch.nn: grey 48x48 in, two sets of seven logits out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.labels import LABELS

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
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.ferplus = nn.Linear(channels, len(LABELS))
        self.fer2013 = nn.Linear(channels, len(LABELS))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network; see the class for shapes."""
        # A pooling layer, because converters then keep the last ReLU6 inside its convolution; a plain mean costs int8
        # a step of rounding and a transposition.
        features = self.dropout(self.pool(self.trunk(x)).flatten(1))
        return self.ferplus(features), self.fer2013(features)


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU6: the block that int8 quantisation leaves intact."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class Shortcut(nn.Module):
    """Adds its input to what a block makes of it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + self.block(x)


def inverted_residual(inputs: int, outputs: int, stride: int, expansion: int) -> nn.Module:
    """The block of MobileNetV2 (Sandler et al. 2018): expand, filter each channel, project without activation."""
    inside = inputs * expansion
    block = nn.Sequential(
        conv(inputs, inside, 1) if expansion > 1 else nn.Identity(),
        conv(inside, inside, stride=stride, groups=inside),
        nn.Conv2d(inside, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )
    return Shortcut(block) if stride == 1 and inputs == outputs else block


def mobilenet_v2(plan: tuple[tuple[int, int, int, int], ...], stem: int = 16, last: int = 512) -> TwoHeads:
    """MobileNetV2 for 48 px: a stride-1 stem and three halvings in all, because 48 px leave nothing to throw away.

    Args:
        plan: Per stage: expansion, channels, number of blocks, stride of the first.
        stem: Channels of the first convolution.
        last: Channels of the last one, which the heads read.
    """
    layers: list[nn.Module] = [conv(1, stem)]
    channels = stem
    for expansion, outputs, blocks, first in plan:
        for index in range(blocks):
            layers.append(inverted_residual(channels, outputs, first if index == 0 else 1, expansion))
            channels = outputs
    return TwoHeads(nn.Sequential(*layers, conv(channels, last, 1)), last)


SMALL = ((1, 16, 1, 1), (3, 24, 2, 2), (4, 48, 3, 2), (4, 96, 4, 2), (4, 160, 1, 1))

NETWORKS: dict[str, Callable[[], TwoHeads]] = {
    "mobilenet-v2-small": lambda: mobilenet_v2(SMALL),
}


def to_input(grey: Tensor) -> Tensor:
    """Grey uint8 or float pictures (n, 48, 48) in 0..255 to the network's input (n, 1, 48, 48) in -1..1."""
    return (grey.to(torch.float32) / 127.5 - 1).unsqueeze(1)
