"""Draw some views of every training picture once, and ask the teachers about each once.

A teacher costs as much at every step as the student it teaches. But a student that trains for a hundred epochs sees few
views of a picture too often to remember them: eight of each, drawn beforehand, make every epoch as quick as one without
teachers or augmentation. Teaching stays consistent (Beyer et al. 2022, arXiv:2106.05237): both see the same view.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.cli.numbers import whole_number
from models.options import SEED, THREADS

try:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
    from tqdm import tqdm

    from models import techniques
    from models.augment import augment
    from models.data import KINDS, read_faces
    from models.export import load
    from models.networks import to_input
    from models.techniques import Heads
except ImportError as absent:
    sys.exit(f"models.views: {absent}. Remedy: pip install -r models/requirements-train.txt")

CHUNK = 256
EXAMPLES = """examples:
  python -m models.views fer2013.npz --output runs/views --teacher runs/first/best.pt --teacher runs/teacher/best.pt
  python -m models.train fer2013.npz --output runs/student --views runs/views --epochs 100
"""


class Views:
    """Views of every training picture, and what all teachers say about them.

    Args:
        images: (n, count, 48, 48) uint8, on any device.
        told: The logits of each teacher, (n, count, 2, 7) float: `ferplus`, then `fer2013`; on the same device.
        temperature: Softens the teachers.

    Raises:
        ValueError: There is no teacher.
    """

    def __init__(self, images: Tensor, told: Sequence[Tensor], temperature: float) -> None:
        self._images = images
        flat = [(logits[..., 0, :].flatten(0, 1), logits[..., 1, :].flatten(0, 1)) for logits in told]
        ferplus, fer2013 = techniques.mix_teachers(flat, temperature)
        self._taught = ferplus.unflatten(0, images.shape[:2]), fer2013.unflatten(0, images.shape[:2])

    def pick(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Heads]:
        """One view of each picture in `rows` (n,), mirrored or not: (n, 1, 48, 48), and the teachers' shares (n, 7).

        `rows` and `generator` have to be on the device of the views.
        """
        device = generator.device
        which = torch.randint(self._images.shape[1], (len(rows),), generator=generator, device=device)
        x = to_input(self._images[rows, which])
        mirrored = torch.rand(len(rows), generator=generator, device=device) < 0.5
        x = torch.where(mirrored.view(-1, 1, 1, 1), x.flip(3), x)
        ferplus, fer2013 = (head[rows, which] for head in self._taught)
        return x, (ferplus, fer2013)


def read_views(folder: Path, pictures: int, temperature: float) -> Views:
    """The views in a folder as models.views wrote it, of so many training `pictures`; they stay on the disk.

    Raises:
        ValueError: It is of other pictures, or no teacher has been asked.
        OSError: It cannot be read.
    """
    images = np.load(folder / "views.npy", mmap_mode="c")
    told = sorted(folder.glob("told-*.npy"))
    if len(images) != pictures or not told:
        raise ValueError(f"{folder} has views of {len(images)} pictures and {len(told)} teachers' answers")
    return Views(torch.from_numpy(images), [torch.from_numpy(np.load(path)).float() for path in told], temperature)


def draw_views(images: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """So many random views of each picture (n, 48, 48) uint8: (n, count, 48, 48) uint8 on its device."""
    grey = augment(to_input(images.repeat_interleave(count, 0)), generator)
    return ((grey + 1) * 127.5).round().to(torch.uint8).view(-1, count, *images.shape[1:])


@torch.no_grad()
def ask_teacher(network: nn.Module, views: Tensor, *, bfloat16: bool) -> Tensor:
    """What a teacher says about views (n, count, 48, 48) uint8: logits (n, count, 2, 7) float32 on their device.

    They are the mean of what it says about a view and about its mirror image: `Views.pick` hands out either.
    """
    x = to_input(views.flatten(0, 1)).contiguous(memory_format=torch.channels_last)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bfloat16):
        asked = [network(x), network(x.flip(3))]
    pairs = torch.stack([torch.stack([logits.float() for logits in heads], 1) for heads in asked])
    return pairs.mean(0).view(*views.shape[:2], 2, 7)


def draw(images: NDArray[np.uint8], count: int, path: Path, seed: int) -> None:
    """Write `count` random views of each picture (n, 48, 48) as (n, count, 48, 48) uint8."""
    generator = torch.Generator().manual_seed(seed)
    unfinished = path.with_suffix(".part")
    views = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        unfinished, "w+", np.uint8, (len(images), count, *images.shape[1:])
    )
    for start in tqdm(range(0, len(images), CHUNK), desc="draw"):
        part = torch.from_numpy(images[start : start + CHUNK])
        views[start : start + CHUNK] = draw_views(part, count, generator).numpy()
    views.flush()
    unfinished.replace(path)


def ask(teacher: Path, views: NDArray[np.uint8], path: Path, *, bfloat16: bool) -> None:
    """Write what a teacher says about views, see `ask_teacher`, as (n, count, 2, 7) float16."""
    network = load(teacher)[0].to(memory_format=torch.channels_last)
    told = np.empty((*views.shape[:2], 2, 7), np.float16)
    step = max(1, CHUNK // views.shape[1])  # larger batches leave the processor's caches, and take five times as long
    for start in tqdm(range(0, len(views), step), desc=f"ask {teacher.parent.name}"):
        part = torch.from_numpy(views[start : start + step])
        told[start : start + step] = ask_teacher(network, part, bfloat16=bfloat16).numpy()
    np.save(path.with_suffix(".part.npy"), told)
    path.with_suffix(".part.npy").replace(path)


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        if args.threads:
            torch.set_num_threads(args.threads)
        args.output.mkdir(parents=True, exist_ok=True)
        path = args.output / "views.npy"
        if not path.exists():
            draw(read_faces(args.data, votes=args.votes).only("train").images, args.count, path, args.seed)
        views = np.load(path, mmap_mode="r")
        for teacher in args.teacher:
            told = args.output / f"told-{hashlib.sha256(teacher.read_bytes()).hexdigest()[:12]}.npy"
            if not told.exists():
                ask(teacher, views, told, bfloat16=args.bfloat16)
    except (ValueError, OSError, ImportError) as error:
        print(f"models.views: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.views", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("data", type=Path, help=KINDS)
    add("--votes", type=Path, help="FERPlus votes of a fer2013.csv (default: fer2013new.csv beside it)")
    add("--output", type=Path, required=True, help="folder of the views and of each teacher's answers")
    add("--teacher", type=Path, action="append", default=[], help="a best.pt; repeat for several, add more later")
    add("--count", type=whole_number(1, 1000), default=8, help="views of each picture (default: %(default)s)")
    add("--bfloat16", action="store_true", help="let the teachers multiply in bfloat16")
    add("--seed", type=SEED, default=1, help="default: %(default)s")
    add("--threads", type=THREADS, default=0, help="CPU threads (default: all)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
