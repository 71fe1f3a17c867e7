"""`edge bench`: how fast this machine is, stage by stage and beside the bare models, on frames that can be repeated."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
from rich.console import Console
from rich.table import Table

from edge import __version__
from edge.bench.energy import EnergyMeter
from edge.bench.footage import ClipFootage, Footage, SceneFootage
from edge.bench.measure import STAGES, Bench
from edge.bench.plot import plot
from edge.bench.result import Result, slope
from edge.bench.trace import Trace
from edge.cli import add_config_arguments, read_config
from edge.cli.numbers import whole_number
from edge.daemon.malloc import give_back_at_once, wipe_freed
from edge.errors import EXIT_OK, EdgeError
from edge.files.whole_file import write_whole
from edge.hardware.board import Board
from edge.vision.tflite import runtime_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLES = """examples:
  edge bench                                           1 to 100 faces in two sizes; a few minutes
  edge bench --one-core --size 1280x720 --faces 50     one scene on one core
  edge bench --clip lesson.mp4 --json lesson.json      your own film; nothing of it is kept
  edge bench --faces 25 --frames 5 --trace frames.json where the time of a frame goes, for ui.perfetto.dev
  edge bench --json all.json --plot cost.svg           to compare: see docs/benchmarks.md
"""

FACES = (1, 10, 25, 50, 100)
SIZES = ((1280, 720), (1920, 1080))
BUSY = 0.1  # share of the time taken by others from which times by the clock mislead


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config_arguments(parser)
    parser.add_argument("--faces", type=_faces, default=FACES, metavar="N,N", help="default: 1,10,25,50,100")
    parser.add_argument("--size", type=_size, action="append", metavar="WxH", help="default: 1280x720 and 1920x1080")
    parser.add_argument("--clip", type=Path, metavar="FILE", help="a video file in place of the scenes")
    parser.add_argument(
        "--frames", type=whole_number(2), default=100, metavar="N", help="frames per scene (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=1, metavar="N", help="of the scenes (default: %(default)s)"
    )
    parser.add_argument("--one-core", action="store_true", help="use one core and no other")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument(
        "--trace", type=Path, metavar="FILE.json", help="write the stages of every frame, for ui.perfetto.dev"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the cost against the faces")


def main(args: argparse.Namespace) -> int:
    """Measure everything and print it."""
    if args.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if not args.clip:  # every face of a scene is named, so that its cost is known; --set and --clip have their own way
        args.set = ["vision.min_face_px=10", *args.set]
    config = read_config(args)
    give_back_at_once()  # as the daemon does
    wipe_freed()
    bench = Bench(config, EnergyMeter())
    console = Console(stderr=True)
    results, trace = [], Trace() if args.trace else None
    for footage in _footage(args):
        with console.status(f"{footage.name} ...") if console.is_terminal else contextlib.nullcontext():
            results.append(bench.measure(footage, args.frames, trace=trace))
    report = _report(args, results, bench.models)
    try:
        _write(args, results, report, trace)
    finally:  # what took minutes is not lost with a disk that is full
        _print(Console(), results, report)
    return EXIT_OK


def _footage(args: argparse.Namespace) -> Iterator[Footage]:
    if args.clip:
        yield ClipFootage(args.clip)
        return
    for size in args.size or SIZES:
        for faces in args.faces:
            yield SceneFootage(faces, size, args.seed)


def _report(args: argparse.Namespace, results: Sequence[Result], models: dict[str, str]) -> dict[str, Any]:
    """Everything, as --json writes it."""
    board = Board().read(time.monotonic(), Path(), 0.0)
    per_face = {}
    for size in sorted({result.size for result in results}):
        found = slope([result for result in results if result.size == size])
        if found is not None:
            name = f"{size[0]}x{size[1]}"
            per_face[name] = {"cpu_ms": round(found[0], 4), "ratio": round(found[1], 3)}
    return {
        "schema": "edge.bench/1",
        "edge": __version__,
        "machine": {
            "name": _machine(),
            "arch": platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "runtime": runtime_version(),
            "opencv": cv2.__version__,
        },
        "models": models,
        "overrides": args.set,
        "seed": args.seed,
        "board": {"temperature_c": board.temperature_c, "throttled_bits": board.throttled_bits, "slowed": board.slowed},
        "per_face": per_face,
        "results": [asdict(result) for result in results],
    }


def _write(args: argparse.Namespace, results: Sequence[Result], report: dict[str, Any], trace: Trace | None) -> None:
    title = f"{report['machine']['name']}, {report['models'].get('emotions', 'headcount')}"
    files = [(args.json, json.dumps(report, indent=2) + "\n"), (args.plot, plot(results, title))]
    files += [(args.trace, trace.to_json())] if trace is not None else []
    for path, content in files:
        if path is not None:
            try:
                write_whole(path, content)
            except OSError as error:
                raise EdgeError(f"{path} cannot be written", error.strerror or str(error)) from None


def _print(console: Console, results: Sequence[Result], report: dict[str, Any]) -> None:
    machine = report["machine"]
    for line in (
        f"edge {report['edge']} on {machine['name']} ({machine['arch']}), cores to use: {machine['cores']}",
        ", ".join((machine["runtime"], *report["models"].values())),
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    table = _table("scene", "found", "named", "ms", "95 %", "frames/s", "CPU ms", "floor", "ratio", "MiB", "J")
    for result in results:
        table.add_row(
            result.footage, f"{result.faces:.1f}", f"{result.classified:.1f}", f"{result.frame.median:.2f}",
            f"{result.frame.p95:.2f}", f"{result.fps:.1f}", f"{result.cpu_ms:.2f}", f"{result.floor_ms:.2f}",
            f"{result.ratio:.3f}", _or_dash(result.rss_mb, ".0f"), _or_dash(result.joules, ".3f"),
        )  # fmt: skip
    console.print(table)
    stages = _table("ms", *STAGES)
    for result in results:
        spreads = [result.stages.get(name) for name in STAGES]
        stages.add_row(result.footage, *(_or_dash(each.median if each else None, ".2f") for each in spreads))
        stages.add_row("  95 %", *(_or_dash(each.p95 if each else None, ".2f") for each in spreads))
    console.print(stages)
    for size, cost in report["per_face"].items():
        bare = f"{cost['ratio']:.2f} bare runs of the classifier"
        console.print(f"one more face at {size}: {cost['cpu_ms']:.3f} ms of CPU, {bare}", highlight=False)
    board = {key: value for key, value in report["board"].items() if value is not None}
    words = ", ".join(f"{key} {value}" for key, value in board.items()) or "nothing"
    console.print(f"the board says: {words}", highlight=False)
    busy = max(result.busy for result in results)
    if busy > BUSY:
        console.print(f"It had to wait for {busy:.0%} of the time: trust CPU ms and ratio, not ms and frames/s.")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table


def _or_dash(number: float | None, form: str) -> str:
    return "-" if number is None else format(number, form)


def _faces(words: str) -> tuple[int, ...]:
    return tuple(sorted({whole_number(1, 100, "faces")(word) for word in words.split(",")}))


def _size(words: str) -> tuple[int, int]:
    width, by, height = words.partition("x")
    if not by:
        raise argparse.ArgumentTypeError(f"width x height, such as 1280x720, not {words!r}")
    return whole_number(320, 4096, "wide")(width), whole_number(240, 4096, "high")(height)


def _machine() -> str:
    """What it says it is: a board's own name, else the processor's."""
    with contextlib.suppress(OSError):
        return Path("/proc/device-tree/model").read_text(errors="replace").rstrip("\0\n")
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
