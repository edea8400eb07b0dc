"""Adversarial and cycle terms: closed forms, and the paper's weights."""

import pytest
import torch

from stylenet.losses.adversarial import (
    MADE,
    REAL,
    CycleLoss,
    absolute_error,
    discriminator_error,
    least_squares,
)
from stylenet.system.errors import UserError


def scores(*values: float) -> torch.Tensor:
    """A batch of maps, each of one value."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, 5, 7)


def test_the_squared_distance_of_scores_for_each_picture():
    assert least_squares(scores(1.0, 0.0), REAL).tolist() == [0, 1]
    assert least_squares(scores(1.0, 0.5), MADE).tolist() == [1, 0.25]
    halves = torch.cat([scores(0.0), scores(2.0)], 2)  # no sign is lost
    assert least_squares(halves, REAL).tolist() == [1]


def test_a_discriminator_that_is_right_has_no_error_and_one_that_cannot_tell_a_quarter():
    assert discriminator_error(scores(1.0), scores(0.0)).tolist() == [0]
    assert discriminator_error(scores(0.5), scores(0.5)).tolist() == [0.25]
    assert discriminator_error(scores(0.0), scores(1.0)).tolist() == [1]


def test_black_is_two_from_white():
    image = torch.stack([torch.zeros(3, 4, 5), torch.full((3, 4, 5), 0.75)])
    assert absolute_error(image, torch.ones(2, 3, 4, 5)).tolist() == [2, 0.5]


def test_the_papers_weights():
    one = {name: torch.ones(2) for name in ("forth", "back", "cycle", "identity")}
    assert CycleLoss().total(one).tolist() == [17, 17]
    assert CycleLoss(cycle_weight=2, identity=0).total(one).tolist() == [4, 4]


@pytest.mark.parametrize("name", ["cycle_weight", "identity"])
def test_a_negative_weight_is_named(name: str):
    with pytest.raises(UserError, match=f"loss.{name}=-1"):
        CycleLoss(**{name: -1})
