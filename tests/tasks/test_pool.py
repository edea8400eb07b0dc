"""The pool of earlier results."""

import torch

from stylenet.tasks.pool import ImagePool


def numbered(first: int, count: int) -> torch.Tensor:
    """Pictures that tell their number."""
    return torch.arange(first, first + count).float().view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def test_a_pool_that_is_filling_hands_on_what_comes():
    pool = ImagePool(5)
    for first in (0, 2):
        assert torch.equal(pool(numbered(first, 2)), numbered(first, 2))


def test_a_full_pool_hands_on_an_earlier_picture_half_of_the_time_and_keeps_the_new_one():
    pool = ImagePool(50)
    pool(numbered(0, 50))
    new = numbered(50, 1000)
    handed = pool(new)[:, 0, 0, 0]
    earlier = handed < new[:, 0, 0, 0]
    assert 0.45 < earlier.float().mean() < 0.55
    assert len(handed[earlier].unique()) == earlier.sum()  # each leaves once
    kept = {int(image[0, 0, 0]) for image in pool.images}
    assert len(kept) == 50
    assert kept | set(handed.int().tolist()) == set(range(1050))


def test_no_pool_hands_on_every_picture():
    pool = ImagePool(0)
    assert torch.equal(pool(numbered(0, 20)), numbered(0, 20))


def test_results_are_handed_on_without_their_gradients():
    assert not ImagePool(2)(numbered(0, 2).clone().requires_grad_()).requires_grad


def test_the_state_holds_the_pictures_and_the_same_ones_follow():
    pool, other = ImagePool(3), ImagePool(3)
    other.load_state_dict(pool.state_dict())
    assert other.images == []
    pool(numbered(0, 3))
    other.load_state_dict(pool.state_dict())
    handed = []
    for each in (pool, other):
        torch.manual_seed(1)
        handed.append(each(numbered(3, 10)))
    assert torch.equal(*handed)
