"""Style reduction: the weight that is found takes away the share of style error asked for."""

import numpy as np
import pytest
import torch
from PIL import Image

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.pixels.strength import SIDE, calibrate, reduction
from stylenet.tensors import to_tensor
from stylenet.vgg import VGG

LAYERS = {f"relu{block}_1": 0.25 for block in (1, 2, 3, 4)}


@pytest.fixture(scope="module")
def vgg() -> VGG:
    return VGG([*LAYERS])


def loss_of(strength: float) -> PerceptualLoss:
    return PerceptualLoss({"relu3_1": 1.0}, LAYERS, 1.0, 10.0, 0.0, True, strength)


def drawn(seed: int, cell: int) -> Bytes:
    """Soft blobs of colour, uint8 (96, 96, 3)."""
    colours = np.random.default_rng(seed).integers(0, 256, (96 // cell, 96 // cell, 3), "u1")
    return np.asarray(Image.fromarray(colours).resize((96, 96), Image.Resampling.BICUBIC))


def stripes() -> Bytes:
    return np.tile(np.array([[[250, 240, 220], [20, 30, 60]]], "u1").repeat(6, 1), (96, 8, 1))


def reached(vgg: VGG, strength: float, style: Bytes) -> float:
    loss, photo = loss_of(strength), drawn(0, 12)
    calibrate(vgg, loss, [photo], [style], [1.0])
    with torch.no_grad():
        loss.set_style(vgg(to_tensor(resize_shorter_side(style, SIDE))))
    return reduction(vgg, loss, to_tensor(photo))


def test_styles_as_different_as_can_be_are_met_equally(vgg: VGG):
    for style in (drawn(1, 4), stripes()):
        assert reached(vgg, 0.5, style) == pytest.approx(0.5, abs=0.04)


def test_the_nearest_trial_is_kept_not_the_last(vgg: VGG, monkeypatch: pytest.MonkeyPatch):
    tried: dict[float, float] = {}
    shares = iter([0.9, 0.1, 0.52, 0.8, 0.2, 0.7, 0.3])

    def answer(_vgg: VGG, loss: PerceptualLoss, _photo: torch.Tensor) -> float:
        return tried.setdefault(loss.weights["style"], next(shares))

    monkeypatch.setattr("stylenet.pixels.strength.reduction", answer)
    loss = loss_of(0.5)
    calibrate(vgg, loss, [drawn(0, 12)], [stripes()], [1.0])
    assert tried[loss.weights["style"]] == 0.52


def test_the_search_tells_how_far_it_is_on_terminals_only(
    vgg: VGG, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("stylenet.pixels.strength.reduction", lambda *_: 0.5)
    calibrate(vgg, loss_of(0.5), [drawn(0, 12)], [stripes()], [1.0])
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    calibrate(vgg, loss_of(0.5), [drawn(0, 12)], [stripes()], [1.0])
    assert "loss.strength=0.5" in capsys.readouterr().err


def test_no_strength_is_no_style(vgg: VGG):
    loss = loss_of(0.0)
    calibrate(vgg, loss, [drawn(0, 12)], [stripes()], [1.0])
    assert loss.weights["style"] == 0


def test_content_keeps_its_weight_and_styles_rises(vgg: VGG):
    weights = []
    for strength in (0.3, 1.0):
        loss = loss_of(strength)
        calibrate(vgg, loss, [drawn(0, 12)], [drawn(1, 4)], [1.0])
        assert loss.weights["content"] == 1
        weights.append(loss.weights["style"])
    assert weights == sorted(weights)
    assert np.isfinite(weights).all()
