"""torch.compile sees whole nets and losses, which stay channels-last from end to end."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from graphs import fake_gpu, launches, layout_changes, leaves_channels_last, moved, recorded
from torch import Tensor, nn
from torch.func import functional_call

from stylenet.losses.functional import energy, in_range, squared_error
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.nets.slim import SlimNet
from stylenet.ops.gram import gram_matrix
from stylenet.vgg import VGG

NETS: dict[str, Callable[[], nn.Module]] = {
    "johnson": lambda: TransformerNet(width=0.5),
    "slim": SlimNet,
    "several styles": lambda: MultiStyleNet(TransformerNet(width=0.5, blocks=1), ["a", "b"]),
}

OTHERS_LAYOUT = {"instance_norm", "native_batch_norm", "reflection_pad2d", "upsample_bilinear2d"}
"""Operations that a GPU computes in another layout, or whose gradients it does."""

BY_CHANCE = {"index_add", "index_put", "scatter_add", "_unsafe_index_put"}
"""Operations that add in an order that differs from run to run, or are slow to avoid this."""


def photos(size: tuple[int, int], batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, *size).contiguous(memory_format=torch.channels_last)


def names(graph: Any) -> set[str]:
    """Operations in a graph, without suffixes for forms, such as _legit and _backward."""
    return {name.removesuffix("_backward").strip("_") for name in launches(graph)}


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("net", NETS)
def test_a_net_is_one_graph_and_never_leaves_channels_last(net: str, autocast: bool):
    made = NETS[net]().to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        graphs = recorded(made, photos((64, 48)))
    assert len(graphs) == 2
    for graph in graphs:
        print(net, len(launches(graph)), "launches")
        assert layout_changes(graph) == []
        assert not names(graph) & (OTHERS_LAYOUT | BY_CHANCE)


@pytest.mark.parametrize("autocast", [False, True])
def test_the_terms_of_a_loss_are_one_graph(autocast: bool):
    target = photos((24, 20))

    def terms(x: Tensor) -> Tensor:
        image = in_range(x)
        error = squared_error(image, target) / energy(target)
        return error + squared_error(gram_matrix(image), gram_matrix(target))

    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        forward, backward = recorded(terms, photos((24, 20)).requires_grad_())
    assert layout_changes(forward) == layout_changes(backward) == []
    assert len(launches(forward)) < 25


def test_on_a_gpu_a_step_never_leaves_channels_last_nor_waits_for_a_value():
    loss = PerceptualLoss({"conv4_2": 1.0}, {"relu1_1": 0.5, "relu4_1": 0.5}, 1, 10, 1, True)
    net, vgg = NETS["johnson"]().to(memory_format=torch.channels_last), VGG(loss.layers)
    vgg.is_read = True  # any weights will do
    vgg.stages.bfloat16()
    states = tensors(net), tensors(vgg), {"photo": photos((64, 96), 4)}
    with fake_gpu() as listed:
        weights, frozen, given = map(moved, states)
        photo = given["photo"]

        def seen(image: Tensor) -> dict[str, Tensor]:
            return functional_call(vgg, frozen, (image,))

        loss.set_style(seen(photo[:1]))
        image = in_range(functional_call(net, weights, (photo,)))
        total = loss.total(loss(image, seen(image), seen(photo))).log().mean()
    assert total.device.type == "cuda"
    assert total.dtype == torch.float32
    outside = [name for name, results in listed.launched if leaves_channels_last(results)]
    assert outside == []
    done = {name for name, _ in listed.launched}
    assert not done & (OTHERS_LAYOUT | BY_CHANCE)
    grams = [results for name, results in listed.launched if name == "bmm"]
    assert {gram.dtype for gram in grams} == {torch.float32}


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers, those that are not saved, too."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


@pytest.mark.slow
@pytest.mark.parametrize("net", [TransformerNet(width=0.25, blocks=1), SlimNet(16, blocks=1)])
def test_what_inductor_makes_of_a_net_gives_the_same_numbers(net: nn.Module):
    made = net.to(memory_format=torch.channels_last)
    results = []
    for run in (made, torch.compile(made, fullgraph=True, dynamic=False)):
        photo = photos((47, 50)).mul_(0).add_(torch.linspace(0, 1, 50)).requires_grad_()
        made.zero_grad()
        out = run(photo)
        out.square().sum().backward()
        results.append([out, photo.grad, *(weight.grad for weight in made.parameters())])
    # A norm undoes shifts before it, so their gradients are 0 but for rounding.
    rounding = 1e-6 * max(eager.norm() for eager in results[0][2:])
    for eager, ours in zip(*results, strict=True):
        assert (ours - eager).norm() < 1e-4 * eager.norm() + rounding
