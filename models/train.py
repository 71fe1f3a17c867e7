"""Train an emotion network.

Usage: python -m models.train DATA.npz --output runs/first

The run's folder holds `log.csv` (one line per epoch), `last.pt` (everything that --resume needs) and
`best.pt` (the averaged weights that did best on PublicTest). PrivateTest is never looked at here.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import numpy as np
    import torch
    import torch.nn.functional as F  # noqa: N812 - its name in all of PyTorch's own code
    from torch import Tensor, nn
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
    from tqdm import tqdm

    from models.augment import augment
    from models.data import Faces, read_npz
    from models.networks import NETWORKS, TwoHeads, to_input
except ImportError as absent:
    sys.exit(f"models.train: {absent}. Remedy: pip install -r models/requirements-train.txt")

EXAMPLES = """examples:
  python -m models.train fer2013.npz --output runs/first --epochs 60
  python -m models.train fer2013.npz --output runs/first --resume
"""


@dataclass
class Score:
    """Accuracy in 0..1 of the two heads: FER2013 label, and unique FERPlus majority among the seven."""

    fer2013: float
    ferplus: float

    @property
    def mean(self) -> float:
        """The figure that picks the best epoch."""
        return (self.fer2013 + self.ferplus) / 2


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        if args.threads:
            torch.set_num_threads(args.threads)
        Trainer(read_npz(args.data), args).run()
    except (ValueError, OSError) as error:
        print(f"models.train: {error}", file=sys.stderr)
        return 1
    return 0


class Trainer:
    """One training run: network, optimiser, average, log."""

    def __init__(self, faces: Faces, args: argparse.Namespace) -> None:
        torch.manual_seed(args.seed)
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.generator = torch.Generator().manual_seed(args.seed)
        self.train, self.public = faces.only("train"), faces.only("public")
        self.network: TwoHeads = NETWORKS[args.network]().to(self.device, memory_format=torch.channels_last)
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(0.998))
        self.optimizer = torch.optim.AdamW(self._groups(), lr=args.rate, weight_decay=args.decay)
        self.steps = math.ceil(len(self.train) / args.batch)
        total = self.steps * args.epochs
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, args.rate, total_steps=total, pct_start=0.06, cycle_momentum=False
        )
        self.epoch, self.best, self.stale = 0, 0.0, 0

    def _groups(self) -> list[dict[str, Any]]:
        # Batch-norm scales and biases are one-dimensional; decaying them only slows learning.
        weights = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        return [{"params": weights}, {"params": others, "weight_decay": 0.0}]

    def run(self) -> None:
        """Train until the last epoch, or until PublicTest has not improved for `patience` epochs."""
        folder: Path = self.args.output
        folder.mkdir(parents=True, exist_ok=True)
        if self.args.resume and (folder / "last.pt").exists():
            self._load(folder / "last.pt")
        while self.epoch < self.args.epochs and self.stale < self.args.patience:
            loss = self._one_epoch()
            self.epoch += 1
            self._refresh_batch_norm()
            score = evaluate(self.average.module, self.public, self.device)
            self._log(folder / "log.csv", loss, score)
            self.stale += 1
            if score.mean > self.best:
                self.best, self.stale = score.mean, 0
                state = self.average.module.state_dict()
                torch.save({"network": self.args.network, "state": state, "epoch": self.epoch}, folder / "best.pt")
            self._save(folder / "last.pt")
        print(f"best PublicTest mean accuracy {self.best:.4f}; weights in {folder / 'best.pt'}")

    def _one_epoch(self) -> float:
        self.network.train()
        order = torch.randperm(len(self.train), generator=self.generator)
        total = 0.0
        bar = tqdm(range(self.steps), desc=f"epoch {self.epoch + 1}/{self.args.epochs}", mininterval=2)
        for step in bar:
            rows = order[step * self.args.batch : (step + 1) * self.args.batch].numpy()
            loss = self._loss(rows)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimizer.step()
            self.schedule.step()
            self.average.update_parameters(self.network)
            total += loss.item()
            bar.set_postfix(loss=f"{total / (step + 1):.3f}", refresh=False)
        return total / self.steps

    def _loss(self, rows: np.ndarray[Any, Any]) -> Tensor:
        x = to_input(torch.from_numpy(self.train.images[rows]).to(self.device))
        x = augment(x, self.generator).contiguous(memory_format=torch.channels_last)
        label = torch.from_numpy(self.train.label[rows]).to(self.device)
        votes = torch.from_numpy(self.train.votes[rows]).to(self.device)
        ferplus, fer2013 = self.network(x)
        # A row of zero votes (majority outside the seven classes) adds nothing to the second term.
        soft = -(votes * F.log_softmax(ferplus, 1)).sum(1).mean()
        return F.cross_entropy(fer2013, label, label_smoothing=0.1) + soft

    @torch.no_grad()
    def _refresh_batch_norm(self) -> None:
        """Averaged weights need the statistics of their own activations, not averaged old ones."""
        network = self.average.module
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = None  # a plain mean over the batches below
        network.train()
        rows = torch.randperm(len(self.train), generator=self.generator)[:4096].numpy()
        for part in np.array_split(rows, 16):
            x = to_input(torch.from_numpy(self.train.images[part]).to(self.device))
            network(augment(x, self.generator).contiguous(memory_format=torch.channels_last))
        network.eval()

    def _log(self, path: Path, loss: float, score: Score) -> None:
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["epoch", "rate", "train_loss", "public_fer2013", "public_ferplus"])
            rate = self.schedule.get_last_lr()[0]
            writer.writerow([self.epoch, f"{rate:.2e}", f"{loss:.4f}", f"{score.fer2013:.4f}", f"{score.ferplus:.4f}"])

    def _save(self, path: Path) -> None:
        parts = {
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict(),
            "epoch": self.epoch, "best": self.best, "stale": self.stale,
            "generator": self.generator.get_state(),
        }  # fmt: skip
        torch.save(parts, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)  # a kill in the middle leaves the old checkpoint whole

    def _load(self, path: Path) -> None:
        parts = torch.load(path, map_location=self.device, weights_only=True)
        if parts["schedule"]["total_steps"] != self.schedule.total_steps:
            raise ValueError(f"{path} has another number of steps: give the same data, --epochs and --batch as before")
        try:
            for name in ("network", "average", "optimizer", "schedule"):
                getattr(self, name).load_state_dict(parts[name])
        except RuntimeError:
            raise ValueError(f"{path} has another network than {self.args.network}: give the same --network") from None
        self.epoch, self.best, self.stale = parts["epoch"], parts["best"], parts["stale"]
        self.generator.set_state(parts["generator"].cpu())


@torch.no_grad()
def evaluate(network: nn.Module, faces: Faces, device: torch.device) -> Score:
    """Score a float network on labelled faces."""
    network.eval()
    ferplus, fer2013 = [], []
    for part in np.array_split(faces.images, max(1, len(faces) // 256)):
        plus, plain = network(to_input(torch.from_numpy(part).to(device)))
        ferplus.append(plus.argmax(1).cpu().numpy())
        fer2013.append(plain.argmax(1).cpu().numpy())
    known = faces.majority >= 0
    return Score(
        float((np.concatenate(fer2013) == faces.label).mean()),
        float((np.concatenate(ferplus)[known] == faces.majority[known]).mean()),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.train", description="Train an emotion network with two heads (FER2013, FERPlus).",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("data", type=Path, help="FER2013 with FERPlus votes, .npz")
    parser.add_argument("--output", type=Path, required=True, help="folder of this run")
    parser.add_argument(
        "--network", choices=sorted(NETWORKS), default="mobilenet-v2-small", help="default: %(default)s"
    )
    parser.add_argument("--epochs", type=int, default=60, help="default: %(default)s")
    parser.add_argument(
        "--patience", type=int, default=20, help="epochs without a better PublicTest score before stopping"
    )
    parser.add_argument("--batch", type=int, default=128, help="pictures per step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument("--decay", type=float, default=0.05, help="weight decay (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: all)")
    parser.add_argument("--resume", action="store_true", help="go on from last.pt in the run's folder")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
