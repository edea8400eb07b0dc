"""Bilinear doubling against torch's in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from stylenet.ops.cpu.upsample import suits, upsample


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 2e-7), (torch.bfloat16, 3e-3)])
@pytest.mark.parametrize("shape", [(2, 16, 5, 7), (1, 96, 1, 4), (3, 32, 20, 1)])
def test_it_is_torchs_and_so_is_its_gradient(
    shape: tuple[int, int, int, int],
    dtype: torch.dtype,
    most: float,
    error: Callable[[Tensor, Tensor], float],
):
    x = torch.randn(shape).to(dtype).requires_grad_()
    assert suits(x)
    out = upsample(x)
    gradient = torch.randn(out.shape).to(dtype)
    out.backward(gradient)
    exact = x.detach().double().requires_grad_()
    expected = interpolate(exact, scale_factor=2.0, mode="bilinear")
    expected.backward(gradient.double())
    assert out.dtype == dtype
    assert error(out, expected.detach()) < most
    assert error(x.grad, exact.grad) < most


@pytest.mark.usefixtures("_kernels")
def test_what_is_flat_stays_flat_to_the_bit():
    x = torch.rand(1, 64, 1, 1).expand(1, 64, 31, 39).contiguous()
    assert torch.equal(upsample(x), x.repeat(1, 1, 2, 2))


def test_it_leaves_other_channel_counts_to_torch():
    assert not suits(torch.zeros(1, 24, 8, 8))
