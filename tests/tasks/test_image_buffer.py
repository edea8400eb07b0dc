"""The image buffer: earlier results."""

import torch

from stylenet.tasks.image_buffer import ImageBuffer, handed_on


def numbered(first: int, count: int) -> torch.Tensor:
    """Pictures that tell their number."""
    return torch.arange(first, first + count).float().view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def exchanged(buffer: ImageBuffer, new: torch.Tensor) -> torch.Tensor:
    """What the buffer hands on for new pictures, which it then keeps."""
    exchange = buffer.draw(torch.zeros_like(new))
    buffer.keep(new, exchange)
    return handed_on(new, exchange.earlier, exchange.sources)


def test_a_buffer_that_is_filling_hands_on_what_comes():
    buffer = ImageBuffer(5)
    for first in (0, 2):
        assert torch.equal(exchanged(buffer, numbered(first, 2)), numbered(first, 2))
    assert [int(image[0, 0, 0]) for image in buffer.images] == [0, 1, 2, 3]


def test_a_full_buffer_hands_on_an_earlier_picture_half_of_the_time_and_keeps_the_new_one():
    buffer = ImageBuffer(50)
    exchanged(buffer, numbered(0, 50))
    new = numbered(50, 1000)
    handed = exchanged(buffer, new)[:, 0, 0, 0]
    earlier = handed < new[:, 0, 0, 0]
    assert 0.45 < earlier.float().mean() < 0.55
    assert len(handed[earlier].unique()) == earlier.sum()  # each leaves once
    kept = {int(image[0, 0, 0]) for image in buffer.images}
    assert len(kept) == 50
    assert kept | set(handed.int().tolist()) == set(range(1050))


def test_an_exchange_is_drawn_before_the_pictures_are_made():
    buffer = ImageBuffer(2)
    exchanged(buffer, numbered(0, 2))
    exchange = buffer.draw(torch.zeros(8, 3, 2, 2))
    first, second = numbered(10, 8), numbered(20, 8)
    for new, other in ((first, second), (second, first)):
        handed = handed_on(new, exchange.earlier, exchange.sources)[:, 0, 0, 0].tolist()
        assert not set(handed) & set(other[:, 0, 0, 0].tolist())
        assert set(handed) <= {0, 1, *new[:, 0, 0, 0].tolist()}


def test_no_buffer_hands_on_every_picture():
    buffer = ImageBuffer(0)
    assert torch.equal(exchanged(buffer, numbered(0, 20)), numbered(0, 20))
    assert buffer.images == []


def test_results_are_handed_on_and_kept_without_their_gradients():
    buffer = ImageBuffer(2)
    assert not exchanged(buffer, numbered(0, 2).clone().requires_grad_()).requires_grad
    assert not any(image.requires_grad for image in buffer.images)


def test_the_state_holds_the_pictures_and_the_same_ones_follow():
    buffer, other = ImageBuffer(3), ImageBuffer(3)
    other.load_state_dict(buffer.state_dict())
    assert other.images == []
    exchanged(buffer, numbered(0, 3))
    other.load_state_dict(buffer.state_dict())
    handed = []
    for each in (buffer, other):
        torch.manual_seed(1)
        handed.append(exchanged(each, numbered(3, 10)))
    assert torch.equal(*handed)
