"""Augmentation that fits a classroom, on whole batches of tensors (no per-picture Python)."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F  # noqa: N812 - its name in all of PyTorch's own code
from torch import Tensor

# Annex K of ITU-T T.81 (JPEG): how coarsely each frequency of brightness is rounded at quality 50.
JPEG_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip
FAR = (16, 20, 24, 28, 33, 39)  # px; how wide the camera may have seen a face that it enlarges to 48


def augment(x: Tensor, generator: torch.Generator, *, degrade: bool = True) -> Tensor:
    """A new random view of every face.

    Nothing here waits for a GPU: what befalls only some faces is worked out for all of them.

    Args:
        x: (n, 1, h, w) float32 in -1..1; h and w whole eights.
        generator: The source of randomness, best on the device of `x`; the same seed gives the same views.
        degrade: Whether some faces are compressed, small or out of focus, as far cameras see them.

    Returns:
        The same shape and range.
    """
    return _seen(_move(_compress(x, generator) if degrade else x, generator), generator, degrade=degrade)


def augment_both(x: Tensor, generator: torch.Generator, *, degrade: bool = True) -> tuple[Tensor, Tensor]:
    """As `augment`, and each view once more as if nothing but the head and the camera had moved."""
    view, clear = _move(torch.cat([_compress(x, generator) if degrade else x, x], 1), generator).split(1, 1)
    return _seen(view, generator, degrade=degrade), clear


def _seen(x: Tensor, generator: torch.Generator, *, degrade: bool) -> Tensor:
    """What a camera far away, the light and a neighbour make of a face."""
    if degrade:
        x = _smear(_blur(_shrink(x, generator), generator), generator)
    return _cover(_light(x, generator), generator).clamp(-1, 1)


def _uniform(x: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(len(x), generator=generator, device=generator.device) * (high - low) + low).to(x.device)


def _chosen(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(len(x), generator=generator, device=generator.device) < share).to(x.device)


def _each(values: Tensor) -> Tensor:
    """One value per face, ready to meet (n, 1, h, w)."""
    return values.view(-1, 1, 1, 1)


def _compress(x: Tensor, generator: torch.Generator) -> Tensor:
    """An eighth of the faces as a JPEG or video coder leaves them, quality 15 to 60."""
    rows, columns = (torch.arange(8.0, device=x.device).view(shape) for shape in ((8, 1), (1, 8)))
    cosines = torch.cos(rows * (2 * columns + 1) * (math.pi / 16)) / 2
    cosines[0] /= math.sqrt(2)
    steps = _jpeg_steps(x.device) / 127.5  # of a range of 255; ours is 2 wide
    quality = _uniform(x, 15, 60, generator)
    steps = steps * torch.where(quality < 50, 50 / quality, 2 - quality / 50).view(-1, 1, 1, 1, 1)
    height, width = x.shape[2:]
    blocks = x.reshape(-1, height // 8, 8, width // 8, 8).transpose(2, 3)
    waves = torch.round(cosines @ blocks @ cosines.T / steps) * steps
    coded = (cosines.T @ waves @ cosines).transpose(2, 3).reshape(x.shape)
    return torch.where(_each(_chosen(x, 1 / 8, generator)), coded, x)


def _move(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror, rotate up to 12 degrees, crop from 12 % tighter to 15 % looser, shift up to 5 %, turn a third.

    All channels of a picture move alike.
    """
    angle = _uniform(x, -math.pi / 15, math.pi / 15, generator)
    scale = _uniform(x, 0.88, 1.15, generator)
    mirror = torch.where(_chosen(x, 0.5, generator), -1.0, 1.0)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    shift_x, shift_y = _uniform(x, -0.1, 0.1, generator), _uniform(x, -0.1, 0.1, generator)
    matrix = torch.stack(
        [torch.stack([cos * mirror, -sin, shift_x], 1), torch.stack([sin * mirror, cos, shift_y], 1)], 1
    )
    grid = _turn(F.affine_grid(matrix, list(x.shape), align_corners=False), generator)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _turn(grid: Tensor, generator: torch.Generator) -> Tensor:
    """A third of the faces as if the head were turned up to 25 degrees aside and bowed or raised up to 20.

    The picture is laid around an upright cylinder and around one that lies, each seen from far away; both are a little
    wider than the picture, so that a point at its rim is not yet at theirs. The middle of the face stays in the middle.

    Args:
        grid: Where each pixel is read, (n, h, w, 2) float32, -1..1 across the picture.
        generator: The source of randomness.

    Returns:
        The same shape; may pass the rim a little.
    """
    turned = _chosen(grid, 1 / 3, generator)
    axes = []
    for axis, radius, degrees in ((0, 1.3, 25), (1, 1.5, 20)):
        limit = math.radians(degrees)
        angle = (_uniform(grid, -limit, limit, generator) * turned).view(-1, 1, 1)
        seen = torch.asin((grid[..., axis] / radius).clamp(-0.99, 0.99)) + angle
        axes.append(radius * (torch.sin(seen.clamp(-math.pi / 2, math.pi / 2)) - torch.sin(angle)))
    return torch.stack(axes, 3)


def _shrink(x: Tensor, generator: torch.Generator) -> Tensor:
    """A quarter of the faces as the camera sees them from far away, scaled up again."""
    lot = _uniform(x, 0, 4 * len(FAR), generator).long().clamp_max(len(FAR))
    # Scaling is linear and the same for rows and columns, so that one matrix a face does what it takes to be
    # averaged down and drawn out again: a fifth of the time of resizing every face to every size.
    down, across = (_far_away(size, x.device)[lot].unsqueeze(1) for size in x.shape[2:])
    return down @ x @ across.transpose(2, 3)


@functools.cache
def _jpeg_steps(device: torch.device) -> Tensor:
    # Kept, as what follows: copying to a GPU waits for it, which a recorded step must not do.
    return torch.tensor(JPEG_STEPS, device=device)


@functools.cache
def _far_away(pixels: int, device: torch.device) -> Tensor:
    """What becomes of one axis of `pixels` at each size in FAR, and last untouched: (sizes + 1, pixels, pixels)."""
    same = torch.eye(pixels).view(1, 1, pixels, pixels)
    seen = [
        F.interpolate(F.interpolate(same, (size, pixels), mode="area"), (pixels, pixels), mode="bilinear")
        for size in FAR
    ]
    return torch.cat([*seen, same]).squeeze(1).to(device)


def _blur(x: Tensor, generator: torch.Generator) -> Tensor:
    """A tenth of the faces out of focus."""
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)
    return torch.where(_each(_chosen(x, 0.1, generator)), blurred, x)


def _smear(x: Tensor, generator: torch.Generator) -> Tensor:
    """A tenth of the faces moved while the shutter was open: five pixels across, down, or along a diagonal."""
    line = torch.eye(5, device=x.device)
    across = torch.zeros(5, 5, device=x.device)
    across[2] = 1
    kernels = torch.stack([across, across.T, line, line.flip(0)]).unsqueeze(1) / 5
    moved = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernels)
    way = _uniform(x, 0, 4, generator).long().clamp_max(3).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
    return torch.where(_each(_chosen(x, 0.1, generator)), moved.gather(1, way), x)


def _light(x: Tensor, generator: torch.Generator) -> Tensor:
    """Exposure, contrast, light from one side, strong on a fifth; a tenth dark, a twelfth with glare; noise on half."""
    level = (x + 1) / 2
    gamma = torch.exp(_each(_uniform(x, -0.3, 0.3, generator)))
    gain = torch.exp(_each(_uniform(x, -0.3, 0.15, generator)))
    dark = torch.where(_chosen(x, 0.1, generator), _uniform(x, 0.2, 0.7, generator), 1.0)
    level = level.clamp_min(1e-4) ** gamma * gain * _each(dark)
    across, down = _ramp(x, 3), _ramp(x, 2)
    window = torch.where(_chosen(x, 0.2, generator), 3.0, 1.0)  # a face beside one has a dark half
    aside, above = (_each(_uniform(x, -0.15, 0.15, generator) * window) for _ in range(2))
    level = level * (1 + aside * across + above * down)
    centre_x, centre_y = _each(_uniform(x, -1, 1, generator)), _each(_uniform(x, -1, 1, generator))
    width = _each(_uniform(x, 0.3, 0.8, generator))
    spot = torch.exp(-((across - centre_x) ** 2 + (down - centre_y) ** 2) / width**2)
    glare = torch.where(_chosen(x, 1 / 12, generator), _uniform(x, 0.2, 0.7, generator), 0.0)
    level = level + _each(glare) * spot
    noise = torch.randn(x.shape, generator=generator, device=generator.device).to(x.device)
    noise = noise * _each(_uniform(x, -0.03, 0.03, generator).clamp_min(0))
    return (level + noise) * 2 - 1


def _ramp(x: Tensor, axis: int) -> Tensor:
    """-1 to 1 along one axis of (n, 1, h, w)."""
    shape = [1, 1, 1, 1]
    shape[axis] = x.shape[axis]
    return torch.linspace(-1, 1, x.shape[axis], device=x.device).view(shape)


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
