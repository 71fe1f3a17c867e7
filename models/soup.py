"""Average the weights of training runs that began from the same weights: a model soup.

Runs that part from one start and learn with other seeds, rates or losses end in one valley, and the middle of it is
often better than its rims: the mean of their weights is one network, as quick as each of them (Wortsman et al. 2022,
arXiv:2203.05482). Runs of unlike starts cannot be averaged; the figures that are printed show it.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.options import SEED, THREADS

try:
    import torch
    from torch import Tensor

    from models.augment import augment
    from models.data import KINDS, read_faces
    from models.export import load
    from models.networks import TwoHeads, refresh_batch_norm, to_input
    from models.validation import validate
except ImportError as absent:
    sys.exit(f"models.soup: {absent}. Remedy: pip install -r models/requirements-train.txt")

PICTURES = 6144  # whose activations the batch-norm layers are measured on
BATCH = 256
EXAMPLES = """example:
  python -m models.soup runs/second/best.pt runs/third/best.pt --data fer2013.npz --output runs/soup/best.pt
  python -m models.export runs/soup/best.pt --output build/emotions.onnx
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        if args.threads:
            torch.set_num_threads(args.threads)
        run(args)
    except (ValueError, OSError) as error:
        print(f"models.soup: {error}", file=sys.stderr)
        return 1
    return 0


def run(args: argparse.Namespace) -> None:
    """Write the mean, and print what it and each run reach on PublicTest. Raises ValueError, OSError."""
    faces = read_faces(args.data, votes=args.votes)
    train, public = faces.only("train"), faces.only("public")
    if not len(train) or not len(public):
        raise ValueError(f"{args.data}: a soup needs pictures in its train and in its public (validation) split")
    loaded = [load(path) for path in args.weights]
    names = sorted({facts["network"] for _, facts in loaded})
    if len(names) > 1:
        raise ValueError(f"these are different networks: {', '.join(names)}. Remedy: give runs of one")
    networks = [network for network, _ in loaded]
    mixed = mean(networks)
    refresh_batch_norm(mixed, views(torch.from_numpy(train.images), args.seed))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    epoch = "mean of " + ", ".join(f"{facts['weights_sha256'][:12]} ({facts['epoch']})" for _, facts in loaded)
    torch.save({"network": names[0], "state": mixed.state_dict(), "epoch": epoch}, args.output)
    print(f"{'PublicTest':40} {'fer2013':>8} {'ferplus':>8}")
    for path, network in zip([*args.weights, args.output], [*networks, mixed], strict=True):
        score = validate(network, public, torch.device("cpu"))
        print(f"{path!s:40} {score.fer2013:8.2%} {score.ferplus:8.2%}")


@torch.no_grad()
def mean(networks: Sequence[TwoHeads]) -> TwoHeads:
    """A network with the mean of the weights of all. They have to be of the same kind.

    Its batch-norm statistics are of no use: see `refresh_batch_norm`.
    """
    states = [network.state_dict() for network in networks]
    mixed: dict[str, Tensor] = {}
    for name, value in states[0].items():
        whole = not value.is_floating_point()  # a counter of batches
        mixed[name] = value if whole else torch.stack([state[name] for state in states]).mean(0)
    network = copy.deepcopy(networks[0])
    network.load_state_dict(mixed)
    return network


def views(images: Tensor, seed: int) -> Iterator[Tensor]:
    """Some of the pictures (n, 48, 48) uint8 as training shows them, in batches (b, 1, 48, 48) float32."""
    generator = torch.Generator().manual_seed(seed)
    for rows in torch.randperm(len(images), generator=generator)[:PICTURES].split(BATCH):
        yield augment(to_input(images[rows]), generator)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.soup", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("weights", type=Path, nargs="+", help="best.pt of runs that began from the same weights; twice counts twice")
    add("--data", type=Path, required=True, help=f"for the batch-norm statistics and the figures: {KINDS}")
    add("--votes", type=Path, help="FERPlus votes of a fer2013.csv (default: fer2013new.csv beside it)")
    add("--output", type=Path, required=True, help="the .pt file to write, for models.export and --start")
    add("--seed", type=SEED, default=1, help="picks those pictures and their views (default: %(default)s)")
    add("--threads", type=THREADS, default=0, help="CPU threads (default: all)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
