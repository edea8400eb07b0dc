"""A trained model as an ONNX graph."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from stylenet.export.contract import (
    Bytes,
    Floats,
    Recurrent,
    Tiles,
    Window,
    metadata,
    to_floats,
)
from stylenet.export.rewrites import rewritten
from stylenet.export.tiles import Tiled
from stylenet.models.checkpoint import TrainedModel
from stylenet.nets.traits import traits
from stylenet.pictures.sides import MIN_SIDE
from stylenet.system.errors import UserError

OPSET = 18
"""The oldest that torch's exporter writes without a lossy conversion; TensorRT takes up to 20."""


def to_onnx(
    model: TrainedModel, io: str, rewrite: Callable[[nn.Module], nn.Module] = rewritten
) -> bytes:
    """The model under its contract, with free batch, height and width.

    Args:
        io: ``bytes``, ``float`` or ``tiles``, as the classes of `stylenet.export.contract`. A net
            for clips takes ``bytes`` and gets the inputs that it needs; the metadata says which.
        rewrite: makes the copy of the net that is exported.

    Raises:
        UserError: onnx is not installed, or another `io` is wanted for a net for clips.
    """
    io = clip_io(model.net, io)
    return written(_graph(rewrite(model.net), io), metadata(model.config, io))


def written(graph: Graph, facts: dict[str, str]) -> bytes:
    """A graph as an ONNX file's bytes.

    Args:
        facts: its metadata, beside the graph's own.

    Raises:
        UserError: onnx is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ImportError:
        raise UserError("exporting needs onnx; run pip install 'stylenet[deploy]'") from None
    with torch.no_grad(), _quietly():
        program = torch.onnx.export(
            graph.module.eval(),
            graph.examples,
            dynamo=True,
            dynamic_shapes=graph.free,
            input_names=list(graph.free),
            output_names=graph.outputs,
            opset_version=OPSET,
        )
    assert program is not None
    proto = program.model_proto
    written = {entry.domain: entry.version for entry in proto.opset_import}
    assert written[""] == OPSET, written  # the exporter has been known to write another
    _strip(proto)
    if graph.result_axes:
        _name_sizes(proto.graph.input[0], proto.graph.output[0], graph.result_axes)
    onnx.helper.set_model_props(proto, facts | graph.facts)
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString()
    return content


def clip_io(net: nn.Module, io: str) -> str:
    """The contract's kind of input: `io`; for nets for clips ``recurrent`` or ``window``.

    Raises:
        UserError: another `io` than ``bytes`` is wanted for a net for clips.
    """
    seen = traits(net)
    kind = "recurrent" if seen.recurrent else "window" if seen.receptive_radius else io
    if kind != io != "bytes":
        raise UserError(f"--io {io} is for per-frame nets; a {kind} net takes --io bytes")
    return kind


@dataclass(frozen=True)
class Graph:
    """What the exporter is given.

    free: every input's free axes. facts: metadata. result_axes: the result's axes that equal the
    first input's free axes; none if the result has another size.
    """

    module: nn.Module
    examples: tuple[Tensor, ...]
    free: dict[str, dict[int, Any]]
    outputs: list[str]
    facts: dict[str, str]
    result_axes: tuple[int, ...] = (0, 1, 2)


def _graph(net: nn.Module, io: str) -> Graph:
    batch = torch.export.Dim("N")
    height, width = (torch.export.Dim(name, min=MIN_SIDE) for name in "HW")
    if io == "tiles":
        return _tiles(Tiled(net), {1: height, 2: width})
    example = torch.zeros(2, 64, 66, 3, dtype=torch.uint8)
    outputs = ["stylized"]
    if io == "bytes":
        free = {"image": {0: batch, 1: height, 2: width}}
        return Graph(Bytes(net), (example,), free, outputs, {})
    if io == "recurrent":
        free = {name: {0: batch, 1: height, 2: width} for name in ("image", "previous")}
        return Graph(Recurrent(net), (example, example.clone()), free, outputs, {})
    if io == "window":
        seen = traits(net)
        frames = example[:, None].repeat(1, seen.window, 1, 1, 1)
        free = {"frames": {0: batch, 2: height, 3: width}}
        facts = {"stylenet.around": str(seen.receptive_radius)}  # the name that files keep
        return Graph(Window(net), (frames,), free, outputs, facts)
    free = {"image": {0: batch, 2: height, 3: width}}
    return Graph(Floats(net), (to_floats(example),), free, outputs, {}, (0, 2, 3))


def free_pictures() -> tuple[Tensor, dict[int, Any]]:
    """Two pictures, uint8 (N, H, W, 3), to trace a graph with, and their free axes."""
    height, width = (torch.export.Dim(name, min=MIN_SIDE) for name in "HW")
    axes = {0: torch.export.Dim("N"), 1: height, 2: width}
    return torch.zeros(2, 64, 66, 3, dtype=torch.uint8), axes


def _tiles(net: Tiled, free: dict[int, Any]) -> Graph:
    image = torch.zeros(1, 64, 66, 3, dtype=torch.uint8)
    interior = torch.tensor([0, 0, 64, 66])
    statistics = torch.ones(2, sum(net.channels))
    outputs = ["stylized", *(f"statistics_{number}" for number in range(len(net.channels)))]
    facts = {"stylenet.halo": str(net.halo()), "stylenet.alignment": str(net.alignment)}
    inputs = {"image": free, "interior": {}, "statistics": {}}
    return Graph(Tiles(net), (image, interior, statistics), inputs, outputs, facts, (1, 2))


def _name_sizes(given: Any, made: Any, axes: Sequence[int]) -> None:
    """Give an output's free axes the names of the input's free axes."""
    sizes = [size for size in given.type.tensor_type.shape.dim if size.dim_param]
    for axis, size in zip(axes, sizes, strict=True):
        made.type.tensor_type.shape.dim[axis].dim_param = size.dim_param


def _strip(proto: Any) -> None:
    """Leave out the exporter's notes on every node and value: file names, stack traces."""
    graph = proto.graph
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.metadata_props[:]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's progress and advice off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
