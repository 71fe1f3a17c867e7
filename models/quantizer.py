"""From ONNX to full-integer TFLite without TensorFlow: what quantize.py and models.yunet share.

Needs models/requirements-convert.txt; everything heavy is imported where it is used, so that --help works without.
"""

# ruff: noqa: PLC0415 - the converters are imported where they are used: --help and the tests need none of them.
from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REMEDY = "Remedy: pip install --no-deps -r models/requirements-convert.txt (Python 3.12 or newer)"
TOOLS = ("onnx", "onnx2tf", "ai-edge-quantizer", "ai-edge-litert", "numpy")
SAME = 1e-3  # outputs that differ by no more are the same, in other arithmetic

Floats = NDArray[np.float32]


class RefusedError(Exception):
    """Something is not as it must be; the message says what, and what to do about it."""


@contextlib.contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Catch what the converters print; yields what they said, for an error's text."""
    log = io.StringIO()
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        yield log


def float_tflite(onnx_file: Path) -> bytes:
    """Return the float32 TFLite file of an ONNX file; its input is NHWC, inputs and outputs keep their names.

    Raises:
        RefusedError: onnx2tf cannot convert it.
        ImportError: onnx2tf is not installed.
    """
    import onnx2tf

    with tempfile.TemporaryDirectory() as folder, _quiet() as log:
        try:
            onnx2tf.convert(
                str(onnx_file), output_folder_path=folder, tflite_backend="flatbuffer_direct", non_verbose=True
            )
            return Path(folder, f"{onnx_file.stem}_float32.tflite").read_bytes()
        except (Exception, SystemExit) as error:  # onnx2tf ends the process on some of its errors.
            last = [line.strip() for line in f"{log.getvalue()}\n{error}".splitlines() if line.strip()][-1]
            raise RefusedError(f"onnx2tf cannot convert {onnx_file}: {last}") from error


def to_int8(float_model: bytes, samples: Iterable[Floats], low: float, high: float) -> bytes:
    """Return the full-integer form of a float TFLite file: int8 in and out, one weight scale per channel.

    Args:
        float_model: The file's content; it has one input.
        samples: What that input sees in real life, (1, height, width, channels) float32 each; the value ranges of all
            tensors are the widest met on them.
        low: The least value the input can have, whatever the samples held (what grey or colour 0 becomes).
        high: The greatest (what 255 becomes).

    Raises:
        ImportError: ai-edge-quantizer is not installed.
    """
    from ai_edge_quantizer import Quantizer, calibrator, recipe, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    model = FloatModel(float_model)
    rules = recipe.static_wi8_ai8()
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(rules)
    # Quantizer.calibrate() averages the ranges of the pictures, which clips the very peaks that faces make.
    # Its calibrator, used directly, can keep the widest range instead.
    recorder = calibrator.Calibrator(float_model, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    for sample in samples:  # One by one: the calibrator walks its list twice, and floats are large.
        with _quiet():
            recorder.calibrate({"serving_default": [{model.input_name: sample}]}, manager)
    ranges = recorder.get_model_qsvs()
    entry = ranges[model.input_tensor]
    entry["min"], entry["max"] = (np.full_like(entry["min"], v) for v in (low, high))
    with _quiet():
        result = Quantizer(float_model, rules).quantize(ranges, enable_progress_report=False)
    return bytes(result.quantized_model)


class FloatModel:
    """A float TFLite file with one input, run in the device's runtime on one thread.

    Raises:
        RefusedError: It is not such a file; says what was found.
        ImportError: ai-edge-litert is not installed.
    """

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise RefusedError(f"not a TFLite file that ai-edge-litert can run: {reason}") from None
        inputs: list[dict[str, Any]] = self._interpreter.get_input_details()
        self.outputs: dict[str, tuple[int, ...]] = {
            detail["name"]: tuple(map(int, detail["shape"])) for detail in self._interpreter.get_output_details()
        }
        if len(inputs) != 1 or inputs[0]["dtype"] is not np.float32:
            found = ", ".join(f"{entry['name']} {entry['dtype'].__name__}" for entry in inputs)
            raise RefusedError(f"expected one float32 input, found {found}. Remedy: give the float model")
        self._index: int = inputs[0]["index"]
        self.shape: tuple[int, ...] = tuple(map(int, inputs[0]["shape"]))
        # The quantiser is fed by the input's name in the signature, and keeps ranges by that of its tensor.
        self.input_tensor: str = inputs[0]["name"]
        signature = self._interpreter.get_signature_list().get("serving_default", {"inputs": [inputs[0]["name"]]})
        self.input_name: str = signature["inputs"][0]

    def run(self, sample: Floats) -> dict[str, Floats]:
        """Run on one input of `shape`, float32; returns every output by its tensor's name, float32."""
        self._interpreter.set_tensor(self._index, sample)
        self._interpreter.invoke()
        details = self._interpreter.get_output_details()
        return {detail["name"]: self._interpreter.get_tensor(detail["index"]) for detail in details}


def check_same(onnx_file: Path, float_model: bytes) -> None:
    """Refuse a float TFLite file whose outputs differ from the ONNX file's by more than `SAME` on noise in -1..1.

    Only for outputs without a spatial layout, which NCHW and NHWC have in common.

    Raises:
        RefusedError: They differ; says by how much.
        ImportError: onnxruntime or ai-edge-litert is not installed.
    """
    import onnxruntime  # type: ignore[import-not-found]

    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    model = FloatModel(float_model)
    noise = np.random.default_rng(0).uniform(-1, 1, model.shape).astype(np.float32)
    expected = session.run(list(model.outputs), {session.get_inputs()[0].name: noise.transpose(0, 3, 1, 2)})
    for (name, found), right in zip(model.run(noise).items(), expected, strict=True):
        worst = float(np.abs(found - right).max())
        if not worst <= SAME:
            raise RefusedError(f"onnx2tf changed output {name} of {onnx_file} by {worst:.2g} (limit {SAME:g})")
