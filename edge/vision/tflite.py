"""The only place that imports a TFLite runtime: load a model, check it against its card, run it."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.metadata
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelError
from edge.files.bounded_read import read_file
from edge.hardware.process_memory import limited_memory
from edge.model_files.cards import Card

# ai-edge-litert is 20 times faster; tflite-runtime is all that 32-bit boards have.
RUNTIMES = (("ai_edge_litert.interpreter", "ai-edge-litert"), ("tflite_runtime.interpreter", "tflite-runtime"))
MAX_BYTES = 100_000_000
MAX_MEMORY = 400_000_000  # bytes that a model may take; the largest that ships takes 100 MB


class Tensor:
    """One input or output of a model, with its quantisation: real = scale * (q - zero_point), of a scale above 0."""

    def __init__(self, details: dict[str, Any]) -> None:
        scale, zero_point = details["quantization"]
        self.index: int = details["index"]
        self.name: str = details["name"]
        self.shape: tuple[int, ...] = tuple(int(n) for n in details["shape"])
        self.scale = float(scale)
        self.zero_point = int(zero_point)
        self.int8 = details["dtype"] is np.int8 and 0 < self.scale < math.inf

    def table(self) -> NDArray[np.float32]:
        """(256,) float32: the real value of every int8, looked up by its bits as uint8."""
        bits = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float32)
        return (bits - self.zero_point) * np.float32(self.scale)


class Model:
    """A full-integer model of one int8 input, with its tensors allocated once.

    Args:
        path: The card; the model lies beside it.
        card: Its content.
        threads: CPU threads.

    Raises:
        ModelError: File missing or changed, no runtime, or the file does not fit its card.
    """

    def __init__(self, path: Path, card: Card, threads: int = 1) -> None:
        self.card = card
        file = path.parent / card.file
        content = _read(file, card)
        with loading(file):
            self._interpreter = _interpreter_class()(model_content=content, num_threads=threads)
            self.input = self._fitting_input(file)  # before it is given memory: the file says itself how much
            self._interpreter.allocate_tensors()
        self.outputs = {tensor.name: tensor for tensor in map(Tensor, self._interpreter.get_output_details())}
        if not all(tensor.int8 for tensor in self.outputs.values()):
            raise ModelError(f"{file} has outputs that are not int8, or without a scale", "make it with quantize.py")

    def _fitting_input(self, file: Path) -> Tensor:
        inputs = [Tensor(details) for details in self._interpreter.get_input_details()]
        size = self.card.input
        expected = (1, size.height, size.width, size.channels)
        if len(inputs) != 1 or inputs[0].shape != expected or not inputs[0].int8:
            found = ", ".join(f"{t.shape} {'int8' if t.int8 else 'not int8, or without a scale'}" for t in inputs)
            raise ModelError(f"{file} does not fit its card: input {found}", f"the card says {expected} int8")
        return inputs[0]

    def input_table(self) -> NDArray[np.int8]:
        """(256,) int8: what each uint8 grey or colour level becomes at the input."""
        low, high = self.card.input.range
        levels = np.linspace(low, high, 256)
        quantised = np.round(levels / self.input.scale + self.input.zero_point)
        table: NDArray[np.int8] = np.clip(quantised, -128, 127).astype(np.int8)
        return table

    def output(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """An output by name, checked to have a shape. Raises ModelError."""
        tensor = self.outputs.get(name)
        if tensor is None or tensor.shape != shape:
            found = f"has shape {tensor.shape}" if tensor else f"is not among {', '.join(self.outputs)}"
            raise ModelError(f"{self.card.file} does not fit its card: output {name} {found}", f"expected {shape}")
        return tensor

    def input_view(self) -> NDArray[np.int8]:
        """The input tensor itself, to be written in place. Let go of it before `invoke`."""
        view: NDArray[np.int8] = self._interpreter.tensor(self.input.index)()
        return view

    def output_view(self, tensor: Tensor) -> NDArray[np.int8]:
        """An output tensor itself, valid until the next `invoke`. Let go of it before that."""
        view: NDArray[np.int8] = self._interpreter.tensor(tensor.index)()
        return view

    def invoke(self) -> None:
        """Run the model on what is in the input tensor."""
        self._interpreter.invoke()

    def reset(self) -> None:
        """Run the model on nothing, so that no trace of the last picture stays in its memory."""
        self.input_view()[:] = self.input.zero_point
        self.invoke()


@contextlib.contextmanager
def loading(file: Path) -> Iterator[None]:
    """A model is loaded or tried: the runtime is quiet, and the process takes MAX_MEMORY at most beside what it has.

    Only the kernels know what a model takes: a small file may ask for gigabytes between its input and its outputs.

    Raises:
        ModelError: In place of what the runtime raises.
    """
    try:
        with limited_memory(MAX_MEMORY), _quiet():
            yield
    except (ValueError, RuntimeError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        most = f"it may take {MAX_MEMORY // 1_000_000} MB of memory"
        raise ModelError(f"{file} cannot be loaded by {runtime_version()}", f"{reason[:300]} ({most})") from None


def runtime_version() -> str:
    """Name and version of the runtime in use, such as `ai-edge-litert 2.3.0`."""
    module = str(_interpreter_class().__module__)
    for name, package in RUNTIMES:
        if module == name:
            return f"{package} {importlib.metadata.version(package)}"
    return module


def _interpreter_class() -> Any:  # noqa: ANN401 - two packages, neither of them typed
    for name, _ in RUNTIMES:
        try:
            return importlib.import_module(name).Interpreter
        except ImportError:
            continue
    raise ModelError("no TFLite runtime is installed", "start with ./run, or pip install ai-edge-litert")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the runtime's own lines on stderr while a model is loaded: errors come as exceptions as well."""
    try:
        kept = os.dup(2)
    except OSError:  # a daemon without stderr is quiet anyway
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def _read(file: Path, card: Card) -> bytes:
    try:
        content = read_file(file, MAX_BYTES)
    except OSError as error:
        raise ModelError(f"model {file} cannot be read", error.strerror or str(error)) from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.sha256:
        raise ModelError(
            f"model {file} is not the file its card describes: sha256 {digest[:12]}..., card {card.sha256[:12]}...",
            "restore the file (git checkout models/), or make a card for it with quantize.py",
        )
    return content
