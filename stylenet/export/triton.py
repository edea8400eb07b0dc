"""A model repository of NVIDIA's Triton inference server."""

from __future__ import annotations

import re
from dataclasses import dataclass

PARALLEL = 8
"""Instances that serve at once."""

MAX_BATCH = 8
"""Pictures of one size that Triton may serve as one batch."""

_DELAY = 2000  # microseconds that a picture may wait for others; a fraction of a run
_WARM_SIDE = 512  # pixels


@dataclass(frozen=True)
class Served:
    """A model as Triton serves it.

    name: the model's in requests, and the folder's; letters, digits, ``_`` and ``-``. io: ``bytes``
    or ``float``. engine: a TensorRT plan instead of an ONNX file.
    """

    name: str
    io: str
    engine: bool

    def __post_init__(self) -> None:
        assert re.fullmatch(r"[\w-]+", self.name), self.name

    @property
    def file(self) -> str:
        """The model's path below the folder."""
        return "1/model.plan" if self.engine else "1/model.onnx"

    def config(self) -> str:
        """``config.pbtxt``: dynamic batches, parallel instances, a warm-up run."""
        kind, shape = ("UINT8", (-1, -1, 3)) if self.io == "bytes" else ("FP32", (3, -1, -1))
        sizes = ", ".join(map(str, shape))
        warm = ", ".join(str(_WARM_SIDE if size < 0 else size) for size in shape)
        parts = [
            f'name: "{self.name}"',
            'platform: "tensorrt_plan"' if self.engine else 'backend: "onnxruntime"',
            f"max_batch_size: {MAX_BATCH}",
            f'input [ {{ name: "image" data_type: TYPE_{kind} dims: [ {sizes} ] }} ]',
            f'output [ {{ name: "stylized" data_type: TYPE_{kind} dims: [ {sizes} ] }} ]',
            f"dynamic_batching {{ max_queue_delay_microseconds: {_DELAY} }}",
            f"instance_group [ {{ count: {PARALLEL} kind: KIND_{self._device} }} ]",
            f'model_warmup [ {{ name: "first picture" batch_size: 1 inputs {{ key: "image" value '
            f"{{ data_type: TYPE_{kind} dims: [ {warm} ] random_data: true }} }} }} ]",
        ]
        if not self.engine:  # the instances share the cores; on a GPU the thread only waits
            parts.append('parameters { key: "intra_op_thread_count" value { string_value: "1" } }')
        return "\n".join(parts) + "\n"

    @property
    def _device(self) -> str:
        return "GPU" if self.engine else "AUTO"
