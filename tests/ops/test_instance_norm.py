"""The norm kernel against torch's in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from stylenet.ops import instance_norm as ops
from stylenet.ops.cpu.instance_norm import instance_norm, suits


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-6), (torch.bfloat16, 4e-3)])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", [(2, 16, 5, 7), (3, 96, 31, 20), (1, 32, 200, 300)])
def test_it_normalises_and_its_gradients_are_torchs(
    shape: tuple[int, ...],
    relu: bool,
    dtype: torch.dtype,
    most: float,
    error: Callable[[Tensor, Tensor], float],
):
    x = (3 * torch.randn(shape) + 20 * torch.rand(shape[1], 1, 1)).to(dtype)
    scale, shift, gradient = torch.randn(shape[1]), torch.randn(shape[1]), torch.randn(shape)
    ours = [value.requires_grad_() for value in (x, scale, shift)]
    assert suits(x)
    out = instance_norm(x, scale, shift, 1e-5, relu)
    out.backward(gradient.to(dtype))
    theirs = [value.detach().double().requires_grad_() for value in ours]
    expected = functional.instance_norm(theirs[0], weight=theirs[1], bias=theirs[2], eps=1e-5)
    kept = (out > 0) | (not relu)
    expected.backward(gradient.to(dtype).double() * kept)
    assert out.dtype == dtype
    assert error(out, expected.detach() * kept) < most
    for a, b in zip(ours, theirs, strict=True):
        assert error(a.grad, b.grad) < most


@pytest.mark.usefixtures("_kernels")
def test_each_picture_may_have_its_own_scale_and_shift():
    x = torch.randn(2, 32, 9, 7)
    own = [torch.randn(2, 32).requires_grad_() for _ in range(2)]
    together = instance_norm(x, *own, 1e-5, relu=True)
    apart = [part.detach().clone().requires_grad_() for part in own]
    alone = [
        instance_norm(x[i : i + 1], apart[0][i], apart[1][i], 1e-5, relu=True) for i in range(2)
    ]
    assert torch.equal(together, torch.cat(alone))
    together.square().sum().backward()
    torch.cat(alone).square().sum().backward()
    for a, b in zip(own, apart, strict=True):
        assert torch.equal(a.grad, b.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_flat_picture_gives_the_shift(dtype: torch.dtype):
    x = torch.full((1, 16, 9, 9), 100.0, dtype=dtype)
    if not suits(x):
        pytest.skip("no C compiler here, or not its processor")
    shift = torch.arange(16.0) - 8
    out = instance_norm(x, torch.ones(16), shift, 1e-5, relu=False)
    assert torch.equal(out.float(), shift.view(1, 16, 1, 1).expand(1, 16, 9, 9))


def test_it_leaves_other_channel_counts_to_torch():
    assert not suits(torch.zeros(1, 24, 8, 8))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("own", [False, True])
def test_without_a_kernel_gradients_are_right_in_any_layout(batch: int, own: bool):
    """Torch's own gradient of a single picture is wrong if the gradient comes channels-last."""
    last = torch.channels_last
    x = torch.randn(batch, 5, 9, 7).contiguous(memory_format=last)
    gradient = torch.randn(batch, 5, 9, 7).contiguous(memory_format=last)
    scale, shift = torch.randn(2, batch, 5) if own else torch.randn(2, 5)
    assert not suits(x)
    ours = [value.clone().requires_grad_() for value in (x, scale, shift)]
    out = ops.instance_norm(*ours, 1e-5)
    out.backward(gradient)
    theirs = [value.detach().double().requires_grad_() for value in ours]
    wide, *parts = theirs
    variance, mean = torch.var_mean(wide, (2, 3), correction=0, keepdim=True)
    own_scale, own_shift = (part.view(-1, 5, 1, 1) for part in parts)
    expected = (wide - mean) / (variance + 1e-5).sqrt() * own_scale + own_shift
    expected.backward(gradient.double())
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-5)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad.double(), b.grad, rtol=1e-4, atol=1e-5)
