"""The perceptual loss: normalisation, weights and invariances."""

import pytest
import torch

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.ops.gram import gram_matrix
from stylenet.system.errors import UserError


def make(relative: bool = True, **weights: float) -> PerceptualLoss:
    factors = {"content_weight": 1.0, "style_weight": 1.0, "tv_weight": 0.0, **weights}
    return PerceptualLoss({"a": 1.0}, {"a": 0.5, "b": 0.5}, relative=relative, **factors)


def features(scale: float = 1.0, batch: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "a": scale * torch.rand(batch, 4, 8, 8, generator=generator),
        "b": scale * torch.rand(batch, 6, 4, 4, generator=generator),
    }


IMAGE = torch.zeros(1, 3, 8, 8)


def test_the_style_itself_and_the_photo_itself_cost_nothing():
    loss = make()
    loss.set_style(features())
    terms = loss(IMAGE, features(), features())
    assert {name: value.item() for name, value in terms.items()} == {
        "content": 0,
        "style": 0,
        "tv": 0,
    }


def test_a_blank_image_costs_exactly_one_of_each_relative_term():
    loss = make()
    loss.set_style(features())
    blank = {layer: torch.zeros_like(value) for layer, value in features().items()}
    terms = loss(IMAGE, blank, features())
    assert terms["content"].item() == pytest.approx(1)
    assert terms["style"].item() == pytest.approx(1)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 50.0])
def test_the_relative_loss_does_not_know_the_features_scale(scale: float):
    loss = make()
    loss.set_style({k: v.flip(1) for k, v in features(scale).items()})
    terms = loss(IMAGE, features(scale), {"a": features(scale)["a"].flip(2)})
    reference = make()
    reference.set_style({k: v.flip(1) for k, v in features().items()})
    expected = reference(IMAGE, features(), {"a": features()["a"].flip(2)})
    for name in expected:
        torch.testing.assert_close(terms[name], expected[name], rtol=1e-4, atol=1e-6)


def test_the_absolute_loss_is_the_mean_square_of_the_papers():
    loss = make(relative=False)
    loss.set_style(features())
    ours, content = features(2.0), {"a": features()["a"]}
    terms = loss(IMAGE, ours, content)
    style = sum(
        0.5 * (gram_matrix(ours[k]) - gram_matrix(features()[k])).square().mean() for k in "ab"
    )
    torch.testing.assert_close(terms["style"][0], style)
    torch.testing.assert_close(terms["content"][0], (ours["a"] - content["a"]).square().mean())


def test_the_total_weighs_the_terms_per_image():
    loss = make(content_weight=2.0, style_weight=3.0, tv_weight=5.0)
    terms = {name: torch.tensor([1.0, 10.0]) for name in ("content", "style", "tv")}
    assert loss.total(terms).tolist() == [10, 100]


def test_a_batch_equals_its_images_one_by_one():
    loss = make()
    loss.set_style(features())
    batch, photos = features(2.0, batch=3), features(0.5, batch=3)
    together = loss(torch.rand(3, 3, 8, 8), batch, photos)
    for i in range(3):
        one = loss(
            IMAGE,
            {k: v[i : i + 1] for k, v in batch.items()},
            {k: v[i : i + 1] for k, v in photos.items()},
        )
        torch.testing.assert_close(together["style"][i], one["style"][0])
        torch.testing.assert_close(together["content"][i], one["content"][0])


def test_bad_weights_are_named():
    with pytest.raises(UserError, match="style=-1"):
        make(style_weight=-1)
    with pytest.raises(UserError, match="content=nan"):
        make(content_weight=float("nan"))
    with pytest.raises(UserError, match="at least one"):
        PerceptualLoss({"a": 1.0}, {}, 1.0, 1.0, 0.0, True)


def with_strength(strength: float | None) -> PerceptualLoss:
    return PerceptualLoss({"a": 1.0}, {"a": 0.5, "b": 0.5}, 1.0, 10.0, 0.0, True, strength)


def test_a_strength_leaves_vigour_out():
    layers = {"a": 0.5, "b": 0.5}
    options = (layers, layers, 1.0, 10.0, 0.0, True)
    assert PerceptualLoss(*options, vigour=0.7).vigour == 0.7
    assert PerceptualLoss(*options, 0.5, 0.7).vigour == 0
    with pytest.raises(UserError, match=r"vigour=1\.5"):
        PerceptualLoss(*options, vigour=1.5)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_beyond_its_range_is_named(strength: float):
    with pytest.raises(UserError, match="strength"):
        with_strength(strength)
