"""A function of tensors as one CUDA graph: a GPU replays its launches without the host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from stylenet.system.errors import first_line

_log = logging.getLogger(__name__)

Tensors = Mapping[str, Tensor]

WARM_UP = 3
"""Calls before the recording. They create an optimiser's state, and libraries choose their kernels
in them. The number is that of PyTorch's notes on CUDA semantics, section on whole-network
capture."""


class Recorded:
    """A CUDA graph of a function, recorded after `WARM_UP` calls.

    A call is the function's, whether it runs or is replayed: none is made for the recording alone.
    Where a GPU cannot record the function, or its inputs have other shapes, the function runs as it
    is.

    Args:
        function: takes tensors of a GPU, and changes others in place. It waits for no device, and
            reads no number of the host that changes. Its results are tensors.
    """

    def __init__(self, function: Callable[[Tensors], Tensors]) -> None:
        self.function = function
        self.calls = 0
        self.inputs: dict[str, Tensor] = {}
        self.outputs: Tensors = {}
        self.graph: torch.cuda.CUDAGraph | None = None
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def __call__(self, inputs: Tensors) -> Tensors:
        """The function's results, which later calls do not change."""
        self.calls += 1
        if self.calls == WARM_UP + 1:
            self._record(inputs)
        if self.graph is None or _kinds(inputs) != _kinds(self.inputs):
            with self._aside():
                return self.function(inputs)
        for name, tensor in inputs.items():
            self.inputs[name].copy_(tensor, non_blocking=True)
        self.graph.replay()
        return {name: tensor.clone() for name, tensor in self.outputs.items()}

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Run on the stream that records, because autograd notes the stream of a first call."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            yield
        torch.cuda.current_stream().wait_stream(self.stream)

    def _record(self, inputs: Tensors) -> None:
        """Record the function, which runs nothing yet."""
        self.inputs = {name: torch.empty_like(tensor) for name, tensor in inputs.items()}
        graph = torch.cuda.CUDAGraph()
        torch.clear_autocast_cache()  # replays would read the casts of today's weights
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.outputs = self.function(self.inputs)
        except RuntimeError as error:
            told = first_line(error)
            _log.warning("the GPU cannot record a step, so steps are slower: %s", told)
        else:
            self.graph = graph


def _kinds(tensors: Tensors) -> dict[str, Any]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
