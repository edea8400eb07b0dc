"""The image buffer: earlier results."""

import torch

from stylenet.tasks.image_buffer import ImageBuffer, handed_on


def numbered(first: int, count: int) -> torch.Tensor:
    """Pictures that tell their number."""
    return torch.arange(first, first + count).float().view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def numbers(images: torch.Tensor) -> list[int]:
    return images[:, 0, 0, 0].int().tolist()


def exchanged(buffer: ImageBuffer, new: torch.Tensor, in_step: int | None = None) -> list[int]:
    """What the buffer hands on for new pictures, which it then keeps."""
    exchange = buffer.draw(torch.zeros_like(new), numbers(new)[0], in_step or len(new))
    buffer.keep(new, exchange)
    return numbers(handed_on(new, exchange.earlier, exchange.sources))


def test_a_buffer_that_is_filling_hands_on_what_comes():
    buffer = ImageBuffer(4, 0)
    for first in (0, 2):
        assert exchanged(buffer, numbered(first, 2)) == [first, first + 1]
    assert sorted(numbers(buffer.get_extra_state())) == [0, 1, 2, 3]


def test_a_full_buffer_hands_on_an_earlier_picture_half_of_the_time_and_keeps_the_new_one():
    buffer, handed = ImageBuffer(50, 0), []
    for number in range(1050):
        handed += exchanged(buffer, numbered(number, 1))
    assert handed[:50] == list(range(50))
    earlier = [one for number, one in enumerate(handed) if one < number]
    assert 0.45 < len(earlier) / 1000 < 0.55
    assert len(set(earlier)) == len(earlier)  # each leaves once
    kept = set(numbers(buffer.get_extra_state()))
    assert len(kept) == 50
    assert kept | set(handed) == set(range(1050))


def test_the_pictures_of_a_step_have_equal_parts_of_a_buffer():
    buffer = ImageBuffer(5, 0)
    for first in range(0, 60, 2):
        for number, handed in enumerate(exchanged(buffer, numbered(first, 2))):
            assert handed % 2 == number
    assert [one % 2 for one in numbers(buffer.get_extra_state())] == [0, 0, 0, 1, 1, 1]


def test_two_processes_exchange_what_one_would():
    one, two = ImageBuffer(6, 0), [ImageBuffer(6, 0) for _ in range(2)]
    for first in range(0, 80, 4):
        expected = exchanged(one, numbered(first, 4))
        halves = [exchanged(two[k], numbered(first + 2 * k, 2), 4) for k in range(2)]
        assert halves[0] + halves[1] == expected
    both = torch.cat([each.get_extra_state() for each in two])
    assert torch.equal(one.get_extra_state(), both)
    other = ImageBuffer(6, 0)
    other.set_extra_state(both)  # as the second process goes on
    assert exchanged(other, numbered(82, 2), 4) == exchanged(two[1], numbered(82, 2), 4)


def test_an_exchange_is_drawn_before_the_pictures_are_made():
    buffer = ImageBuffer(8, 0)
    exchanged(buffer, numbered(0, 8))
    exchange = buffer.draw(torch.zeros(8, 3, 2, 2), 8, 8)
    first, second = numbered(10, 8), numbered(20, 8)
    for new, other in ((first, second), (second, first)):
        handed = numbers(handed_on(new, exchange.earlier, exchange.sources))
        assert not set(handed) & set(numbers(other))
        assert set(handed) <= {*range(8), *numbers(new)}


def test_no_buffer_hands_on_every_picture():
    buffer = ImageBuffer(0, 0)
    assert exchanged(buffer, numbered(0, 20)) == list(range(20))
    assert len(buffer.get_extra_state()) == 0


def test_results_are_handed_on_and_kept_without_their_gradients():
    buffer = ImageBuffer(2, 0)
    new = numbered(0, 2).clone().requires_grad_()
    exchange = buffer.draw(new, 0, 2)
    buffer.keep(new, exchange)
    assert not handed_on(new, exchange.earlier, exchange.sources).requires_grad
    assert not buffer.get_extra_state().requires_grad


def test_the_state_holds_the_pictures_and_the_same_ones_follow():
    buffer, other = ImageBuffer(3, 0), ImageBuffer(3, 0)
    other.load_state_dict(buffer.state_dict())
    assert len(other.get_extra_state()) == 0
    for number in range(5):
        exchanged(buffer, numbered(number, 1))
    other.load_state_dict(buffer.state_dict())
    for number in range(5, 15):
        new = numbered(number, 1)
        assert exchanged(buffer, new) == exchanged(other, new)
