"""The discriminator: what a score has seen, and for which patch."""

import pytest
import torch

from stylenet.nets.patchgan import PatchGAN
from stylenet.system.errors import UserError


def test_a_score_has_seen_70_by_70_pixels():
    net = PatchGAN(width=0.125).eval()
    for norm in (3, 6, 9):
        net[norm] = torch.nn.Identity()  # the norms look at the whole picture
    image = torch.rand(1, 3, 128, 160, requires_grad=True)
    net(image)[0, 0, 7, 9].backward()
    assert image.grad is not None
    rows, columns = image.grad.abs().sum((0, 1)).nonzero().T
    assert int(rows.max() - rows.min()) + 1 == 70
    assert int(columns.max() - columns.min()) + 1 == 70


@pytest.mark.parametrize(("size", "scores"), [((256, 256), (30, 30)), ((32, 65), (2, 6))])
def test_every_patch_has_a_score(size: tuple[int, int], scores: tuple[int, int]):
    assert PatchGAN(width=0.05)(torch.rand(2, 3, *size)).shape == (2, 1, *scores)


def test_the_size_of_the_published_discriminator():
    """4x4 weights, biases at both ends, scale and shift of the norms between."""
    convolutions = 3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512
    norms = 2 * (128 + 256 + 512)
    assert sum(p.numel() for p in PatchGAN().parameters()) == 16 * convolutions + 64 + 1 + norms


def test_a_mistake_is_named():
    with pytest.raises(UserError, match=r"task.critic.width=0.001"):
        PatchGAN(width=0.001)
