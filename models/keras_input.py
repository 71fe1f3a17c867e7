"""A Keras file or a SavedModel folder as a float TFLite file, by TensorFlow in a process of its own.

Usage: python -m models.keras_input MODEL OUTPUT.tflite

quantize.py does this by itself where TensorFlow is installed beside its own tools (models/requirements-keras.txt).
Where it is not, run this command with the Python that has TensorFlow, and give quantize.py the file it writes.
"""

# ruff: noqa: PLC0415 - TensorFlow is imported where it is used: 5 s and half a gigabyte that quantize.py need not carry.
from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REMEDY = "Remedy: pip install -r models/requirements-keras.txt"
SUFFIXES = (".keras", ".h5", ".hdf5")
SAVED_MODEL = "saved_model.pb"  # what TensorFlow calls the graph in a SavedModel folder
OTHERWISE = "save the whole model (model.save or model.export), or write a float .tflite with your own code"
ROOT = Path(__file__).resolve().parent.parent


def is_keras(path: Path) -> bool:
    """Whether a path is a Keras file, by its name, or a SavedModel folder, by what is in it."""
    return path.suffix.lower() in SUFFIXES or (path / SAVED_MODEL).is_file()


def float_tflite(path: Path) -> bytes:
    """Return the float32 TFLite file of a Keras file or SavedModel folder, for one picture at a time.

    Raises:
        ValueError: TensorFlow is not installed, or cannot read or convert it; says what to do.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise ValueError(f"{path}: Keras models need TensorFlow, which is not installed. {REMEDY}")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "float.tflite")
        command = [sys.executable, "-m", "models.keras_input", str(path.resolve()), str(output)]
        # No GPU: a conversion has no use for one, and must not take the memory of a training run.
        quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(
            command, cwd=ROOT, env=quiet, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            mark = "models.keras_input: "  # TensorFlow's own lines are around it
            told = [line.removeprefix(mark) for line in done.stderr.splitlines() if line.startswith(mark)]
            raise ValueError(told[-1] if told else f"{path}: TensorFlow ended with status {done.returncode}")
        return output.read_bytes()


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m models.keras_input", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help=f"{', '.join(SUFFIXES)} or a SavedModel folder")
    parser.add_argument("output", type=Path, help="float .tflite to write")
    args = parser.parse_args(argv)
    try:
        args.output.write_bytes(convert(args.model))
    except ImportError as error:
        print(f"models.keras_input: {error}. {REMEDY}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 - TensorFlow and Keras raise whatever they like
        told = " ".join(str(error).split())[:300] or type(error).__name__
        print(f"models.keras_input: {args.model}: {told}. Remedy: {OTHERWISE}", file=sys.stderr)
        return 1
    return 0


def convert(path: Path) -> bytes:
    """Convert in this process.

    Raises:
        ImportError: TensorFlow is not installed, or tf-keras, which files of Keras 1 and 2 need.
        Exception: Whatever TensorFlow has to say about the model.
    """
    import tensorflow as tf  # type: ignore[import-untyped, import-not-found]

    if path.is_dir():
        return _from_saved_model(tf, path)
    if not path.is_file():
        raise ValueError("no such file")
    if path.suffix.lower() != ".keras" and _is_old(path):
        import tf_keras as keras  # type: ignore[import-not-found]
    else:
        import keras  # type: ignore[import-not-found]
    model = keras.models.load_model(path, compile=False)
    if len(model.inputs) != 1 or None in model.inputs[0].shape[1:]:
        raise ValueError(
            f"inputs {[tuple(entry.shape) for entry in model.inputs]}, expected one, (None, h, w, channels)"
        )
    # With the batch fixed at 1, layers such as Flatten become constants; else they compute their shapes at run time.
    one = keras.Input(batch_shape=(1, *model.inputs[0].shape[1:]), dtype="float32")
    return bytes(tf.lite.TFLiteConverter.from_keras_model(keras.Model(one, model(one, training=False))).convert())


def _is_old(path: Path) -> bool:
    """Whether an HDF5 file was written by Keras 1 or 2, which Keras 3 misreads. Raises OSError, ValueError."""
    import h5py  # type: ignore[import-not-found]

    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise ValueError("holds no model, perhaps only its weights")
        version = file.attrs.get("keras_version", "1")
    return str(version.decode() if isinstance(version, bytes) else version).startswith(("1.", "2."))


def _from_saved_model(tf: Any, folder: Path) -> bytes:  # noqa: ANN401 - TensorFlow has no types
    """Through the signature `serving_default`, with the batch fixed at 1, as in `convert`."""
    loaded = tf.saved_model.load(str(folder))
    if "serving_default" not in loaded.signatures:
        raise ValueError(f"has the signatures {list(loaded.signatures)}, not serving_default")
    serve = loaded.signatures["serving_default"]
    inputs = serve.structured_input_signature[1]
    if len(inputs) != 1:
        raise ValueError(f"inputs {', '.join(inputs)}, expected one")
    ((name, spec),) = inputs.items()
    shape = tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, name=name)
    module = tf.Module()
    module.loaded = loaded  # keeps the weights alive
    module.serve = tf.function(lambda x: serve(**{name: x}), input_signature=[shape])
    with tempfile.TemporaryDirectory() as copy:
        tf.saved_model.save(module, copy, signatures={"serving_default": module.serve})
        return bytes(tf.lite.TFLiteConverter.from_saved_model(copy).convert())


if __name__ == "__main__":
    raise SystemExit(main())
