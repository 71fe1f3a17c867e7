"""Train large teachers, then a small student that learns from them and the labels, within a number of minutes.

Every network's epochs are planned from its measured speed. Started again with the same --output, it goes on where it
was stopped: finished networks are loaded, one stopped midway keeps its planned epochs. The student's folder holds
best.pt from its first epoch on, so that however this ends there is something to give to models.export.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

try:
    import torch

    from models.data import Faces, read_faces
    from models.networks import NETWORKS
    from models.train import Trainer, options
except ImportError as absent:
    sys.exit(f"models.distill: {absent}. Remedy: pip install -r models/requirements-train.txt")

EXAMPLES = """examples:
  python -m models.distill fer2013.npz --teachers resnet-50,vgg,inception --student mobilenet-v2-medium \\
      --output runs/distil --minutes 25
  python -m models.export runs/distil/student-mobilenet-v2-medium/best.pt --output build/emotions.onnx
"""
# Saving, and a machine that is slower later: a run that is cut off never sees the low rates at the end of its schedule.
RESERVE = 1.2
STEPS = 24  # measured at most


@dataclass(frozen=True)
class Plan:
    """How many epochs fit into the time that one network is given."""

    epochs: int
    seconds_per_epoch: float


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = parser().parse_args(argv)
    if unknown := [name for name in [*args.teachers, args.student] if name not in NETWORKS]:
        print(f"models.distill: no network {unknown[0]}; there are {', '.join(NETWORKS)}", file=sys.stderr)
        return 2
    try:
        run(args)
    except (ValueError, OSError) as error:
        print(f"models.distill: {error}", file=sys.stderr)
        return 1
    return 0


def run(args: argparse.Namespace) -> Path:
    """Train all of them; returns the student's best.pt. Raises ValueError, OSError."""
    start = time.monotonic()
    if args.threads:
        torch.set_num_threads(args.threads)
    faces = read_faces(args.data)
    end = start + 60 * args.minutes
    teachers: list[Path] = list(args.teacher)
    for number, name in enumerate(args.teachers, 1):
        now = time.monotonic()
        left = start + 60 * args.minutes * args.teachers_share - now
        seconds = left / (len(args.teachers) - number + 1)
        options_ = ["--rate", str(args.teacher_rate), "--seed", str(number)]
        best = train(args, faces, f"teacher-{number}-{name}", [*options_, "--network", name], seconds)
        if best is None:
            print(f"{name}: its share of the time is not enough for one epoch; going on without it")
        else:
            teachers.append(best)
    learning = [part for path in teachers for part in ("--teacher", str(path))]
    learning += ["--network", args.student, "--rate", str(args.rate), "--sam", str(args.sam)]
    student = train(args, faces, f"student-{args.student}", learning, end - time.monotonic(), needed=True)
    if student is None:
        raise ValueError("the student was not trained")
    print(f"the student is ready: python -m models.export {student} --output build/emotions.onnx")
    return student


def train(
    args: argparse.Namespace, faces: Faces, folder: str, more: list[str], seconds: float, *, needed: bool = False
) -> Path | None:
    """Train one network, or go on with it, for about `seconds`; returns its best.pt.

    None when the time is not enough for an epoch, unless it is `needed`: then what the time allows of one.
    """
    output: Path = args.output / folder
    best = output / "best.pt"
    if (output / "summary.json").exists() and best.exists():
        print(f"{folder}: finished before")
        return best
    common = [str(args.data), "--output", str(output), "--batch", str(args.batch), "--mixup", str(args.mixup)]
    common += ["--temperature", str(args.temperature), "--teacher-weight", str(args.teacher_weight), "--resume"]
    began = time.monotonic()
    epochs = epochs_of(output / "last.pt", len(faces.only("train")), args.batch)
    if not epochs:
        plan = plan_for(Trainer(faces, options().parse_args([*common, *more, "--epochs", "100"])), seconds, args.epochs)
        print(f"{folder}: {plan.epochs} epochs of {plan.seconds_per_epoch:.3g} s in {max(0, seconds) / 60:.1f} minutes")
        if not plan.epochs and not needed:
            return None
        epochs = max(1, plan.epochs)
    trainer = Trainer(faces, options().parse_args([*common, *more, "--epochs", str(epochs)]))
    # What is needed gets a moment to learn in even when the time is up: a best.pt is promised.
    trainer.run(deadline=max(began + seconds, time.monotonic() + 10 * needed))
    return best if best.exists() else None


def epochs_of(checkpoint: Path, pictures: int, batch: int) -> int:
    """How many epochs an interrupted run was planned for; 0 when there is none."""
    if not checkpoint.exists():
        return 0
    parts = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return int(parts["schedule"]["total_steps"]) // -(-pictures // batch)


def plan_for(trainer: Trainer, seconds: float, most: int) -> Plan:
    """Measure a few steps (which spoil the trainer: use another) and say how many epochs `seconds` allow.

    A network that is much too slow is found out by its first steps: no more than a tenth of `seconds` is started.
    """
    rows = torch.arange(min(trainer.args.batch, len(trainer.images)), device=trainer.device)
    began = time.monotonic()
    times: list[float] = []
    trainer.network.train()
    while len(times) < STEPS and time.monotonic() - began < seconds / 10:
        start = time.monotonic()
        trainer.step(rows).item()  # reading the loss waits for a GPU
        times.append(time.monotonic() - start)
    # The first steps look for the fastest kernels: the median of the later ones is what an epoch is made of.
    per_step = statistics.median(times[len(times) // 2 :]) if times else math.inf
    # Scoring and the averaged weights' batch-norm statistics: forward passes, a third of what learning costs.
    pictures = len(trainer.images)
    passes = (len(trainer.public) + min(4096, pictures)) / 3 / pictures
    return fit(per_step * trainer.steps * (1 + passes), seconds - (time.monotonic() - began), most)


def fit(measured: float, seconds: float, most: int) -> Plan:
    """How many epochs, at most `most`, fit into `seconds` when one was measured to take `measured` seconds."""
    epoch = measured * RESERVE
    return Plan(max(0, min(most, int(seconds / epoch))), epoch)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="python -m models.distill", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("data", type=Path, help="labelled faces, as for models.train")
    add("--output", type=Path, required=True, help="folder of this run; each network gets its own inside")
    add("--teachers", type=_names, default=[], help="networks to train as teachers, with commas; one may come twice")
    add(
        "--teacher", type=Path, action="append", default=[], help="best.pt of a teacher trained before; may be repeated"
    )
    add("--student", default="mobilenet-v2-medium", help="default: %(default)s")
    add("--minutes", type=float, default=25, help="time for everything (default: %(default)s)")
    add("--teachers-share", type=float, default=0.5, help="part of the time for the teachers (default: %(default)s)")
    add("--epochs", type=int, default=200, help="most epochs of any network (default: %(default)s)")
    add("--batch", type=int, default=256, help="pictures per step (default: %(default)s)")
    add("--rate", type=float, default=3e-3, help="the student's peak learning rate (default: %(default)s)")
    add("--teacher-rate", type=float, default=1e-3, help="the teachers' (default: %(default)s)")
    add("--mixup", type=float, default=0.2, help="for all of them (default: %(default)s)")
    add("--sam", type=float, default=0.0, help="radius of the student's sharpness-aware steps (default: none)")
    add("--temperature", type=float, default=2.0, help="softens the teachers (default: %(default)s)")
    add("--teacher-weight", type=float, default=0.7, help="the teachers' part of the loss (default: %(default)s)")
    add("--threads", type=int, default=0, help="CPU threads (default: all)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
