"""Augmentation that fits a classroom, on whole batches of tensors (no per-picture Python)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - its name in all of PyTorch's own code
from torch import Tensor


def augment(x: Tensor, generator: torch.Generator) -> Tensor:
    """A new random view of every face.

    Args:
        x: (n, 1, h, w) float32 in -1..1.
        generator: The source of randomness (a CPU generator; the same seed gives the same views).

    Returns:
        The same shape and range.
    """
    x = _move(x, generator)
    x = _shrink(x, generator)
    x = _blur(x, generator)
    x = _light(x, generator)
    return _cover(x, generator).clamp(-1, 1)


def _uniform(x: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(len(x), generator=generator) * (high - low) + low).to(x.device)


def _chosen(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(len(x), generator=generator) < share).to(x.device)


def _move(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror, rotate up to 12 degrees, crop from 12 % tighter to 15 % looser, shift up to 5 %."""
    angle = _uniform(x, -math.pi / 15, math.pi / 15, generator)
    scale = _uniform(x, 0.88, 1.15, generator)
    mirror = torch.where(_chosen(x, 0.5, generator), -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    shift_x, shift_y = _uniform(x, -0.1, 0.1, generator), _uniform(x, -0.1, 0.1, generator)
    matrix = torch.stack(
        [torch.stack([cos * mirror, -sin, shift_x], 1), torch.stack([sin * mirror, cos, shift_y], 1)], 1
    )
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _shrink(x: Tensor, generator: torch.Generator) -> Tensor:
    """A fifth of the faces as the camera sees them from far away: 20 to 40 px, scaled up again."""
    some = _chosen(x, 0.2, generator)
    if not some.any():
        return x
    size = int(torch.randint(20, 41, (1,), generator=generator))
    small = F.interpolate(x[some], size=(size, size), mode="area")
    x = x.clone()
    x[some] = F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)
    return x


def _blur(x: Tensor, generator: torch.Generator) -> Tensor:
    """A tenth of the faces out of focus."""
    some = _chosen(x, 0.1, generator)
    if not some.any():
        return x
    x = x.clone()
    x[some] = F.avg_pool2d(F.pad(x[some], (1, 1, 1, 1), mode="reflect"), 3, 1)
    return x


def _light(x: Tensor, generator: torch.Generator) -> Tensor:
    """Exposure, contrast, light from one side; sensor noise on half of the faces."""
    level = (x + 1) / 2
    gamma = torch.exp(_uniform(x, -0.3, 0.3, generator)).view(-1, 1, 1, 1)
    gain = torch.exp(_uniform(x, -0.3, 0.15, generator)).view(-1, 1, 1, 1)
    level = level.clamp_min(1e-4) ** gamma * gain
    ramp = torch.linspace(-1, 1, x.shape[-1], device=x.device)
    across = _uniform(x, -0.15, 0.15, generator).view(-1, 1, 1, 1) * ramp.view(1, 1, 1, -1)
    down = _uniform(x, -0.15, 0.15, generator).view(-1, 1, 1, 1) * ramp.view(1, 1, -1, 1)
    level = level * (1 + across + down)
    noise = torch.randn(x.shape, generator=generator).to(x.device)
    noise = noise * _uniform(x, -0.03, 0.03, generator).clamp_min(0).view(-1, 1, 1, 1)
    return (level + noise) * 2 - 1


def _cover(x: Tensor, generator: torch.Generator) -> Tensor:
    """An eighth of the faces partly hidden by a grey patch (a hand, a neighbour's head)."""
    height, width = x.shape[2:]
    rows = torch.arange(height, device=x.device).view(1, -1, 1)
    columns = torch.arange(width, device=x.device).view(1, 1, -1)
    centre_y, centre_x = _uniform(x, 0, height, generator), _uniform(x, 0, width, generator)
    half_y = _uniform(x, 0.08, 0.22, generator) * height
    half_x = _uniform(x, 0.08, 0.22, generator) * width
    inside = ((rows - centre_y.view(-1, 1, 1)).abs() < half_y.view(-1, 1, 1)) & (
        (columns - centre_x.view(-1, 1, 1)).abs() < half_x.view(-1, 1, 1)
    )
    inside &= _chosen(x, 1 / 8, generator).view(-1, 1, 1)
    shade = _uniform(x, -1, 1, generator).view(-1, 1, 1, 1)
    return torch.where(inside.unsqueeze(1), shade, x)
