"""The contract every net keeps: sizes, batches, gradients, rebuilding."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from stylenet.nets.adain import AdaIN
from stylenet.nets.arbitrary import ArbitraryNet, Styled
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.nets.sanet import SANet
from stylenet.nets.slim import SlimNet
from stylenet.nets.traits import Traits, traits
from stylenet.nets.twoway import TwoWay
from stylenet.nets.unet import UNet
from stylenet.nets.video import RecurrentNet, WindowNet
from stylenet.ops.upsample import binomial
from stylenet.system.errors import UserError

NETS = {
    "instance": lambda: TransformerNet(width=0.25),
    "batch": lambda: TransformerNet(width=0.25, norm="batch"),
    "published": lambda: TransformerNet(width=0.25, upsampling="nearest", skips=False),
    "slim": lambda: SlimNet(channels=16, blocks=1),
    "recurrent": lambda: RecurrentNet(width=0.25),
    "window": lambda: WindowNet(width=0.25),
    "attention": lambda: looking(TransformerNet(width=0.25, attention=True)),
    "several styles": lambda: MultiStyleNet(TransformerNet(width=0.25), ["a", "b"]),
    "unet": lambda: UNet(width=0.125),
    "adain": lambda: in_one_style(AdaIN(width=0.125)),
    "sanet": lambda: in_one_style(SANet(width=0.125)),
}


def looking(net: TransformerNet) -> TransformerNet:
    """With attention that has learnt to matter."""
    nn.init.constant_(net.attention.gamma, 0.5)
    return net


def in_one_style(net: ArbitraryNet) -> Styled:
    with torch.no_grad():
        return Styled(net, net.code(torch.rand(1, 3, 40, 48)))


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> nn.Module:
    return NETS[request.param]().eval()


@pytest.mark.parametrize(
    "size", [(32, 32), (33, 32), (34, 37), (35, 51), (47, 33), (64, 36)], ids=str
)
def test_the_output_has_the_inputs_size(net: nn.Module, size: tuple[int, int]):
    image = torch.rand(1, 3, *size)
    assert net(image).shape == image.shape


def test_a_batch_of_different_photos_equals_one_by_one(net: nn.Module):
    images = torch.rand(3, 3, 36, 41) * torch.tensor([0.2, 0.6, 1.0]).view(3, 1, 1, 1)
    with torch.no_grad():
        together = net(images)
        one_by_one = torch.cat([net(image[None]) for image in images])
    torch.testing.assert_close(together, one_by_one, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_parameter(net: nn.Module):
    net.train()
    net(torch.rand(2, 3, 32, 36)).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_same_input_gives_the_same_output(net: nn.Module):
    image = torch.rand(1, 3, 40, 40)
    assert torch.equal(net(image), net(image))


@pytest.mark.parametrize("width", [0.25, 0.5])
def test_the_border_is_not_darker_or_brighter_than_the_inside(width: float):
    """Under reflection padding a constant photo stays constant up to its very edge."""
    out = TransformerNet(width=width).eval()(torch.full((1, 3, 37, 45), 0.3))
    torch.testing.assert_close(out, out[..., :1, :1].expand_as(out), rtol=0, atol=1e-4)


def test_instance_norm_forgets_the_photos_contrast_and_batch_norm_does_not():
    image = torch.rand(1, 3, 48, 48)
    faint = 0.5 + 0.25 * (image - 0.5)

    def change(norm: str) -> float:
        torch.manual_seed(0)
        net = TransformerNet(width=0.25, norm=norm).eval()
        with torch.no_grad():
            return float((net(image) - net(faint)).norm() / (net(image) - net(image).mean()).norm())

    assert change("instance") < 0.01
    assert change("batch") > 0.3


def test_the_unet_keeps_brightness_and_contrast():
    net = UNet(width=0.125).eval()
    image = torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        for other in (image / 2, 0.5 + 0.25 * (image - 0.5)):
            change = (net(image) - net(other)).norm() / (net(image) - net(image).mean()).norm()
            assert change > 0.1


def test_attention_begins_as_the_identity_and_then_sees_the_whole_picture():
    torch.manual_seed(0)
    plain = TransformerNet(width=0.25, blocks=1).eval()
    torch.manual_seed(0)
    net = TransformerNet(width=0.25, blocks=1, attention=True).eval()
    image = torch.rand(1, 3, 256, 48)
    with torch.no_grad():
        assert torch.equal(net(image), plain(image))

    def reach(net: TransformerNet) -> float:
        """How much the top of the features depends on the bottom."""
        x = torch.rand(1, 32, 64, 12, requires_grad=True)
        net.attention(x)[:, :, 0].sum().backward()
        assert x.grad is not None
        return float(x.grad[:, :, -8:].abs().sum())

    assert reach(net) == 0
    assert reach(looking(net)) > 0


def test_a_net_of_two_ways_goes_forth():
    net = TwoWay(UNet(width=0.05), UNet(width=0.05)).eval()
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(net(image), net.forth(image))
    assert not torch.equal(net(image), net.back(image))


def test_the_size_of_the_published_net():
    """Johnson's net has 1 679 235 parameters; 1 600 biases go where a norm follows."""
    count = sum(parameter.numel() for parameter in TransformerNet(skips=False).parameters())
    assert count == 1679235 - (32 + 64 + 128 + 10 * 128 + 64 + 32)


def test_smoothing_is_1_2_1_and_has_its_zero_at_the_highest_frequency():
    kernel = torch.outer(*[torch.tensor([1.0, 2.0, 1.0])] * 2)[None, None] / 16
    x = torch.rand(1, 1, 8, 9)
    torch.testing.assert_close(binomial(x)[..., 1:-1, 1:-1], conv2d(x, kernel))
    alternating = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
    assert binomial(alternating).abs().max() < 1e-6


def test_mistakes_are_named():
    with pytest.raises(UserError, match="bicubic"):
        TransformerNet(upsampling="bicubic")
    with pytest.raises(UserError, match="layer"):
        TransformerNet(norm="layer")
    with pytest.raises(UserError, match="width"):
        TransformerNet(width=0.001)
    with pytest.raises(UserError, match="width"):
        UNet(width=0.001)


def test_a_net_says_how_it_is_told_its_style_and_what_it_sees_of_a_clip():
    several = MultiStyleNet(TransformerNet(width=0.25), ["a", "b"])
    assert traits(several) == Traits(styles=("a", "b"))
    assert traits(AdaIN(width=0.125)) == Traits(takes_style=True)
    assert traits(TwoWay(UNet(width=0.05), UNet(width=0.05))).directions == ("forth", "back")
    assert traits(RecurrentNet(width=0.25)) == Traits(recurrent=True)
    assert traits(WindowNet(width=0.25)).window == 5


def test_a_plain_module_has_the_traits_of_one_style_and_one_frame():
    assert traits(nn.Identity()) == Traits() == traits(TransformerNet(width=0.25))
