"""Score an emotion model for each group of people in labelled pictures: is it wrong more often for some of them?

The pictures and who is on them are yours: none with such labels may be passed on, and this project has measured none.
The table is a .csv file with the columns `file` (below the folder of pictures), `emotion` and any others, which are the
groups (`age`, `gender`, `skin`, `glasses` ...). Every picture is one face, already cut out.

A strong word (all but happy and neutral) is wrong for a face that is labelled neutral or happy. Intervals are Wilson's,
95 %; they take every picture for another person.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import EdgeError
from edge.files.bounded_read import read_file
from edge.model_files.benchmark import interval
from edge.model_files.calibration import find_calibration
from edge.model_files.cards import EmotionCard, read_card
from edge.vision.naming import MILD, Namer
from edge.vision.tflite import Model
from models.evaluate import card_path
from models.labels import LABELS
from models.metrics import softmax
from models.options import SHARE
from models.readers import CLASS_NAMES, read_picture
from models.runner import predict

MOST_TABLE = 64_000_000  # bytes
FEW = 30  # faces; below that an interval says next to nothing
EXAMPLES = """example:
  python -m models.groups faces.csv pictures/
  python -m models.groups faces.csv pictures/ --by age --by gender --model mine/emotions.json
"""


@dataclass(frozen=True)
class Face:
    """A row of the table: the picture, what is to be seen there, and to which groups the person belongs."""

    file: str
    emotion: str
    groups: Mapping[str, str]


@dataclass
class Tally:
    """Counts of one group: faces, those named, right ones; and of the mild ones those given a wrong strong word."""

    faces: int = 0
    named: int = 0
    right: int = 0
    mild: int = 0
    false_strong: int = 0

    def add(self, truth: str, said: str) -> None:
        """Count a face; `said` is a label, or `unknown`."""
        self.faces += 1
        self.named += said != "unknown"
        self.right += said == truth
        if truth in MILD:
            self.mild += 1
            self.false_strong += said not in MILD and said != "unknown"


def read_table(path: Path, by: Iterable[str] = ()) -> list[Face]:
    """The rows of a table of faces.

    Args:
        path: The .csv file.
        by: Its columns that are groups; none: all but `file` and `emotion`.

    Raises:
        ValueError: A column is missing, there is no row, or one has no known emotion; names file and line.
        OSError: It cannot be read.
    """
    lines = read_file(path, MOST_TABLE).decode("utf-8-sig").splitlines()
    reader = csv.DictReader(lines)
    columns = reader.fieldnames or []
    wanted = list(by) or [name for name in columns if name not in ("file", "emotion")]
    absent = [name for name in ("file", "emotion", *wanted) if name not in columns]
    if absent or not wanted:
        missing = absent[0] if absent else "for a group"
        raise ValueError(f"{path} has no column {missing}: its first line names the columns")
    faces = []
    for row in reader:
        name = (row["emotion"] or "").strip().lower()
        if name not in CLASS_NAMES:
            raise ValueError(f"{path}, line {reader.line_num}: emotion {name!r} is none of {', '.join(LABELS)}")
        groups = {column: (row[column] or "").strip() or "not given" for column in wanted}
        faces.append(Face(row["file"], LABELS[CLASS_NAMES[name]], groups))
    if not faces:
        raise ValueError(f"{path} has no rows")
    return faces


def by_group(faces: Iterable[Face], said: Iterable[str]) -> dict[str, dict[str, Tally]]:
    """Tallies by column and by value of the column; `all` has everybody."""
    found: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for face, word in zip(faces, said, strict=True):
        found["all"]["all"].add(face.emotion, word)
        for column, value in face.groups.items():
            found[column][value].add(face.emotion, word)
    return found


def name_faces(card: Path, output: str, min_confidence: float, faces: list[Face], folder: Path) -> list[str]:
    """What the program would call each face: a label, or `unknown`. Raises EdgeError, ValueError, OSError."""
    described = read_card(card, EmotionCard)
    if output not in described.outputs:
        raise ValueError(f"{card} has no output {output!r}, but {', '.join(described.outputs)}")
    images = np.stack([_picture(folder / face.file) for face in tqdm(faces, desc="read", unit="face")])
    with tqdm(total=len(faces), desc="classify", unit="face") as bar:
        logits = predict(Model(card, described), described, images, bar.update).logits[output]
    calibration, origin = find_calibration(card, described, output)
    if calibration is None:
        print(f"models.groups: no thresholds for strong words: {origin}", file=sys.stderr)
    kind = described.outputs[output]
    namer = Namer(kind.labels, calibration.thresholds if calibration else {}, min_confidence)
    names = (*kind.labels, "unknown")
    shares = softmax(logits, kind.temperature).astype(np.float32)
    return [names[index] for index in namer.name(shares)]


def _picture(path: Path) -> NDArray[np.uint8]:
    picture = read_picture(path)
    if picture is None:
        raise ValueError(f"{path} cannot be read as a picture: correct its row, or take the row out")
    return picture


def table(found: dict[str, dict[str, Tally]]) -> list[str]:
    """The figures, a line for each group, and a warning where there are few faces."""
    lines = [f"{'':28} {'faces':>6}  {'named':>6}  right of all (95 %)       wrong strong word of the mild (95 %)"]
    for column, values in found.items():
        for value, tally in sorted(values.items()):
            name = value if column == "all" else f"{column}: {value}"
            few = "  few faces" if tally.faces < FEW else ""
            lines.append(
                f"{name[:28]:28} {tally.faces:6}  {tally.named / tally.faces:6.1%}  "
                f"{_share(tally.right, tally.faces):24}  {_share(tally.false_strong, tally.mild)}{few}"
            )
    return lines


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    low, high = interval(part, whole)
    return f"{part / whole:6.1%} ({low:.1%} to {high:.1%})"


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        faces = read_table(args.table, args.by)
        said = name_faces(card_path(args.model), args.emotions_output, args.min_confidence, faces, args.pictures)
    except (EdgeError, ValueError, OSError) as error:
        print(f"models.groups: {error}", file=sys.stderr)
        return 1
    print("\n".join(table(by_group(faces, said))))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.groups", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("table", type=Path, help="who is on which picture (.csv)")
    add("pictures", type=Path, help="folder of the faces")
    add("--by", action="append", default=[], metavar="COLUMN", help="a group to look at; repeatable (default: all)")
    add("--model", type=Path, default=Path("models/emotions.json"), help="its card or .tflite (default: %(default)s)")
    add("--emotions-output", default="ferplus", help="default: %(default)s")
    add("--min-confidence", type=SHARE, default=0.3, help="as vision.min_confidence (default: %(default)s)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
