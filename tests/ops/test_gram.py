"""The Gram kernel against a product in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from stylenet.ops.cpu.gram import gram, suits


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(2, 700, 192), (1, 256, 64), (3, 5, 128)])
def test_it_is_the_product_of_all_pairs(
    shape: tuple[int, int, int], dtype: torch.dtype, error: Callable[[Tensor, Tensor], float]
):
    x = torch.randn(shape).to(dtype)
    assert suits(x)
    out = gram(x)
    assert error(out, x.double().mT @ x.double()) < 3e-6
    assert torch.equal(out, out.mT)


def test_it_leaves_other_channel_counts_to_torch():
    assert not suits(torch.zeros(1, 8, 48))
