"""A session of onnxruntime whose inputs and outputs keep their places on a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import OrtValue


class BoundSession:
    """A session by I/O binding: pictures of one size use the same memory on the device, in turn.

    A plain run takes memory there for every picture, and gives it back. Everything but `run` is as
    in `onnxruntime.InferenceSession`.

    Args:
        session: of onnxruntime. device: its name for the device, such as ``cuda``.
    """

    def __init__(self, session: Any, device: str) -> None:
        self._session, self._device = session, device
        self._binding = session.io_binding()
        self._inputs: dict[str, OrtValue] = {}
        self._bound: object = None
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(
        self, outputs: Sequence[str] | None, given: Mapping[str, NDArray[Any]], options: Any = None
    ) -> list[NDArray[Any]]:
        """As `onnxruntime.InferenceSession.run`. Threads wait for each other."""
        names = outputs or [output.name for output in self._session.get_outputs()]
        wanted = [*names, *((name, each.shape, each.dtype) for name, each in given.items())]
        with self._lock:
            if wanted != self._bound:
                self._bound = None  # until all are bound, and the first run has given its outputs
                self._bind(names, given)
            for name, values in given.items():
                self._inputs[name].update_inplace(np.ascontiguousarray(values))
            self._session.run_with_iobinding(self._binding, options)
            self._bound = wanted
            return list(self._binding.copy_outputs_to_cpu())

    def _bind(self, outputs: Sequence[str], given: Mapping[str, NDArray[Any]]) -> None:
        """Take memory for inputs. The first run takes it for the outputs, whose sizes it finds."""
        self._binding.clear_binding_inputs()
        self._binding.clear_binding_outputs()
        self._inputs.clear()
        for name, values in given.items():
            place = OrtValue.ortvalue_from_shape_and_type(values.shape, values.dtype, self._device)
            self._binding.bind_ortvalue_input(name, place)
            self._inputs[name] = place
        for name in outputs:
            self._binding.bind_output(name, self._device)
