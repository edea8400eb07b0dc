"""The operations that a GPU would launch, read from graphs and from tensors without memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from functorch.compile import make_boxed_func
from torch import Tensor, fx
from torch._dynamo.backends.common import aot_autograd
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

PICTURE = 10
"""Pictures and features have at least so many rows and columns; kernels of convolutions fewer."""

VIEWS = {
    "_unsafe_view", "alias", "as_strided", "detach", "expand", "permute", "select", "slice",
    "split_with_sizes", "squeeze", "sym_size", "t", "transpose", "unbind", "unsqueeze", "view",
}  # fmt: skip
"""Operations that launch nothing. They look at the same memory in another way."""


def recorded(fn: Callable[..., Any], *inputs: Any) -> list[fx.Graph]:
    """The forward graph that torch.compile makes of `fn`, and the backward graph if there is one.

    No operations are fused yet. The gradient is that of the sum of the result, or of the first of
    several results. Whatever torch.compile cannot trace is an error.
    """
    graphs = []

    def keep(module: fx.GraphModule, _: Any) -> Callable[..., Any]:
        graphs.append(module.graph)
        return make_boxed_func(module.forward)

    torch.compiler.reset()
    backend = aot_autograd(fw_compiler=keep, bw_compiler=keep)
    out = torch.compile(fn, fullgraph=True, dynamic=False, backend=backend)(*inputs)
    first = tree_leaves(out)[0]
    if first.requires_grad:
        first.float().sum().backward()
    return graphs


def launches(graph: fx.Graph) -> list[str]:
    """The names of ATen's operations that are no views, in order."""
    return [_name(node.target) for node in _launching(graph)]


def layout_changes(graph: fx.Graph) -> list[str]:
    """The operations that copy features to another order in memory, or leave channels-last."""
    return [node.format_node() for node in _launching(graph) if _changes_layout(node)]


def _launching(graph: fx.Graph) -> list[fx.Node]:
    return [
        node
        for node in graph.nodes
        if isinstance(node.target, OpOverload) and _name(node.target) not in VIEWS
    ]


def _name(operation: OpOverload) -> str:
    return operation.overloadpacket.__name__


def _changes_layout(node: fx.Node) -> bool:
    made = node.meta["val"]
    if leaves_channels_last(made):
        return True
    copied = _name(node.target) in {"_to_copy", "clone", "contiguous"} and _are_features(made)
    return copied and _order(node.all_input_nodes[0].meta["val"]) != _order(made)


def leaves_channels_last(results: Any) -> bool:
    """Whether any result is features in which the channels of a pixel do not lie together."""
    return any(_are_features(value) and value.stride(1) != 1 for value in tree_leaves(results))


def _are_features(value: Any) -> bool:
    """Whether a value is (B, C, H, W) of several channels, and no kernel of a convolution."""
    if not isinstance(value, Tensor) or value.ndim != 4:
        return False
    return value.shape[1] > 1 and min(value.shape[2:]) >= PICTURE


def _order(value: Tensor) -> list[int]:
    return sorted(range(value.ndim), key=lambda axis: -value.stride(axis))


class OnFakeGPU(TorchDispatchMode):
    """Lists the operations on tensors of a GPU that is not there, by name and results.

    Make the tensors by `fake_gpu`. Only forward passes work: a backward pass needs a driver.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launched: list[tuple[str, Any]] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        results = operation(*args, **(kwargs or {}))
        if _name(operation) not in VIEWS:
            self.launched.append((_name(operation), results))
        return results


@contextmanager
def fake_gpu() -> Iterator[OnFakeGPU]:
    """bfloat16 autocast for tensors without memory, and their operations.

    Whatever waits for a value of a tensor is an error, because there are no values. Convolutions
    get the layout that cuDNN gives them. Without a driver, torch would take a GPU without cuDNN.
    """
    cudnn = torch._C._ConvBackend.Cudnn
    torch.set_autocast_enabled("cuda", True)  # torch.autocast does nothing without a GPU
    torch.set_autocast_dtype("cuda", torch.bfloat16)
    try:
        with (
            patch.object(torch._C, "_select_conv_backend", lambda *args, **named: cudnn),
            torch._dynamo.config.patch(fake_tensor_cache_enabled=False),  # of other backends
            FakeTensorMode(),
            OnFakeGPU() as listed,
        ):
            yield listed
    finally:
        torch.clear_autocast_cache()
        torch.set_autocast_enabled("cuda", False)


def moved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Stand-ins on the fake GPU for tensors, of the same shapes, strides and types."""
    return {
        name: torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="cuda")
        for name, x in state.items()
    }
