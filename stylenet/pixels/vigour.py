"""Vigour: how strong the features of a style picture are beside those of photos.

Relative errors ask the same of every picture: a pale drawing displaces as much of the photo as a
mosaic with dark joints. The eye expects the opposite. Absolute errors, as in the papers, count a
picture by the energy of its Gram matrices. This is too much, because it differs thirtyfold between
31 pictures. So a power of the vigour, between 0 and 1, multiplies the style weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import torch

from stylenet.data.samples import sample_photos
from stylenet.losses.functional import energy
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.ops.gram import gram_matrix
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.tensors import to_tensor
from stylenet.vgg import VGG

SIDE = 256
"""Shorter side in pixels at which pictures and photos are compared, whatever the stroke size."""


@torch.no_grad()
def style_weights(vgg: VGG, loss: PerceptualLoss, pictures: Sequence[Bytes]) -> list[float]:
    """The style weight of each picture: `loss.style_weight` x vigour ** `loss.vigour`.

    Vigour is the energy of a picture's Gram matrices over that of the sample photos', the geometric
    mean over the style layers. No constant of it depends on the weights of `vgg`.

    Args:
        pictures: uint8 (H, W, 3).
    """
    if not loss.vigour:
        return [loss.style_weight] * len(pictures)
    photos = fmean(_strength(vgg, loss, photo) for photo in sample_photos())
    vigour = [_strength(vgg, loss, picture) - photos for picture in pictures]
    return [loss.style_weight * 2 ** (loss.vigour * doublings) for doublings in vigour]


def _strength(vgg: VGG, loss: PerceptualLoss, picture: Bytes) -> float:
    """The mean logarithm, to base 2, of the energies of a picture's Gram matrices."""
    image = to_tensor(resize_shorter_side(picture, SIDE)).to(vgg.mean.device)
    features = vgg(image, loss.style_layers)
    return fmean(energy(gram_matrix(feature)).log2().item() for feature in features.values())
