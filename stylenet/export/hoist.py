"""Quantise before values are moved, not after: a byte is moved in a quarter of the time."""

from __future__ import annotations

from collections import Counter
from typing import Any

MOVERS = {"Concat": None, "Pad": 1, "Slice": 1}
"""Operators that only move values → how many of their inputs are values (None: all). `Pad` is one
of them, because it adds mirrored values."""


def hoisted(proto: Any) -> None:
    """Bring every QuantizeLinear of a graph in front of the operators that only move its input.

    The result is exact: each value is quantised as before, only earlier. Other readers of the
    unmoved values still get floats.

    Args:
        proto: an ``onnx.ModelProto``, changed in place.
    """
    graph = proto.graph
    while any(_hoist(graph, node) for node in graph.node if node.op_type == "QuantizeLinear"):
        pass
    del graph.value_info[:]  # types and shapes that no longer hold; onnxruntime infers them


def _hoist(graph: Any, quantize: Any) -> bool:
    """Exchange a QuantizeLinear with the operator in front of it, if that is a mover."""
    read = Counter(name for node in graph.node for name in node.input)
    read.update(output.name for output in graph.output)
    moved = quantize.input[0]
    mover = next((node for node in graph.node if moved in node.output), None)
    if mover is None or mover.op_type not in MOVERS or read[moved] > 1:
        return False
    at = list(graph.node).index(mover)
    for place, name in enumerate(mover.input[: MOVERS[mover.op_type]]):
        early = type(quantize)()
        early.CopyFrom(quantize)
        early.name, early.input[0] = f"{quantize.name}_{place}", name
        early.output[0] = mover.input[place] = f"{quantize.output[0]}_{place}"
        graph.node.insert(at, early)
    mover.output[0] = quantize.output[0]
    graph.node.remove(quantize)
    return True
