"""Channels brought to one scale before an InstanceNorm, which removes the scale again.

Eight bits for a whole tensor are too few if one channel is ten times as large as another. The scale
of a convolution's output channels is free if an InstanceNorm follows.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from stylenet.nets.blocks import Conv, InstanceNorm

_QUIET = 1e-3
"""Channels of a smaller variance are left as they are: the norm's epsilon, 1e-5, would show."""


@torch.no_grad()
def equalised(net: nn.Module, images: Iterable[Tensor]) -> nn.Module:
    """A copy of `net` that gives the same results, with channels of equal peaks on `images`.

    images: (N, 3, H, W) in [0, 1].
    """
    net = copy.deepcopy(net)
    loudest: dict[Conv, Tensor] = {}
    quiet: dict[Conv, Tensor] = {}

    def note(conv: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(conv, Conv)
        peak = output.abs().amax((0, 2, 3))
        loudest[conv] = torch.maximum(loudest.get(conv, peak), peak)
        low = output.var((2, 3)).amin(0) < _QUIET
        quiet[conv] = quiet.get(conv, low) | low

    convs = list(_before_norms(net))
    hooks = [conv.register_forward_hook(note) for conv in convs]
    for image in images:
        net(image)
    for hook in hooks:
        hook.remove()
    for conv in convs:
        # To the median: half of the channels grow, and none comes near the norm's epsilon.
        scale = torch.where(quiet[conv], 1.0, loudest[conv].median() / loudest[conv])
        conv.weight *= scale[:, None, None, None]
        if conv.bias is not None:
            conv.bias *= scale
    return net


def _before_norms(net: nn.Module) -> Iterable[Conv]:
    for module in net.modules():
        if isinstance(module, nn.Sequential):
            steps = list(module)
            for step, following in itertools.pairwise(steps):
                if isinstance(step, Conv) and isinstance(following, InstanceNorm):
                    yield step
