"""Nets at work on bytes: in float16, and on a GPU, they give what they give in float32 on a CPU."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from stylenet.nets.apply import apply_net, clip_net
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.slim import SlimNet
from stylenet.nets.unet import UNet
from stylenet.nets.video import RecurrentNet, WindowNet

NETS = {
    "johnson": partial(TransformerNet, width=0.25, blocks=2),
    "batch norm": partial(TransformerNet, width=0.25, blocks=1, norm="batch"),
    "slim": partial(SlimNet, channels=16, blocks=2),
    "unet": partial(UNet, width=0.125),
}

LEAST = 45.0
"""dB: what an export in float16 must keep, too."""


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2).clip(1e-9)))


@pytest.fixture(params=NETS)
def net(request: pytest.FixtureRequest) -> nn.Module:
    made: nn.Module = NETS[request.param]().eval().to(memory_format=torch.channels_last)
    return made


@pytest.mark.parametrize("traced", [False, True], ids=["as on a CPU", "as on a GPU"])
def test_half_precision_is_not_seen(
    net: nn.Module, picture: np.ndarray, traced: bool, monkeypatch: pytest.MonkeyPatch
):
    expected = apply_net(net, picture)
    with monkeypatch.context() as patch:
        if traced:
            patch.setattr(torch.compiler, "is_compiling", lambda: True)
        found = apply_net(net, picture, half=True)
    assert psnr(found, expected) > LEAST
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("make", [RecurrentNet, WindowNet])
def test_half_precision_is_not_seen_in_clips(make: type[TransformerNet], picture: np.ndarray):
    net = make(width=0.25, blocks=1).eval()
    frames = [np.roll(picture, shift, 1) for shift in range(6)]
    pairs = zip(clip_net(net)(frames), clip_net(net, half=True)(frames), strict=True)
    assert all(psnr(found, expected) > LEAST for expected, found in pairs)


@pytest.mark.gpu
@pytest.mark.parametrize("half", [False, True])
def test_a_gpu_paints_the_same(net: nn.Module, picture: np.ndarray, half: bool):
    expected = apply_net(net, picture)
    net.to("cuda")
    found = [apply_net(net, picture, half), *clip_net(net, half)([picture, picture])]
    assert all(psnr(each, expected) > LEAST for each in found)
