"""Run a training step as one CUDA graph.

A small network's step is a thousand small kernels, and a GPU is done with each before Python has asked for the next.
Recorded once and replayed as a whole, a step takes only as long as its kernels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3  # runs before the recording, in which libraries choose their kernels and optimisers make their state


def generator_of(device: torch.device) -> torch.Generator | None:
    """A GPU's own generator, which `torch.manual_seed` seeds and which alone a recorded function may use; else None."""
    if device.type != "cuda":
        return None
    torch.cuda.init()  # before that there are none
    return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]


class Recorded:
    """A function of tensors, recorded on a GPU at its first call and replayed at the others.

    Nothing in the function may wait for the GPU or depend on a value that is on it; what it keeps between calls
    (weights, statistics) it has to change in place.

    Args:
        function: Takes tensors, returns one. It runs a few times at the first call: its state moves by as many steps.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: list[Tensor] = []
        self._output = torch.empty(0)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Run it. `inputs` have the shapes and dtypes of the first call's, and the next call overwrites the result."""
        if self._graph is None:
            self._record(inputs)
        else:
            for kept, given in zip(self._inputs, inputs, strict=True):
                kept.copy_(given)
            self._graph.replay()
        return self._output

    def _record(self, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = [given.clone() for given in inputs]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside), torch.backends.cudnn.flags(enabled=True, benchmark=True):
            for _ in range(WARM_UP):
                self._function(*self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph), torch.backends.cudnn.flags(enabled=True, benchmark=True):
            self._output = self._function(*self._inputs)
        graph.replay()
        self._graph = graph
