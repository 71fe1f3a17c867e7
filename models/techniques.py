"""What gets more out of noisy and uneven labels than they say themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name in all of PyTorch's own code
from torch import Tensor

from models.labels import LABELS
from models.options import ADJUSTMENT, MIXUP, RADIUS, SHARE, TEMPERATURE

Heads = tuple[Tensor, Tensor]  # `ferplus` and `fer2013`, (n, 7) each


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of models.train that this file serves, all off unless given."""
    add = parser.add_argument
    add("--weights", type=Path, help="start the trunk from ImageNet: torchvision's resnet50 or mobilenet_v2, a .pth")
    add("--teacher", type=Path, action="append", default=[], help="best.pt to learn from too; repeat for several")
    add("--views", type=Path, help="folder of models.views: learn from its views and teachers instead; CPU only")
    add("--teacher-weight", type=SHARE, default=0.7, help="the teachers' part of the loss (default: %(default)s)")
    add(
        "--clear-teachers",
        action="store_true",
        help="show them (with --teacher) each view in good light, whole and sharp, whatever the student sees",
    )
    add(
        "--taught",
        choices=("both", "fer2013"),
        default="both",
        help="whom teachers teach; with fer2013 the other head has its labels alone (default: both)",
    )
    add("--temperature", type=TEMPERATURE, default=2.0, help="softens the teachers (default: %(default)s)")
    add("--mixup", type=MIXUP, default=0.0, help="mix pictures, by shares from Beta(A, A); 0.2 is usual")
    add(
        "--logit-adjustment",
        type=ADJUSTMENT,
        default=0.0,
        metavar="T",
        help="weigh rare classes more: 1 aims at balanced accuracy, 0 at accuracy (default: %(default)g)",
    )
    add("--sam", type=RADIUS, default=0.0, help="sharpness-aware steps of this radius, at twice the time; try 0.05")


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy of logits (n, k) against shares (n, k); a row of zeros adds nothing. Returns a scalar."""
    return -(target * F.log_softmax(logits, 1)).sum(1).mean()


def smoothed(label: Tensor, smoothing: float = 0.1) -> Tensor:
    """Classes (n,) int64 as shares (n, 7) float32, `smoothing` of each spread over all (Szegedy et al. 2016)."""
    return F.one_hot(label, len(LABELS)) * (1 - smoothing) + smoothing / len(LABELS)


def log_priors(targets: Tensor) -> Tensor:
    """Logarithms of how often each class is meant in targets (n, 7) of shares: (7,) float32.

    Added to a loss's logits, T times, they leave the network to say what is not in the prior, so that rare classes are
    named more often (Menon et al. 2021, arXiv:2007.07314). A class that nobody means is as rare as one in a million.
    """
    shares = targets.sum(0) / targets.sum().clamp(min=1)
    return shares.clamp(min=1e-6).log()


def mixup_shares(count: int, alpha: float, generator: torch.Generator) -> Tensor:
    """How much of itself each of `count` pictures keeps: (count,) float32 in 0.5..1, from Beta(alpha, alpha).

    The larger share of each draw, so that a row stays mostly what it was (Zhang et al. 2018, arXiv:1710.09412).
    `generator` is a CPU one; the same seed gives the same shares.
    """
    seed = int(torch.randint(2**31, (1,), generator=generator))
    drawn = np.random.default_rng(seed).beta(alpha, alpha, count).astype(np.float32)
    return torch.from_numpy(np.maximum(drawn, 1 - drawn))


def blend(values: Tensor, shares: Tensor) -> Tensor:
    """Mix each row of (n, ...) with the row before it (the first with the last), keeping `shares` (n,) of itself."""
    kept = shares.view(-1, *[1] * (values.ndim - 1))
    return kept * values + (1 - kept) * values.roll(1, 0)


def mix_teachers(outputs: Sequence[Heads], temperature: float) -> Heads:
    """What several teachers say together: the mean of their probabilities at `temperature`, (n, 7) float32 per head.

    Raises:
        ValueError: There is no teacher.
    """
    if not outputs:
        raise ValueError("no teacher to learn from")
    ferplus, fer2013 = (
        torch.stack([F.softmax(logits.float() / temperature, 1) for logits in head]).mean(0)
        for head in zip(*outputs, strict=True)
    )
    return ferplus, fer2013


def distillation_losses(logits: Heads, taught: Heads, temperature: float) -> Heads:
    """Cross entropy of a student's two heads against its teachers' probabilities (Hinton et al. 2015). Two scalars.

    The square of the temperature keeps its gradients as large as those of the labels.
    """
    ferplus, fer2013 = (
        soft_cross_entropy(mine / temperature, theirs) * temperature**2
        for mine, theirs in zip(logits, taught, strict=True)
    )
    return ferplus, fer2013


@torch.no_grad()
def climb(parameters: Iterable[Tensor], radius: float) -> list[tuple[Tensor, Tensor]]:
    """Move weights uphill along their gradients, `radius` far in all (SAM, Foret et al. 2021, arXiv:2010.01412).

    The gradient taken there leads to flat minima. Returns what `descend` needs.
    """
    moving = [parameter for parameter in parameters if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p.grad) for p in moving]))
    scale = radius / (norm + 1e-12)
    before = [(parameter, parameter.detach().clone()) for parameter in moving]
    for parameter in moving:
        parameter.add_(parameter.grad * scale)
    return before


@torch.no_grad()
def descend(before: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Put the weights back where `climb` found them, to the bit; their gradients stay."""
    for parameter, value in before:
        parameter.copy_(value)
