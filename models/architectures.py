"""Well-known architectures as trunks for grey 48x48 faces, each in a few lines of torch.nn.

A trunk turns (n, 1, 48, 48) into (n, channels, h, w). Every function returns the trunk and its channels;
models.networks puts the two heads on it and lists them all. Their stems keep all 48 px, where the papers' own
throw away three quarters of 224 at once.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - its name in all of PyTorch's own code
from torch import Tensor, nn

Trunk = tuple[nn.Module, int]

# Per stage of fused and inverted blocks: which, expansion, channels, number of blocks, stride of the first.
MixedPlan = tuple[tuple[str, int, int, int, int], ...]
FUSED_SMALL: MixedPlan = (
    ("fused", 1, 32, 1, 1), ("fused", 1, 64, 3, 2), ("fused", 1, 128, 2, 2), ("inverted", 4, 128, 2, 1),
)  # fmt: skip
# One dense block more: as slow as half the time of `fer`'s model allows.
FUSED_DEEP: MixedPlan = (*FUSED_SMALL[:2], ("fused", 1, 128, 3, 2), FUSED_SMALL[3])
# Too slow to ship, but made to teach: dense, and quick to train on a CPU with bfloat16 for its MACs.
TEACHER: MixedPlan = (("fused", 1, 48, 3, 2), ("fused", 1, 96, 5, 2), ("fused", 1, 192, 6, 2))

# Per stage of a MobileNetV2: expansion, channels, number of blocks, stride of the first.
Plan = tuple[tuple[int, int, int, int], ...]
SMALL: Plan = ((1, 16, 1, 1), (3, 24, 2, 2), (4, 48, 3, 2), (4, 96, 4, 2), (4, 160, 1, 1))
MEDIUM: Plan = ((1, 16, 1, 1), (3, 32, 2, 2), (4, 64, 3, 2), (4, 128, 4, 2), (4, 192, 1, 1))
# The paper's own, but for the two strides that 48 px cannot spare.
PAPER: Plan = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 1), (6, 320, 1, 1),
)  # fmt: skip


def conv(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1, activation: type[nn.Module] = nn.ReLU6
) -> nn.Sequential:
    """Convolution, batch normalisation, activation; ReLU6 is the one that int8 leaves intact in small networks."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        activation(),
    )


class Shortcut(nn.Module):
    """Adds its input to what a block makes of it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + self.block(x)


def inverted_residual(inputs: int, outputs: int, stride: int, expansion: int, size: int = 3) -> nn.Module:
    """The block of MobileNetV2: expand, filter each channel, project without activation."""
    inside = inputs * expansion
    block = nn.Sequential(
        conv(inputs, inside, 1) if expansion > 1 else nn.Identity(),
        conv(inside, inside, size, stride, groups=inside),
        nn.Conv2d(inside, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )
    return Shortcut(block) if stride == 1 and inputs == outputs else block


def fused_residual(inputs: int, outputs: int, stride: int, expansion: int) -> nn.Module:
    """An inverted residual whose first two convolutions are one dense 3x3; without expansion that one is all.

    For the large maps of a network: few channels make filtering each alone slow there, on CPUs more than its
    multiplications tell (Gupta & Akin 2020, arXiv:2003.02838; MobileNetV4, Qin et al. 2024, arXiv:2404.10518).
    """
    inside = inputs * expansion
    block = conv(inputs, inside if expansion > 1 else outputs, stride=stride)
    if expansion > 1:
        block = nn.Sequential(block, nn.Conv2d(inside, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
    return Shortcut(block) if stride == 1 and inputs == outputs else block


def mobilenet_v4(plan: MixedPlan, stem: int = 32, stem_stride: int = 2, last: int = 512) -> Trunk:
    """In the line of MobileNetV4's convolutional models: dense blocks first, inverted residuals where maps are small.

    Args:
        plan: Its stages.
        stem: Channels of the first convolution; enough of them keep what its stride would lose.
        stem_stride: Stride of that convolution.
        last: Channels of the last one, which the heads read.
    """
    blocks = {"fused": fused_residual, "inverted": inverted_residual}
    layers: list[nn.Module] = [conv(1, stem, stride=stem_stride)]
    channels = stem
    for kind, expansion, outputs, count, first in plan:
        for index in range(count):
            layers.append(blocks[kind](channels, outputs, first if index == 0 else 1, expansion))
            channels = outputs
    return nn.Sequential(*layers, conv(channels, last, 1)), last


def own_layers(inputs: int = 128, expansion: int = 3, last: int = 384) -> Trunk:
    """What the second head has for itself at the end of `FUSED_SMALL`: one inverted residual, one convolution."""
    return nn.Sequential(inverted_residual(inputs, inputs, 1, expansion), conv(inputs, last, 1)), last


def dense_own_layers(inputs: int = 128, inside: int = 96, last: int = 192) -> Trunk:
    """The same in dense convolutions, which int8 multiplies faster."""
    return nn.Sequential(conv(inputs, inside), conv(inside, last, 1)), last


def mobilenet_v2(plan: Plan, stem: int = 16, last: int = 512) -> Trunk:
    """MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381): a stride-1 stem and three halvings in all.

    Args:
        plan: Its stages.
        stem: Channels of the first convolution.
        last: Channels of the last one, which the heads read.
    """
    layers: list[nn.Module] = [conv(1, stem)]
    channels = stem
    for expansion, outputs, blocks, first in plan:
        for index in range(blocks):
            layers.append(inverted_residual(channels, outputs, first if index == 0 else 1, expansion))
            channels = outputs
    return nn.Sequential(*layers, conv(channels, last, 1)), last


def mobilenet_v2_width(width: float) -> Trunk:
    """The paper's MobileNetV2 with every layer `width` as wide, in whole eights; 1.0 takes ImageNet weights."""
    plan = tuple((t, _eights(channels * width), n, s) for t, channels, n, s in PAPER)
    return mobilenet_v2(plan, _eights(32 * width), max(1280, _eights(1280 * width)))


def _eights(channels: float) -> int:
    """The nearest multiple of eight that is not a tenth too small, as the paper's authors round."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near if near >= 0.9 * channels else near + 8


def mobilenet_v1(width: float) -> Trunk:
    """MobileNetV1 (Howard et al. 2017, arXiv:1704.04861): per-channel 3x3 and plain 1x1 convolutions in turn."""
    channels = int(32 * width)
    layers: list[nn.Module] = [conv(1, channels)]
    for full, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, *[(1024, 1)] * 2):
        outputs = int(full * width)
        layers += [conv(channels, channels, stride=stride, groups=channels), conv(channels, outputs, 1)]
        channels = outputs
    return nn.Sequential(*layers), channels


def plain_cnn() -> Trunk:
    """Four convolutions with pooling between, in the line of LeNet (LeCun et al. 1998): the plainest that works."""
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 32), (32, 64), (64, 128), (128, 256)):
        layers += [conv(inputs, outputs, activation=nn.ReLU), nn.MaxPool2d(2)]
    return nn.Sequential(*layers), 256


def vgg() -> Trunk:
    """VGG (Simonyan & Zisserman 2015, arXiv:1409.1556), ten layers as in FERPlus (Barsoum et al. 2016) but normed."""
    layers: list[nn.Module] = []
    channels = 1
    for outputs, repeats in ((64, 2), (128, 2), (256, 3), (512, 3)):
        for _ in range(repeats):
            layers.append(conv(channels, outputs, activation=nn.ReLU))
            channels = outputs
        layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    return nn.Sequential(*layers), channels


class Branches(nn.Module):
    """Runs several blocks on the same input and stacks their channels."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, sum of the blocks' channels, h, w)."""
        return torch.cat([block(x) for block in self.blocks], 1)


def inception_module(inputs: int, one: int, three: int, five: int, pooled: int) -> nn.Module:
    """Four views of one map: 1x1; 3x3; 5x5 as two 3x3 (Szegedy et al. 2016); the neighbourhood's maximum."""

    def relu(inputs: int, outputs: int, size: int = 3) -> nn.Sequential:
        return conv(inputs, outputs, size, activation=nn.ReLU)

    return Branches(
        relu(inputs, one, 1),
        nn.Sequential(relu(inputs, three // 2, 1), relu(three // 2, three)),
        nn.Sequential(relu(inputs, five // 2, 1), relu(five // 2, five), relu(five, five)),
        nn.Sequential(nn.MaxPool2d(3, 1, 1), relu(inputs, pooled, 1)),
    )


def inception() -> Trunk:
    """GoogLeNet's modules (Szegedy et al. 2015, arXiv:1409.4842): six of them in three sizes."""
    layers: list[nn.Module] = [conv(1, 64, activation=nn.ReLU), nn.MaxPool2d(2)]
    channels = 64
    for widths in ((64, 96, 32, 32), (96, 128, 48, 48), None, (128, 208, 64, 64), (128, 256, 64, 64), None,
                   (256, 320, 128, 128), (256, 384, 128, 128)):  # fmt: skip
        if widths is None:
            layers.append(nn.MaxPool2d(2))
        else:
            layers.append(inception_module(channels, *widths))
            channels = sum(widths)
    return nn.Sequential(*layers), channels


class Rectified(nn.Module):
    """The sum of ResNet: what a block makes of its input and the input, or a 1x1 convolution of it where it must fit.

    Args:
        block: Turns `inputs` channels into `outputs` with `stride`.
        inputs: Channels that come in.
        outputs: Channels that go out.
        stride: By how much the maps shrink.
    """

    def __init__(self, block: nn.Module, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.block = block
        same = stride == 1 and inputs == outputs
        self.input = nn.Identity() if same else conv(inputs, outputs, 1, stride, activation=nn.Identity)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        return torch.relu(self.input(x) + self.block(x))


def bottleneck(inputs: int, inside: int, stride: int) -> nn.Module:
    """The block of ResNet-50: narrow, filter, widen."""
    block = nn.Sequential(
        conv(inputs, inside, 1, activation=nn.ReLU),
        conv(inside, inside, stride=stride, activation=nn.ReLU),
        conv(inside, 4 * inside, 1, activation=nn.Identity),
    )
    return Rectified(block, inputs, 4 * inside, stride)


def resnet_18() -> Trunk:
    """ResNet-18 (He et al. 2016, arXiv:1512.03385) with a stem of 3x3 that keeps every pixel."""
    layers: list[nn.Module] = [conv(1, 64, activation=nn.ReLU)]
    channels = 64
    for outputs, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            block = nn.Sequential(
                conv(channels, outputs, stride=stride, activation=nn.ReLU),
                conv(outputs, outputs, activation=nn.Identity),
            )
            layers.append(Rectified(block, channels, outputs, stride))
            channels = outputs
    return nn.Sequential(*layers), channels


def resnet_50() -> Trunk:
    """ResNet-50 of the same paper; its 7x7 stem fits ImageNet weights, but keeps every pixel."""
    layers: list[nn.Module] = [conv(1, 64, 7, activation=nn.ReLU)]
    channels = 64
    for inside, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for index in range(blocks):
            layers.append(bottleneck(channels, inside, first if index == 0 else 1))
            channels = 4 * inside
    return nn.Sequential(*layers), channels


class Enlarged(nn.Module):
    """Scales pictures up to what a network with weights from elsewhere expects."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c, size, size)."""
        return F.interpolate(x, (self._size, self._size), mode="bilinear", align_corners=False)


def efficientnet_lite0(size: int = 112) -> Trunk:
    """EfficientNet-Lite0 (Tan & Le 2019, arXiv:1905.11946, without squeeze-and-excitation): takes ImageNet weights."""
    layers: list[nn.Module] = [Enlarged(size), conv(1, 32, stride=2)]
    channels = 32
    for kernel, expansion, outputs, blocks, first in (
        (3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2), (5, 6, 112, 3, 1), (5, 6, 192, 4, 2),
        (3, 6, 320, 1, 1),
    ):  # fmt: skip
        for index in range(blocks):
            layers.append(inverted_residual(channels, outputs, first if index == 0 else 1, expansion, kernel))
            channels = outputs
    return nn.Sequential(*layers, conv(channels, 1280, 1)), 1280


def separable() -> Trunk:
    """Per-channel and 1x1 convolutions, on all 48 px before anything is pooled (Xception, Chollet 2017)."""
    layers: list[nn.Module] = [conv(1, 32)]
    channels = 32
    for outputs, repeats in ((64, 2), (128, 3), (256, 3)):
        for _ in range(repeats):
            layers += [
                nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
                conv(channels, outputs, 1, activation=nn.ReLU),
            ]
            channels = outputs
        layers += [nn.MaxPool2d(2), nn.Dropout2d(0.1)]
    return nn.Sequential(*layers), channels
