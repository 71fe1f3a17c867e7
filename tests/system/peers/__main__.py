"""Compare this project with its peers on the same frames, on one core of this machine, in turns within one run.

python -m tests.system.peers                             25 faces; the first time installs about 8 GB and takes long
python -m tests.system.peers --faces 50 --rounds 10
python -m tests.system.peers --pictures ../shared/data/faces   and how many faces of real pictures each finds

CPU seconds are compared: other programs lengthen them little. Only the ratios mean something on another machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from edge.sample.portraits import read_portraits
from edge.sample.scene import Scene
from tests.system.peers.catalogue import PEERS, SkippedError
from tests.system.peers.score import Score, score, shown
from tests.system.peers.talk import Worker

SIZE = (1280, 720)
WARM_UP = 2


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.system.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faces", type=int, default=25, help="of the scene (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=11, help="(default: %(default)s)")
    parser.add_argument("--pictures", type=Path, help="folder with truth.json, as tools/score_faces.py reads it")
    parser.add_argument("--only", default="", help="peers whose names contain this; we ourselves always take part")
    parser.add_argument("--json", type=Path, help="write everything")
    args = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="edge-peers-") as name:
        folder = Path(name)
        workers = _start(args.only, folder)
        try:
            seconds, found = _race(workers, args.faces, args.rounds, folder)
            scores = _recall(workers, args.pictures, folder) if args.pictures else {}
        finally:
            for worker in workers.values():
                worker.stop()
    rows = [_row(peer, seconds, found, scores.get(peer)) for peer in seconds]
    print(f"{args.faces} faces at {SIZE[0]}x{SIZE[1]}, one core, {args.rounds} rounds in turns")
    print(f"{'peer':26}{'CPU ms':>9}{'times ours':>12}{'found':>8}", end="")
    print(f"{'on pictures':>13}{'recall >=24':>13}{'precision':>11}" if scores else "")
    for row in rows:
        print(f"{row['peer']:26}{row['cpu_ms']:9.1f}{row['times_ours']:12.1f}{row['found']:8.1f}", end="")
        print(f"{row['hits']:13}{row['recall']:13.3f}{row['precision']:11.3f}" if "hits" in row else "")
    if args.json:
        args.json.write_text(json.dumps({"faces": args.faces, "rounds": args.rounds, "peers": rows}, indent=2) + "\n")
    return 0


def _start(only: str, folder: Path) -> dict[str, Worker]:
    workers: dict[str, Worker] = {}
    for index, peer in enumerate(PEERS):
        if index and only not in peer.name:
            continue
        try:
            workers[peer.name] = Worker(peer.command(), folder / f"{index}.log")
        except SkippedError as reason:
            print(f"skipped: {peer.name}: {reason}", file=sys.stderr)
    return workers


def _race(
    workers: dict[str, Worker], faces: int, rounds: int, folder: Path
) -> tuple[dict[str, float], dict[str, float]]:
    """Median CPU seconds of a frame, and mean faces found, by peer."""
    scene = Scene(read_portraits(), size=SIZE, faces=faces)
    times: defaultdict[str, list[float]] = defaultdict(list)
    counts: defaultdict[str, list[int]] = defaultdict(list)
    for number in range(WARM_UP + rounds):
        path = folder / "frame"
        scene.render(0.2 + 2.0 * number / (WARM_UP + rounds)).tofile(path)  # in this time nobody comes or goes
        for name, worker in list(workers.items()):
            try:
                answer = worker.ask(path, *SIZE)
            except SkippedError as reason:
                print(f"skipped: {name}: {reason}", file=sys.stderr)
                workers.pop(name).stop()
                continue
            if number >= WARM_UP:
                times[name].append(answer.seconds)
                counts[name].append(len(answer.faces))
    return {name: statistics.median(times[name]) for name in workers}, {
        name: statistics.mean(counts[name]) for name in workers
    }


def _recall(workers: dict[str, Worker], pictures: Path, folder: Path) -> dict[str, Score]:
    """What each finds in pictures as a camera of 1280x720 would have taken them."""
    truth = json.loads((pictures / "truth.json").read_text())["images"]
    scores = {name: Score() for name in workers}
    for number, (file, described) in enumerate(truth.items(), 1):
        image = np.asarray(cv2.imread(str(pictures / file), cv2.IMREAD_COLOR), np.uint8)
        scale = min(SIZE[0] / image.shape[1], SIZE[1] / image.shape[0])
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        image.tofile(folder / "picture")
        for name, worker in workers.items():
            faces = worker.ask(folder / "picture", image.shape[1], image.shape[0]).faces
            scores[name] += score(faces, shown(described, scale))
        print(f"\r{number} of {len(truth)} pictures", end="", file=sys.stderr)
    print(file=sys.stderr)
    return scores


def _row(peer: str, seconds: dict[str, float], found: dict[str, float], result: Score | None) -> dict[str, str | float]:
    ours = next(iter(seconds.values()))
    row: dict[str, str | float] = {
        "peer": peer, "cpu_ms": round(seconds[peer] * 1000, 2), "times_ours": round(seconds[peer] / ours, 2),
        "found": round(found[peer], 1),
    }  # fmt: skip
    if result is not None:
        row |= {"hits": result.hits, "recall": round(result.recall, 4), "precision": round(result.precision, 4)}
    return row


if __name__ == "__main__":
    sys.exit(main())
