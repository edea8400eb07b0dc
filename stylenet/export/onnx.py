"""A trained model as an ONNX graph."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from stylenet.checkpoint import TrainedModel
from stylenet.errors import UserError
from stylenet.export.contract import Contract, metadata
from stylenet.export.rewrites import rewritten

OPSET = 18
"""The oldest that torch's exporter writes without a lossy conversion; TensorRT takes up to 20."""


def to_onnx(model: TrainedModel, floats: bool) -> bytes:
    """The model under its contract, with free batch, height and width.

    Args:
        floats: as in `Contract`.

    Raises:
        UserError: onnx is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ImportError:
        raise UserError("exporting needs onnx; run pip install 'stylenet[deploy]'") from None
    example = torch.zeros(2, 64, 66, 3, dtype=torch.uint8)
    if floats:
        example = example.permute(0, 3, 1, 2).float()
    names = ("N", "C", "H", "W") if floats else ("N", "H", "W", "C")
    free = {axis: torch.export.Dim(name) for axis, name in enumerate(names) if name != "C"}
    with torch.no_grad(), _quietly():
        program = torch.onnx.export(
            Contract(rewritten(model.net), floats).eval(),
            (example,),
            dynamo=True,
            dynamic_shapes={"image": free},
            input_names=["image"],
            output_names=["stylized"],
            opset_version=OPSET,
        )
    assert program is not None
    proto = program.model_proto
    written = {entry.domain: entry.version for entry in proto.opset_import}
    assert written[""] == OPSET, written  # the exporter has been known to write another
    _strip(proto)
    for axis, size in enumerate(proto.graph.input[0].type.tensor_type.shape.dim):
        if size.dim_param:
            proto.graph.output[0].type.tensor_type.shape.dim[axis].dim_param = size.dim_param
    onnx.helper.set_model_props(proto, metadata(model.config, floats))
    onnx.checker.check_model(proto, full_check=True)
    content: bytes = proto.SerializeToString()
    return content


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
