"""The blocks against torch's own layers, whose slower paths they replace."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

from stylenet.nets.blocks import Conv, Head, InstanceNorm, fitted


def assert_same(ours: nn.Module, theirs: nn.Module, x: torch.Tensor) -> None:
    """Hold the outputs together, and the gradients of the input and of every parameter."""
    results = []
    for layer in (ours, theirs):
        image = x.clone().requires_grad_()
        out = layer(image)
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        results.append((out, image.grad, *(p.grad for p in layer.parameters())))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (9, 1)])
def test_a_convolution_and_its_gradients_are_those_of_reflection_padding(
    kernel: int, stride: int, layout: torch.memory_format
):
    torch.manual_seed(0)
    ours = Conv(2, 4, kernel, stride)
    theirs = nn.Conv2d(2, 4, kernel, stride, kernel // 2, bias=False, padding_mode="reflect")
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 2, 11, 14).contiguous(memory_format=layout)
    assert_same(ours, theirs, x)


@pytest.mark.parametrize("size", [(12, 14), (11, 14), (12, 13), (11, 15)])
@pytest.mark.parametrize("kernel", [3, 9])
def test_a_head_and_its_gradients_are_those_of_a_plain_convolution(
    kernel: int, size: tuple[int, int]
):
    torch.manual_seed(0)
    ours = Head(4, 3, kernel).double()
    theirs = nn.Conv2d(4, 3, kernel, 1, kernel // 2, padding_mode="reflect").double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, *size).double().contiguous(memory_format=torch.channels_last)
    assert_same(ours, theirs, x)


def test_a_margin_must_fit_into_the_picture():
    with pytest.raises(RuntimeError, match="Padding"):
        Conv(1, 1, 9)(torch.zeros(1, 1, 4, 4))


def test_instance_norm_takes_a_scale_and_shift_for_each_picture():
    torch.manual_seed(0)
    norm, x = InstanceNorm(4), torch.randn(2, 4, 6, 5)
    own = {"weight": torch.randn(2, 4), "bias": torch.randn(2, 4)}
    together = functional_call(norm, own, (x,))
    for i in range(2):
        alone = functional_call(
            norm, {name: part[i] for name, part in own.items()}, (x[i : i + 1],)
        )
        torch.testing.assert_close(together[i : i + 1], alone)


@pytest.mark.parametrize("batch", [1, 3])
def test_instance_norm_and_its_gradients_are_torchs(batch: int):
    torch.manual_seed(0)
    ours, theirs = InstanceNorm(4), nn.InstanceNorm2d(4, affine=True)
    for parameter in ours.parameters():
        nn.init.normal_(parameter)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(batch, 4, 6, 5) * torch.arange(1.0, batch + 1).view(-1, 1, 1, 1)
    assert_same(ours, theirs, x)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (5, 8), (6, 7), (5, 7)])
def test_what_is_fitted_and_its_gradient_are_those_of_the_first_rows_and_columns(
    height: int, width: int
):
    x = torch.rand(2, 3, 6, 8, requires_grad=True)
    beside = torch.empty(2, 1, height, width)
    out = fitted(x, beside)
    assert torch.equal(out, x[..., :height, :width])
    given = torch.rand_like(out)
    [gradient] = torch.autograd.grad(out, x, given)
    expected = torch.zeros_like(x)
    expected[..., :height, :width] = given
    assert torch.equal(gradient, expected)
