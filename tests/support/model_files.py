"""Model files that ask for more memory than they look like; written with the schema that comes with ai-edge-litert."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tflite


class _Graph:
    """A TFLite model that grows tensor by tensor and operator by operator."""

    def __init__(self) -> None:
        self._graph = tflite.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model = tflite.ModelT()
        self._model.version, self._model.subgraphs, self._model.operatorCodes = 3, [self._graph], []
        self._model.buffers = [tflite.BufferT()]  # the first one is that of tensors without content

    def int8(self, shape: tuple[int, ...]) -> int:
        """A tensor of 0 to 1; returns its number."""
        scale = tflite.QuantizationParametersT()
        scale.scale, scale.zeroPoint = [1 / 256], [-128]
        return self._tensor(shape, tflite.TensorType.INT8, scale)

    def int32(self, shape: tuple[int, ...], content: list[int] | None = None) -> int:
        """A tensor of whole numbers, with the same content always or with what an operator writes; its number."""
        number = self._tensor(shape, tflite.TensorType.INT32, None)
        if content is not None:
            buffer = tflite.BufferT()
            buffer.data = np.frombuffer(np.array(content, np.int32).tobytes(), np.uint8)
            self._graph.tensors[number].buffer = len(self._model.buffers)
            self._model.buffers.append(buffer)
        return number

    def operator(self, name: str, inputs: list[int], output: int, options: Any = None) -> None:
        """An operator from `inputs` to `output`."""
        code, operator = tflite.OperatorCodeT(), tflite.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(tflite.BuiltinOperator, name)
        code.version = 2 if name in {"SLICE", "RESIZE_NEAREST_NEIGHBOR", "MEAN"} else 1  # the first with int8
        operator.opcodeIndex = len(self._model.operatorCodes)
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(tflite.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self._model.operatorCodes.append(code)
        self._graph.operators.append(operator)

    def file(self, model_input: int, output: int) -> bytes:
        """The content of the file."""
        self._graph.inputs, self._graph.outputs = [model_input], [output]
        self._graph.tensors[output].name = b"output"
        builder = flatbuffers.Builder()
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, shape: tuple[int, ...], kind: int, scale: Any) -> int:
        tensor = tflite.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.quantization = b"", list(shape), kind, scale
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1


def enlarging_model(side: int, *, late: bool) -> bytes:
    """A model from (1, 8, 8, 3) to `output`, (1, 3), that enlarges its input to `side` pixels on its way.

    Args:
        side: It takes three bytes for each of `side` times `side` pixels.
        late: It finds out only while it runs how large that is.
    """
    graph = _Graph()
    shown = graph.int8((1, 8, 8, 3))
    size = graph.int32((2,), None if late else [side, side])
    if late:  # two levels of the picture and `side`
        part, flat, levels = graph.int8((1, 1, 2, 1)), graph.int8((2,)), graph.int32((2,))
        corner, extent = graph.int32((4,), [0, 0, 0, 0]), graph.int32((4,), [1, 1, 2, 1])
        graph.operator("SLICE", [shown, corner, extent], part, tflite.SliceOptionsT())
        graph.operator("RESHAPE", [part, graph.int32((1,), [2])], flat)
        graph.operator("CAST", [flat], levels)
        graph.operator("ADD", [levels, graph.int32((2,), [side, side])], size, tflite.AddOptionsT())
    large, output = graph.int8((1, 8, 8, 3)), graph.int8((1, 3))
    graph.operator("RESIZE_NEAREST_NEIGHBOR", [shown, size], large, tflite.ResizeNearestNeighborOptionsT())
    graph.operator("MEAN", [large, graph.int32((2,), [1, 2])], output, tflite.ReducerOptionsT())
    return graph.file(shown, output)
