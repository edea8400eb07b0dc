"""The slim net: what paints four pixels at once is a convolution of resized features."""

import pytest
import torch
from torch.nn.functional import conv2d, interpolate

from stylenet.nets.slim import SlimNet, UpsampledConv
from stylenet.system.errors import UserError


@pytest.mark.parametrize("size", [(4, 4), (5, 8), (9, 3)], ids=str)
def test_doubling_is_resizing_and_a_convolution(size: tuple[int, int]):
    head = UpsampledConv(5, 3).double()
    x = torch.randn(2, 5, *size, dtype=torch.double)
    resized = interpolate(x, scale_factor=2.0, mode="bilinear")
    expected = conv2d(resized, head.weight, head.bias)  # without a margin of a pixel
    assert head(x).shape == resized[:, :3].shape
    inside = head(x)[:, :, 2:-2, 2:-2]  # at the edge, features are mirrored before they are resized
    torch.testing.assert_close(inside, expected[:, :, 1:-1, 1:-1])


def test_even_features_give_an_even_picture():
    """Pixels that were free of each other would be four colours."""
    head = UpsampledConv(4, 3).double()
    picture = head(torch.full((1, 4, 6, 7), 0.7, dtype=torch.double))
    assert (picture - picture[:, :, :1, :1]).abs().max() < 1e-12


def test_half_the_size_is_the_finest():
    sizes = []
    net = SlimNet(channels=16, blocks=1)
    for module in net.modules():
        if isinstance(module, torch.nn.InstanceNorm2d):
            module.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[2:]))
    net(torch.rand(1, 3, 64, 48))
    assert set(sizes) == {(32, 24), (16, 12)}


def test_a_net_without_channels_is_refused():
    with pytest.raises(UserError, match=r"net\.channels=1,"):
        SlimNet(channels=1)
