"""Train an emotion network.

Usage: python -m models.train DATA.npz --output runs/first

The run's folder holds `log.csv` (one line per epoch), `last.pt` (everything that --resume needs) and
`best.pt` (the averaged weights that did best on PublicTest); `summary.json` says that it came to its end.
PrivateTest is never looked at here.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.options import BATCH, EPOCHS, RATE, SEED, SHARE, THREADS, WEIGHT

try:
    import torch
    from torch import Tensor, nn
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
    from tqdm import tqdm

    from models import techniques
    from models.augment import augment, augment_both
    from models.cuda_graph import Recorded, generator_of
    from models.data import KINDS, Faces, read_faces
    from models.export import load
    from models.networks import (
        NETWORKS,
        TwoHeads,
        refresh_batch_norm,
        start_from,
        start_from_imagenet,
        to_input,
    )
    from models.techniques import Heads
    from models.validation import Score, validate
    from models.views import Views, read_views
except ImportError as absent:
    sys.exit(f"models.train: {absent}. Remedy: pip install -r models/requirements-train.txt")

EXAMPLES = """examples:
  python -m models.train fer2013.npz --output runs/first --epochs 60
  python -m models.train fer2013.npz --output runs/first --resume
  python -m models.train fer2013.csv --votes fer2013new.csv --output runs/first
  python -m models.train pictures/ --output runs/first
  python -m models.train fer2013.npz --output runs/second --teacher runs/first/best.pt --mixup 0.2 --sam 0.05
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = options().parse_args(argv)
    try:
        if args.threads:
            torch.set_num_threads(args.threads)
        Trainer(read_faces(args.data, votes=args.votes), args).run()
    except (ValueError, OSError, ImportError) as error:
        print(f"models.train: {error}", file=sys.stderr)
        return 1
    return 0


class Trainer:
    """One training run: network, optimiser, average, log.

    Args:
        faces: What to learn from, and the PublicTest rows that pick the best epoch.
        args: As `options` parses them.
        views: Views that were drawn beforehand, on the device of the training, in the place of those in `args.views`.

    Raises:
        ValueError: A split is empty, or the options do not fit.
        OSError: A file of weights or views cannot be read.
    """

    def __init__(self, faces: Faces, args: argparse.Namespace, views: Views | None = None) -> None:
        torch.manual_seed(args.seed)
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        on_gpu = self.device.type == "cuda"
        # The order of the pictures comes from the first; their views from the second, which a GPU asks of itself.
        self.generator = torch.Generator().manual_seed(args.seed)
        self.views = generator_of(self.device) or self.generator
        train, self.public = faces.only("train"), faces.only("public")
        if not len(train) or not len(self.public):
            raise ValueError(f"{args.data}: training needs pictures in its train and in its public (validation) split")
        # All of it, once: 70 MB of uint8 on the device, and no loader can be too slow.
        self.images = torch.from_numpy(train.images).to(self.device)
        self.label = techniques.smoothed(torch.from_numpy(train.label).to(self.device))
        self.votes = torch.from_numpy(train.votes).to(self.device)
        self.adjustments = [args.logit_adjustment * techniques.log_priors(each) for each in (self.votes, self.label)]
        self.network: TwoHeads = NETWORKS[args.network]()
        self.network.detached = args.labels == "ferplus"
        if args.start:
            start_from(self.network, args.start)
        if args.labels == "fer2013":
            self.network.only_fer2013()
        if args.weights:
            print(f"{args.weights}: {start_from_imagenet(self.network, args.weights)}")
        self.network.to(self.device, memory_format=torch.channels_last)
        # The same weights: what is compiled here is how a step's layers follow one another, not another network.
        self.forward = torch.compile(self.network) if args.compile else self.network
        self.teachers = [load(path)[0].to(self.device, memory_format=torch.channels_last) for path in args.teacher]
        self.teacher_weights = (0.0 if args.taught == "fer2013" else args.teacher_weight, args.teacher_weight)
        self.drawn = views
        if args.views:
            self.drawn = read_views(args.views, len(self.images), args.temperature)
        self.steps = math.ceil(len(self.images) / args.batch)
        total = self.steps * args.epochs
        # Half a thousand steps, but never more than a tenth of a short run: else it keeps the untrained weights.
        memory = min(0.998, max(0.0, 1 - 10 / total)) if total else 0.0
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(memory))
        # On a GPU the rate is a tensor, because a recorded step reads it anew each time.
        rate = torch.tensor(args.rate, device=self.device) if on_gpu else args.rate
        self.optimizer = torch.optim.AdamW(
            self._groups(), lr=rate, weight_decay=args.decay, fused=on_gpu, capturable=on_gpu
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, args.rate, total_steps=total, pct_start=0.06, cycle_momentum=False
        )
        self.epoch, self.best, self.stale = 0, 0.0, 0
        # One recording with the degradations and one without.
        self.recorded = {degrade: Recorded(self._learn) for degrade in (False, True)} if on_gpu else {}

    def _groups(self) -> list[dict[str, Any]]:
        # Batch-norm scales and biases are one-dimensional; decaying them only slows learning.
        learning = [p for p in self.network.parameters() if p.requires_grad]
        weights = [p for p in learning if p.ndim > 1]
        others = [p for p in learning if p.ndim <= 1]
        return [{"params": weights}, {"params": others, "weight_decay": 0.0}]

    def run(self, deadline: float = math.inf) -> None:
        """Train until the last epoch, until PublicTest has not improved for `patience` epochs, or until `deadline`.

        Args:
            deadline: On time.monotonic(); at the first step after it, the weights so far are scored and saved.
        """
        folder: Path = self.args.output
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "summary.json").unlink(missing_ok=True)
        if self.args.resume and (folder / "last.pt").exists():
            self._load(folder / "last.pt")
        while self.epoch < self.args.epochs and self.stale < self.args.patience and time.monotonic() < deadline:
            loss = self._one_epoch(deadline)
            self.epoch += 1
            if self.epoch % self.args.score_every and self.epoch < self.args.epochs and time.monotonic() < deadline:
                continue
            score = self.score()
            self._log(folder / "log.csv", loss, score)
            self.stale += self.args.score_every
            if score.mean > self.best or not (folder / "best.pt").exists():
                self.best, self.stale = score.mean, 0
                state = self.average.module.state_dict()
                torch.save({"network": self.args.network, "state": state, "epoch": self.epoch}, folder / "best.pt")
            self._save(folder / "last.pt")
        if self.epoch < self.args.epochs and self.stale < self.args.patience:
            print(f"out of time after {self.epoch} of {self.args.epochs} epochs; --resume goes on")
            return
        summary = {"network": self.args.network, "epochs": self.epoch, "planned": self.args.epochs, "best": self.best}
        (folder / "summary.json").write_text(json.dumps(summary) + "\n", encoding="utf-8")
        print(f"best PublicTest mean accuracy {self.best:.4f}; weights in {folder / 'best.pt'}")

    def _one_epoch(self, deadline: float) -> float:
        self.network.train()
        order = torch.randperm(len(self.images), generator=self.generator).to(self.device)
        if self.recorded:  # a recorded step takes whole batches only
            order = torch.cat([order, order[: -len(order) % self.args.batch]])
        total, done = torch.zeros((), device=self.device), 0
        bar = tqdm(range(self.steps), desc=f"epoch {self.epoch + 1}/{self.args.epochs}", mininterval=2)
        for step in bar:
            total += self.step(order[step * self.args.batch : (step + 1) * self.args.batch])
            done += 1
            if done % 20 == 0:  # reading a number makes the GPU wait
                bar.set_postfix(loss=f"{total.item() / done:.3f}", refresh=False)
            if time.monotonic() > deadline:
                break
        return total.item() / done

    def step(self, rows: Tensor) -> Tensor:
        """Learn from the training pictures in `rows` (n,) int64; returns the loss, a scalar on the device."""
        shares = torch.ones(len(rows))
        if self.args.mixup:
            shares = techniques.mixup_shares(len(rows), self.args.mixup, self.generator)
        learn: Callable[[Tensor, Tensor], Tensor] = self._learn
        if self.recorded and len(rows) == self.args.batch:
            learn = self.recorded[self._degrades()]
        loss = learn(rows, shares.to(self.device, non_blocking=True))
        self.schedule.step()
        self.average.update_parameters(self.network)
        return loss

    def _learn(self, rows: Tensor, shares: Tensor) -> Tensor:
        """One step of the optimiser; `shares` (n,) is how much of itself each picture keeps."""
        x, targets, taught = self._batch(rows, shares)
        loss = self._backward(x, targets, taught)
        if self.args.sam:
            before = techniques.climb(self.network.parameters(), self.args.sam)
            self._backward(x, targets, taught)
            techniques.descend(before)
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        return loss

    def _batch(self, rows: Tensor, shares: Tensor) -> tuple[Tensor, Heads, Heads | None]:
        """A view of each picture, its targets, and what the teachers say about it (if there are any)."""
        taught = None
        if self.drawn is not None:
            x, taught = self.drawn.pick(rows, self.views)
            shown = x
        elif self.args.clear_teachers:
            x, shown = augment_both(to_input(self.images[rows]), self.views, degrade=self._degrades())
        else:
            x = shown = self._view(rows)
        targets = (self.votes[rows], self.label[rows])
        if self.args.mixup:
            x, shown = techniques.blend(x, shares), techniques.blend(shown, shares)
            targets = (techniques.blend(targets[0], shares), techniques.blend(targets[1], shares))
            if taught is not None:
                taught = (techniques.blend(taught[0], shares), techniques.blend(taught[1], shares))
        x = x.contiguous(memory_format=torch.channels_last)
        if taught is not None or not self.teachers:
            return x, targets, taught
        shown = shown.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), self._precision():
            answers = [teacher(shown) for teacher in self.teachers]
            return x, targets, techniques.mix_teachers(answers, self.args.temperature)

    def _view(self, rows: Tensor) -> Tensor:
        return augment(to_input(self.images[rows]), self.views, degrade=self._degrades()).contiguous(
            memory_format=torch.channels_last
        )

    def _degrades(self) -> bool:
        return bool(self.epoch >= self.args.clean * self.args.epochs)

    def _precision(self) -> torch.autocast:
        enabled = self.device.type == "cuda" if self.args.bfloat16 is None else self.args.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def _backward(self, x: Tensor, targets: Heads, taught: Heads | None) -> Tensor:
        with self._precision():
            outputs = self.forward(x)
        ferplus, fer2013 = (logits.float() for logits in outputs)
        # A row of zero votes (majority outside the seven classes) adds nothing to the first term.
        losses = [
            techniques.soft_cross_entropy(logits + adjustment, target)
            for logits, adjustment, target in zip((ferplus, fer2013), self.adjustments, targets, strict=True)
        ]
        if taught is not None:
            told = techniques.distillation_losses((ferplus, fer2013), taught, self.args.temperature)
            for head, weight in enumerate(self.teacher_weights):
                losses[head] = (1 - weight) * losses[head] + weight * told[head]
        loss = losses[0] + self.args.fer2013_weight * losses[1]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return loss.detach()

    def score(self) -> Score:
        """What the averaged weights reach on PublicTest, after their batch-norm statistics were taken anew."""
        rows = torch.randperm(len(self.images), generator=self.generator)[:4096].to(self.device)
        with self._precision():
            refresh_batch_norm(self.average.module, map(self._view, rows.split(1024 if self.recorded else 256)))
            return validate(self.average.module, self.public, self.device)

    def _log(self, path: Path, loss: float, score: Score) -> None:
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if fresh:
                writer.writerow(["epoch", "rate", "train_loss", "public_fer2013", "public_ferplus"])
            rate = float(self.schedule.get_last_lr()[0])
            writer.writerow([self.epoch, f"{rate:.2e}", f"{loss:.4f}", f"{score.fer2013:.4f}", f"{score.ferplus:.4f}"])

    def _save(self, path: Path) -> None:
        parts = {
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict(),
            "epoch": self.epoch, "best": self.best, "stale": self.stale,
            "generator": self.generator.get_state(), "views": self.views.get_state(),
            "dropout": torch.get_rng_state(),
        }  # fmt: skip
        torch.save(parts, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)  # a kill in the middle leaves the old checkpoint whole

    def _load(self, path: Path) -> None:
        parts = torch.load(path, map_location=self.device, weights_only=True)
        if parts["schedule"]["total_steps"] != self.schedule.total_steps:
            raise ValueError(f"{path} has another number of steps: give the same data, --epochs and --batch as before")
        on_gpu = self.device.type == "cuda"
        for group in parts["optimizer"]["param_groups"]:  # which may come from a run on the other kind of device
            rate = float(group["lr"])
            group["lr"] = torch.tensor(rate, device=self.device) if on_gpu else rate
            group["fused"] = group["capturable"] = on_gpu
        try:
            for name in ("network", "average", "optimizer", "schedule"):
                getattr(self, name).load_state_dict(parts[name])
        except RuntimeError:
            raise ValueError(f"{path} has another network than {self.args.network}: give the same --network") from None
        self.epoch, self.best, self.stale = parts["epoch"], parts["best"], parts["stale"]
        self.generator.set_state(parts["generator"].cpu())
        if self.views is not self.generator and "views" in parts:
            self.views.set_state(parts["views"].cpu())
        if "dropout" in parts:  # older checkpoints lack it
            torch.set_rng_state(parts["dropout"].cpu())


def options() -> argparse.ArgumentParser:
    """The command's options, for those who start a Trainer themselves."""
    parser = argparse.ArgumentParser(
        prog="python -m models.train", description="Train an emotion network with two heads (FER2013, FERPlus).",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("data", type=Path, help=KINDS)
    parser.add_argument("--votes", type=Path, help="FERPlus votes of a fer2013.csv (default: fer2013new.csv beside it)")
    parser.add_argument("--output", type=Path, required=True, help="folder of this run")
    parser.add_argument(
        "--network", choices=sorted(NETWORKS), default="mobilenet-v2-small", help="default: %(default)s"
    )
    parser.add_argument("--epochs", type=EPOCHS, default=60, help="default: %(default)s")
    parser.add_argument(
        "--patience", type=EPOCHS, default=20, help="epochs without a better PublicTest score before stopping"
    )
    parser.add_argument(
        "--score-every", type=EPOCHS, default=1, help="epochs between two scores on PublicTest (default: %(default)s)"
    )
    parser.add_argument("--batch", type=BATCH, default=128, help="pictures per step (default: %(default)s)")
    parser.add_argument("--rate", type=RATE, default=3e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument("--decay", type=RATE, default=0.05, help="weight decay (default: %(default)s)")
    parser.add_argument("--start", type=Path, help="a best.pt of the same trunk whose weights are the first ones")
    parser.add_argument(
        "--labels",
        choices=("both", "ferplus", "fer2013"),
        default="both",
        help="what the trunk learns from; with ferplus the fer2013 head only reads it, with fer2013 nothing learns but "
        "that head and its own layers (default: both)",
    )
    parser.add_argument(
        "--clean",
        type=SHARE,
        default=0.0,
        help="part of the epochs, 0 to 1, before faces are also made small, blurred and compressed (default: 0)",
    )
    parser.add_argument(
        "--fer2013-weight",
        type=WEIGHT,
        default=1.0,
        help="what fer2013's loss counts beside ferplus's: below 1 the trunk follows it less (default: 1)",
    )
    techniques.add_options(parser)
    parser.add_argument(
        "--bfloat16",
        action=argparse.BooleanOptionalAction,
        help="multiply in bfloat16 (default: on a GPU); worth it on CPUs with AVX512-BF16 and dense networks",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="let torch.compile join layers: a fifth faster on a CPU; takes half a minute and a C++ compiler",
    )
    parser.add_argument("--seed", type=SEED, default=1, help="default: %(default)s")
    parser.add_argument("--threads", type=THREADS, default=0, help="CPU threads (default: all)")
    parser.add_argument("--resume", action="store_true", help="go on from last.pt in the run's folder")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
