"""Pack FER2013 into a small file without loss, for a machine to which only so much can be carried.

Pictures are kept as lossless WebP, forty in one column each: 48 MB where `fer2013.npz` without PrivateTest has 69. Rows
that training would leave out are left out here, since the packed file no longer shows their twins. Every command that
reads an .npz reads the packed one too.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

try:
    import cv2
    import numpy as np
    from numpy.typing import NDArray

    from models.data import PRIVATE, read_rows
except ImportError as absent:
    sys.exit(f"models.pack: {absent}. Remedy: pip install -r models/requirements-train.txt")

COLUMN = 40  # pictures in one WebP: more of them gain nothing, and its height ends at 16383
EXAMPLES = """example:
  python -m models.pack fer2013.npz --output build/packed.npz
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        content = pack(args.data)
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_bytes(content)
    except (ValueError, OSError) as error:
        print(f"models.pack: {error}", file=sys.stderr)
        return 1
    print(f"{args.output}: {len(content) / 1e6:.1f} MB; PrivateTest is not in it")
    return 0


def pack(path: Path) -> bytes:
    """The training and PublicTest rows of an .npz that `models.data.read_npz` reads, as the bytes of a smaller one.

    Raises:
        ValueError: It cannot be read.
    """
    rows = read_rows(path)
    kept = rows.split != PRIVATE
    images = rows.images[kept]
    columns = [shrink(images[start : start + COLUMN]) for start in range(0, len(images), COLUMN)]
    output = io.BytesIO()
    np.savez(
        output, webp=np.concatenate(columns), webp_sizes=np.array([len(column) for column in columns], np.int64),
        label=rows.label[kept].astype(np.int8), usage=rows.split[kept].astype(np.int8),
        ferplus_votes=rows.votes[kept], dup_group=rows.group[kept],
    )  # fmt: skip
    return output.getvalue()


def shrink(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey pictures (n, h, w), one above the other, as the bytes of one lossless WebP: (bytes,) uint8."""
    column = images.reshape(-1, images.shape[2])
    written, content = cv2.imencode(".webp", column, [cv2.IMWRITE_WEBP_QUALITY, 101])  # above 100: without loss
    if not written:
        raise ValueError("this OpenCV cannot write WebP. Remedy: pip install opencv-python-headless")
    return content.ravel()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.pack", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("data", type=Path, help="FER2013 as .npz")
    parser.add_argument("--output", type=Path, required=True, help="the .npz file to write")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
