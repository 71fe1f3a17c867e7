"""Train large teachers, then a small student that learns from them and the labels, within a number of minutes.

The teachers are asked once about some views of each picture, and the student learns from these (see models.views).
Made for a GPU, which holds pictures, views and answers; it works on a CPU, too. Every network's epochs are planned from
its measured speed. Started again with the same --output, it goes on where it was stopped: finished networks are loaded,
one stopped midway keeps its planned epochs. The student's folder holds best.pt from its first score on, so that however
this ends there is something to give to models.export.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from edge.cli.numbers import real_number, whole_number
from models.options import (
    ADJUSTMENT,
    BATCH,
    EPOCHS,
    MIXUP,
    RADIUS,
    RATE,
    SEED,
    SHARE,
    TEMPERATURE,
    THREADS,
    WEIGHT,
    named_file,
    names,
)

try:
    import torch
    from torch import Tensor, nn

    from models import techniques
    from models.cuda_graph import generator_of
    from models.data import Faces, read_faces
    from models.export import load
    from models.networks import NETWORKS
    from models.train import Trainer, options
    from models.validation import validate
    from models.views import Views, ask_teacher, draw_views
except ImportError as absent:
    sys.exit(f"models.distill: {absent}. Remedy: pip install -r models/requirements-train.txt")

EXAMPLES = """examples:
  python -m models.distill fer2013.npz --teachers resnet-18,vgg,inception --student mobilenet-v4-forked-dense \\
      --output runs/distil --minutes 9
  python -m models.export runs/distil/student-mobilenet-v4-forked-dense/best.pt --output build/emotions.onnx
"""
# Saving, and a machine that is slower later: a run that is cut off never sees the low rates at the end of its schedule.
RESERVE = 1.1
STEPS = 24  # measured at most
SCORES = 30  # of a network on PublicTest, at most
CHUNK = 2048  # views that the teachers are asked about at a time


@dataclass(frozen=True)
class Plan:
    """How many epochs fit into the time that one network is given."""

    epochs: int
    seconds_per_epoch: float


class Together(nn.Module):
    """Several teachers as one: the mean of their probabilities, as logits (n, 7) of `ferplus` and of `fer2013`."""

    def __init__(self, teachers: list[nn.Module]) -> None:
        super().__init__()
        self.teachers = nn.ModuleList(teachers)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 1, 48, 48) float32 in -1..1; each picture and its mirror image are looked at."""
        outputs = [teacher(view) for teacher in self.teachers for view in (x, x.flip(3))]
        ferplus, fer2013 = techniques.mix_teachers(outputs, 1)
        return ferplus.log(), fer2013.log()


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = parser().parse_args(argv)
    args.weights = dict(args.weights)
    if unknown := [name for name in [*args.teachers, args.student, *args.weights] if name not in NETWORKS]:
        print(f"models.distill: no network {unknown[0]}; there are {', '.join(NETWORKS)}", file=sys.stderr)
        return 2
    try:
        run(args)
    except (ValueError, OSError) as error:
        print(f"models.distill: {error}", file=sys.stderr)
        return 1
    return 0


def run(args: argparse.Namespace) -> list[Path]:
    """Train all of them; returns the best.pt of the student, and of its last stages. Raises ValueError, OSError."""
    start = time.monotonic()
    if args.threads:
        torch.set_num_threads(args.threads)
    faces = read_faces(args.data)
    end = start + 60 * args.minutes
    teachers: list[Path] = list(args.teacher)
    for number, name in enumerate(args.teachers, 1):
        left = start + 60 * args.minutes * args.teachers_share - time.monotonic()
        more = ["--network", name, "--rate", str(args.teacher_rate), "--seed", str(number)]
        if name in args.weights:
            more += ["--weights", str(args.weights[name]), "--rate", str(args.weights_rate)]
        seconds = left / (len(args.teachers) - number + 1)
        best = train(args, faces, f"teacher-{number}-{name}", more, seconds)
        if best is None:
            print(f"{name}: its share of the time is not enough for one epoch; going on without it")
        else:
            teachers.append(best)
    views = ask(args, faces, teachers) if teachers else None
    learning = ["--network", args.student, "--sam", str(args.sam), "--fer2013-weight", str(args.fer2013_weight)]
    seconds = (end - time.monotonic()) * (1 - args.last_share * bool(args.last))
    first = train(
        args, faces, f"student-{args.student}", [*learning, "--rate", str(args.rate)], seconds, views=views, needed=True
    )
    if first is None:
        raise ValueError("the student was not trained")
    students = [first]
    for number in range(1, args.last + 1):
        more = [*learning, "--start", str(first), "--rate", str(args.last_rate), "--seed", str(number)]
        seconds = (end - time.monotonic()) / (args.last - number + 1)
        best = train(args, faces, f"last-{number}-{args.student}", more, seconds, views=views)
        students += [best] if best else []
    print(f"done: python -m models.export {students[-1]} --output build/emotions.onnx")
    return students


def ask(args: argparse.Namespace, faces: Faces, teachers: list[Path]) -> Views:
    """Views of every training picture with all teachers' answers, on the device that trains; prints their score."""
    began = time.monotonic()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    networks = [load(path)[0].to(device, memory_format=torch.channels_last) for path in teachers]
    with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
        score = validate(Together(networks).eval(), faces.only("public"), device)
    print(f"{len(networks)} teachers together on PublicTest: fer2013 {score.fer2013:.2%}, ferplus {score.ferplus:.2%}")
    torch.manual_seed(args.seed)
    generator = generator_of(device) or torch.default_generator
    pictures = torch.from_numpy(faces.only("train").images).to(device)
    views = torch.cat([draw_views(part, args.views, generator) for part in pictures.split(CHUNK // args.views)])
    told = []
    for network in networks:
        parts = views.split(CHUNK // args.views)
        told.append(torch.cat([ask_teacher(network, part, bfloat16=on_gpu) for part in parts]))
    result = Views(views, told, args.temperature)
    print(f"{views.shape[0] * args.views} views drawn and asked about in {time.monotonic() - began:.1f} s")
    return result


def train(
    args: argparse.Namespace,
    faces: Faces,
    folder: str,
    more: list[str],
    seconds: float,
    *,
    views: Views | None = None,
    needed: bool = False,
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
    common += ["--temperature", str(args.temperature), "--teacher-weight", str(args.teacher_weight)]
    common += ["--logit-adjustment", str(args.logit_adjustment), "--resume"]
    began = time.monotonic()
    epochs = epochs_of(output / "last.pt", len(faces.only("train")), args.batch)
    if not epochs:
        trainer = Trainer(faces, options().parse_args([*common, *more, "--epochs", "100"]), views)
        plan = plan_for(trainer, seconds, args.epochs)
        print(f"{folder}: {plan.epochs} epochs of {plan.seconds_per_epoch:.3g} s in {max(0, seconds) / 60:.1f} minutes")
        if not plan.epochs and not needed:
            return None
        epochs = max(1, plan.epochs)
    scores = ["--epochs", str(epochs), "--patience", str(epochs), "--score-every", str(math.ceil(epochs / SCORES))]
    trainer = Trainer(faces, options().parse_args([*common, *more, *scores]), views)
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
    end = time.monotonic() + seconds
    rows = torch.arange(trainer.args.batch, device=trainer.device) % len(trainer.images)
    trainer.network.train()
    trainer.step(rows).item()  # looks for the fastest kernels, and is recorded on a GPU: no measure of the others
    began = time.monotonic()
    times: list[float] = []
    while len(times) < STEPS and time.monotonic() - began < seconds / 10:
        start = time.monotonic()
        trainer.step(rows).item()  # reading the loss waits for a GPU
        times.append(time.monotonic() - start)
    if not times:
        return Plan(0, math.inf)
    trainer.score()
    start = time.monotonic()
    trainer.score()
    score = time.monotonic() - start
    epoch = statistics.median(times) * trainer.steps
    left = end - time.monotonic()
    # Scored after every epoch of a short run, SCORES times in a long one.
    return max(fit(epoch + score, left, SCORES), fit(epoch, left - SCORES * score, most), key=lambda plan: plan.epochs)


def fit(measured: float, seconds: float, most: int) -> Plan:
    """How many epochs, at most `most`, fit into `seconds` when one was measured to take `measured` seconds."""
    epoch = measured * RESERVE
    return Plan(max(0, min(most, int(seconds / epoch))), epoch)


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="python -m models.distill", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("data", type=Path, help="labelled faces, as for models.train, or what models.pack wrote")
    add("--output", type=Path, required=True, help="folder of this run; each network gets its own inside")
    add("--teachers", type=names, default=[], help="networks to train as teachers, with commas; one may come twice")
    add(
        "--teacher", type=Path, action="append", default=[], help="best.pt of a teacher trained before; may be repeated"
    )
    add(
        "--weights",
        type=named_file,
        action="append",
        default=[],
        metavar="NETWORK=FILE",
        help="ImageNet weights that teachers of this network start from, see --weights of models.train",
    )
    add("--student", default="mobilenet-v2-medium", help="default: %(default)s")
    add(
        "--last",
        type=whole_number(0, 20),
        default=0,
        help="train so many last stages from the student, with unlike seeds, for models.soup (default: %(default)s)",
    )
    add("--last-share", type=SHARE, default=0.4, help="part of the student's time for these (default: %(default)s)")
    add("--last-rate", type=RATE, default=1e-3, help="their peak learning rate (default: %(default)s)")
    add("--minutes", type=real_number(0.01, 100_000), default=25, help="time for everything (default: %(default)s)")
    add("--teachers-share", type=SHARE, default=0.5, help="part of the time for the teachers (default: %(default)s)")
    add("--epochs", type=EPOCHS, default=400, help="most epochs of any network (default: %(default)s)")
    add("--batch", type=BATCH, default=256, help="pictures per step (default: %(default)s)")
    add("--rate", type=RATE, default=3e-3, help="the student's peak learning rate (default: %(default)s)")
    add("--teacher-rate", type=RATE, default=1e-3, help="the teachers' (default: %(default)s)")
    add("--weights-rate", type=RATE, default=5e-4, help="of those with weights (default: %(default)s)")
    add("--mixup", type=MIXUP, default=0.2, help="for all of them (default: %(default)s)")
    add(
        "--views",
        type=whole_number(1, CHUNK),
        default=8,
        help="of each picture, for the student (default: %(default)s)",
    )
    add("--sam", type=RADIUS, default=0.0, help="radius of the student's sharpness-aware steps (default: none)")
    add("--temperature", type=TEMPERATURE, default=2.0, help="softens the teachers (default: %(default)s)")
    add("--teacher-weight", type=SHARE, default=0.7, help="the teachers' part of the loss (default: %(default)s)")
    add("--fer2013-weight", type=WEIGHT, default=1.0, help="as of models.train, for the student (default: %(default)g)")
    add("--logit-adjustment", type=ADJUSTMENT, default=0.0, help="as of models.train, for all (default: %(default)g)")
    add("--seed", type=SEED, default=1, help="of the views (default: %(default)s)")
    add("--threads", type=THREADS, default=0, help="CPU threads (default: all)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
