"""Vigour: bold pictures weigh more than pale ones, beside the same photos."""

from statistics import geometric_mean

import numpy as np
import pytest

from stylenet.data.samples import sample_photos
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.pixels.vigour import style_weights
from stylenet.vgg import VGG

LAYERS = {"relu1_1": 0.5, "relu3_1": 0.5}


@pytest.fixture(scope="module")
def vgg() -> VGG:
    return VGG(list(LAYERS))


def loss_of(vigour: float) -> PerceptualLoss:
    return PerceptualLoss({"relu3_1": 1.0}, LAYERS, 1.0, 10.0, 0.0, True, vigour=vigour)


def test_photos_have_a_vigour_of_one(vgg: VGG):
    weights = style_weights(vgg, loss_of(1.0), sample_photos())
    assert geometric_mean(weights) == pytest.approx(10)
    assert max(weights) > 1.1 * min(weights)


def test_a_picture_of_less_contrast_weighs_less_and_none_does_without_vigour(vgg: VGG):
    [photo, *_] = sample_photos()
    pale = (128 + 0.3 * (photo.astype(float) - 128)).astype(np.uint8)
    bold, faint = style_weights(vgg, loss_of(1.0), [photo, pale])
    assert faint < 0.5 * bold
    assert style_weights(vgg, loss_of(0.0), [photo, pale]) == [10, 10]


def test_the_power_is_one_of_the_vigour(vgg: VGG):
    [photo, *_] = sample_photos()
    [whole], [half] = (style_weights(vgg, loss_of(power), [photo]) for power in (1.0, 0.5))
    assert (half / 10) ** 2 == pytest.approx(whole / 10)
