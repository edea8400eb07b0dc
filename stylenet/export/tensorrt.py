"""TensorRT engines: built from a conforming graph, timed with copies and compute at once."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylenet.system.errors import UserError

INSTALL = "pip install tensorrt"
WORKSPACE = 4 * 2**30
"""Bytes that TensorRT's tactics may use."""

_RUNS = 50
_SLOTS = 2  # host and device buffers of each kind: one is copied while the other is at work


@dataclass(frozen=True)
class Profile:
    """The least, best and largest sizes that an engine takes: batch x height x width."""

    least: tuple[int, int, int] = (1, 32, 32)
    best: tuple[int, int, int] = (1, 512, 512)
    most: tuple[int, int, int] = (8, 2160, 3840)

    def shapes(self, io: str) -> list[tuple[int, ...]]:
        """The three sizes as shapes of `image`."""
        sizes = (self.least, self.best, self.most)
        return [(n, h, w, 3) if io == "bytes" else (n, 3, h, w) for n, h, w in sizes]


def build_script(profile: Profile, io: str) -> str:
    """A shell script for machines that have ``trtexec`` but not stylenet."""
    least, best, most = ("x".join(map(str, shape)) for shape in profile.shapes(io))
    return f"""#!/usr/bin/env bash
# Builds model.plan from model.onnx; precision is in the graph, so the network is strongly typed.
set -euo pipefail
cd "$(dirname "$0")"
typed=()
if trtexec --help 2>&1 | grep -q -- --stronglyTyped; then typed=(--stronglyTyped); fi
trtexec --onnx=model.onnx --saveEngine=model.plan --timingCacheFile=timing.cache "${{typed[@]}}" \\
  --minShapes=image:{least} --optShapes=image:{best} --maxShapes=image:{most}
"""


def build(content: bytes, io: str, profile: Profile, cache: Path) -> bytes:
    """An engine for the GPU of this machine.

    Args:
        content: an ONNX graph that conforms.
        cache: tactics timed by an earlier build; read if it is there, and written.

    Raises:
        UserError: TensorRT is not installed, there is no GPU, or the build fails.
    """
    trt = _tensorrt()
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    # TensorRT 11 knows no other kind; 10 must be told.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        raise UserError(f"TensorRT cannot read the graph: {parser.get_error(0).desc()}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    shapes = builder.create_optimization_profile()
    shapes.set_shape("image", *profile.shapes(io))
    config.add_optimization_profile(shapes)
    timings = config.create_timing_cache(cache.read_bytes() if cache.exists() else b"")
    config.set_timing_cache(timings, ignore_mismatch=False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise UserError("TensorRT could not build the engine; its messages above say why")
    cache.write_bytes(config.get_timing_cache().serialize())
    return bytes(plan)


@dataclass(frozen=True)
class Latency:
    """Milliseconds a picture: median and p95 of single pictures, the mean of an unbroken stream."""

    median: float
    p95: float
    streamed: float

    def __str__(self) -> str:
        return (
            f"{self.median:.2f} ms a picture (95 % below {self.p95:.2f}), "
            f"{self.streamed:.2f} ms with copies and compute at once"
        )


def latency(plan: bytes, shape: tuple[int, ...], io: str) -> Latency:
    """Time pictures of one shape, from pinned host memory and back to it."""
    runs = _Pipeline(plan, shape, io)
    for _ in range(5):
        runs.one(0)
    alone = []
    for _ in range(_RUNS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        runs.one(0)
        torch.cuda.synchronize()
        alone.append((time.perf_counter() - start) * 1e3)
    start = time.perf_counter()
    for number in range(_RUNS):
        runs.one(number % _SLOTS)
    torch.cuda.synchronize()
    streamed = (time.perf_counter() - start) * 1e3 / _RUNS
    return Latency(statistics.median(alone), statistics.quantiles(alone, n=20)[-1], streamed)


class _Pipeline:
    """Copy in, compute, copy out, on a stream each; two slots, so that the three overlap."""

    def __init__(self, plan: bytes, shape: tuple[int, ...], io: str) -> None:
        trt = _tensorrt()
        self.engine = trt.Runtime(trt.Logger(trt.Logger.ERROR)).deserialize_cuda_engine(plan)
        self.context = self.engine.create_execution_context()
        self.context.set_input_shape("image", shape)
        dtype = torch.uint8 if io == "bytes" else torch.float32
        self.photos = [torch.zeros(shape, dtype=dtype).pin_memory() for _ in range(_SLOTS)]
        self.results = [torch.zeros(shape, dtype=dtype).pin_memory() for _ in range(_SLOTS)]
        self.inputs = [photo.cuda() for photo in self.photos]
        self.outputs = [torch.empty_like(photo, device="cuda") for photo in self.photos]
        self.upload, self.compute, self.download = (
            torch.cuda.Stream()  # type: ignore[no-untyped-call]
            for _ in range(3)
        )
        # Each event tells that the slot's last copy is out.
        self.free = [torch.cuda.Event() for _ in range(_SLOTS)]  # type: ignore[no-untyped-call]

    def one(self, slot: int) -> None:
        """Queue one picture."""
        self.upload.wait_event(self.free[slot])
        with torch.cuda.stream(self.upload):
            self.inputs[slot].copy_(self.photos[slot], non_blocking=True)
        self.compute.wait_stream(self.upload)
        self._point("image", self.inputs[slot])
        self._point("stylized", self.outputs[slot])
        self.context.execute_async_v3(self.compute.cuda_stream)
        self.download.wait_stream(self.compute)
        with torch.cuda.stream(self.download):
            self.results[slot].copy_(self.outputs[slot], non_blocking=True)
            self.free[slot].record()

    def _point(self, name: str, tensor: Tensor) -> None:
        self.context.set_tensor_address(name, tensor.data_ptr())


def _tensorrt() -> Any:
    try:
        import tensorrt
    except ImportError:
        raise UserError(
            f"TensorRT is not installed; run {INSTALL} on a machine with a GPU"
        ) from None
    if not torch.cuda.is_available():
        raise UserError("TensorRT builds for the GPU it runs on; use a machine with a GPU")
    return tensorrt
