"""The loss of nets for any style, in closed form."""

import pytest
import torch

from stylenet.losses.arbitrary import (
    ArbitraryLoss,
    gram_error,
    normalized,
    relative_error,
    statistics_error,
)
from stylenet.system.errors import UserError


def loss(**changes: object) -> ArbitraryLoss:
    options = {
        "content_layers": {"a": 1.0},
        "style_layers": {"a": 0.5, "b": 0.5},
        "normalize": False,
        "statistics": "mean_std",
        "content_weight": 1.0,
        "style_weight": 10.0,
    }
    return ArbitraryLoss(**{**options, **changes})


@pytest.mark.parametrize("error", [statistics_error, gram_error])
def test_nothing_is_as_far_off_as_a_blank(error):
    style = torch.rand(2, 3, 6, 7)
    torch.testing.assert_close(error(style, style), torch.zeros(2))
    torch.testing.assert_close(
        error(torch.zeros(2, 3, 4, 4), style), torch.ones(2), rtol=0.02, atol=0
    )


def test_where_things_are_does_not_matter_to_style():
    features = torch.rand(1, 4, 5, 6)
    moved = features.flatten(2)[..., torch.randperm(30)].view(1, 4, 5, 6)
    for error in (statistics_error, gram_error):
        assert error(features, moved) < 1e-10
    assert relative_error(features, moved) > 0.01


def test_gram_matrices_see_which_channels_go_together():
    one, other = torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4)
    one[0, :, 0] = torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 0]])
    other[0, :, 0] = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]])
    assert statistics_error(one, other) < 1e-10
    assert gram_error(one, other) == pytest.approx(1.0)  # 2 of 4 entries differ by 1/4


def test_a_channel_of_zeros_has_a_finite_gradient():
    features = torch.zeros(1, 2, 4, 4, requires_grad=True)
    statistics_error(features, torch.rand(1, 2, 4, 4)).sum().backward()
    assert torch.isfinite(features.grad).all()


def test_normalised_content_forgets_the_style():
    features = torch.rand(1, 3, 5, 5)
    torch.testing.assert_close(
        normalized(features), normalized(3 * features + 2), rtol=1e-3, atol=1e-3
    )
    changed = {"a": 3 * features + 2, "b": features}
    same = {"a": features, "b": features}
    assert loss(normalize=True)(changed, same, same)["content"] < 1e-5
    assert loss()(changed, same, same)["content"] > 1


def test_the_total_weighs_every_term():
    terms = {"content": torch.tensor([2.0]), "style": torch.tensor([0.5])}
    assert loss().total(terms) == 7
    identity = {"identity_pixels": torch.tensor([1.0]), "identity_features": torch.tensor([2.0])}
    assert loss(pixel_weight=3.0, feature_weight=4.0).total(terms | identity) == 18


def test_identity_is_asked_for_by_its_weights():
    assert not loss().has_identity
    assert loss(feature_weight=1.0).has_identity
    image, features = torch.rand(1, 3, 4, 4), {"a": torch.rand(1, 2, 2, 2), "b": torch.rand(1, 2)}
    found = loss().identity(image, image, features, features)
    assert found == {"identity_pixels": 0, "identity_features": 0}


def test_mistakes_are_named():
    with pytest.raises(UserError, match="style=-1"):
        loss(style_weight=-1.0)
    with pytest.raises(UserError, match="statistics=median"):
        loss(statistics="median")
