"""Rewrites are exact: the same numbers as the plain layers, at even and odd sizes."""

import pytest
import torch

from stylenet.export.rewrites import SubPixelConv, rewritten
from stylenet.nets.blocks import Conv
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.slim import SlimNet, UpsampledConv


@pytest.mark.parametrize("size", [(16, 16), (17, 20), (19, 33)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("phases", [2, 4])
def test_a_convolution_by_phases_is_the_plain_one(size: tuple[int, int], bias: bool, phases: int):
    conv = Conv(5, 3, 9, bias=bias)
    x = torch.randn(2, 5, *size)
    torch.testing.assert_close(SubPixelConv(conv, phases)(x), conv(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (37, 50)])
def test_the_net_stays_as_it_was_and_its_copy_gives_the_same(size: tuple[int, int]):
    net = TransformerNet(width=0.5).eval()
    faster = rewritten(net)
    assert isinstance(net.head, Conv)
    assert isinstance(faster.head, SubPixelConv)
    x = torch.rand(1, 3, *size)
    with torch.no_grad():
        assert (faster(x) - net(x)).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(32, 32), (37, 50)])
def test_a_slim_nets_last_convolution_is_smoothed_before_it_is_written(size: tuple[int, int]):
    net = SlimNet(channels=16, blocks=1).eval()
    faster = rewritten(net)
    assert any(isinstance(module, UpsampledConv) for module in net.modules())
    assert not any(isinstance(module, UpsampledConv) for module in faster.modules())
    x = torch.rand(1, 3, *size)
    with torch.no_grad():
        assert (faster(x) - net(x)).abs().max() < 1e-5
