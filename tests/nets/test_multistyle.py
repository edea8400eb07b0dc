"""One net for several styles: each is a plain net, and so is each mixture."""

import numpy as np
import pytest
import torch
from torch import nn

from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.nets.slim import SlimNet
from stylenet.system.errors import UserError

NETS = {
    "johnson": lambda: TransformerNet(width=0.5, blocks=1),  # 16 channels: what kernels take
    "odd": lambda: TransformerNet(width=0.25, blocks=1),
    "slim": lambda: SlimNet(channels=32, blocks=1),
}


def learnt(net: nn.Module) -> MultiStyleNet:
    """With styles that differ."""
    several = MultiStyleNet(net, ["a", "b", "folder/c.jpg"]).eval()
    nn.init.normal_(several.scale)
    nn.init.normal_(several.shift)
    return several


@pytest.mark.parametrize("kind", NETS)
def test_each_photo_is_painted_as_the_plain_net_of_its_mixture_would(kind: str):
    net = learnt(NETS[kind]())
    photos = torch.rand(3, 3, 36, 41)
    weights = torch.tensor([[1, 0, 0], [0, 0.25, 0.75], [1 / 3] * 3])
    with torch.no_grad():
        together = net(photos, weights)
        for number in range(3):
            plain = net.mixture(weights[number : number + 1]).eval()
            alone = plain(photos[number : number + 1])
            torch.testing.assert_close(together[number : number + 1], alone, rtol=1e-4, atol=1e-4)
            assert type(plain) is type(net.net)
            assert len(plain.state_dict()) > len(net.net.state_dict())  # it has norms of its own


def test_styles_share_all_but_scales_and_shifts():
    net = learnt(NETS["johnson"]())
    plain = NETS["johnson"]()
    norms = sum(m.num_features for m in plain.modules() if isinstance(m, nn.InstanceNorm2d))
    convolutions = sum(p.numel() for p in plain.parameters()) - 2 * norms
    assert sum(p.numel() for p in net.parameters()) == convolutions + 3 * 2 * norms


def test_a_style_learns_nothing_from_photos_in_another():
    net = learnt(NETS["johnson"]())
    net(torch.rand(1, 3, 32, 32), torch.tensor([[0.0, 1.0, 0.0]])).square().sum().backward()
    for learns in (net.scale, net.shift):
        assert learns.grad is not None
        assert (learns.grad.abs().sum(1) > 0).tolist() == [False, True, False]


def test_every_style_begins_as_one_plain_net():
    torch.manual_seed(1)
    plain = NETS["johnson"]().eval()
    for parameter in plain.parameters():
        nn.init.normal_(parameter, std=0.1)
    net = MultiStyleNet(NETS["johnson"](), ["a", "b"]).eval()
    net.begin_as(plain)
    photo = torch.rand(1, 3, 33, 40)
    with torch.no_grad():
        for weights in np.eye(2, dtype=np.float32):
            painted = net(photo, torch.from_numpy(weights[None]))
            torch.testing.assert_close(painted, plain(photo), rtol=1e-4, atol=1e-4)


def test_styles_are_called_by_names_or_stems_that_differ():
    assert learnt(NETS["slim"]()).styles == ["a", "b", "c"]
    with pytest.raises(UserError, match="has a twice"):
        MultiStyleNet(NETS["slim"](), ["a", "b", "folder/a.png"])
    with pytest.raises(UserError, match="empty"):
        MultiStyleNet(NETS["slim"](), [])
    with pytest.raises(UserError, match="InstanceNorm"):
        MultiStyleNet(TransformerNet(width=0.25, norm="batch"), ["a"])
