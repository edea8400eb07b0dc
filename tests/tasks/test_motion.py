"""Photos in motion: exact flows, masks, and draws that follow seed and step alone."""

import pytest
import torch

from stylenet.losses.temporal import temporal_error, warp
from stylenet.system.errors import UserError
from stylenet.tasks.motion import Motion, Moving


def set_in_motion(photo: torch.Tensor, step: int, reach: float = 0.1, noise: float = 0.0) -> Moving:
    """The photo in motion, from time -2 to time 3."""
    motion = Motion(reach=reach, noise=noise, brightness=0.0, seed=0)
    return Moving(photo, **motion.draw(photo, step, 6), first=-2)


@pytest.fixture
def photo() -> torch.Tensor:
    """Smooth, so that fetching between pixels has no error to speak of."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(80.0), indexing="ij")
    channels = [torch.sin(x / 9 + k) * torch.cos(y / 7 - k) for k in range(3)]
    return (torch.stack(channels) / 4 + 0.5).expand(2, 3, 64, 80).contiguous()


def test_the_first_frame_is_the_photo(photo):
    assert torch.equal(set_in_motion(photo, 0).frame(0), photo)


@pytest.mark.parametrize("time", [-2, -1, 1, 2])
def test_a_later_frame_is_the_photo_warped_where_it_says_it_shows_it(photo, time):
    for step in range(6):
        moving = set_in_motion(photo, step)
        warped = warp(photo, moving.flow * time)
        shown = moving.shown(time)
        assert 0.1 < shown.mean() < 1
        assert temporal_error(moving.frame(time), warped, shown).max() < 1e-9


def test_what_comes_in_front_is_not_the_photo_and_is_masked(photo):
    moving = next(m for m in (set_in_motion(photo, k) for k in range(20)) if m.hidden.any())
    front = moving.hidden.expand_as(photo) > 0
    assert torch.equal(moving.frame(1)[front], photo.flip(-1)[front])
    assert not (moving.shown(1) * moving.hidden).any()


def test_no_pixel_moves_beyond_the_reach_and_small_motions_are_as_likely(photo):
    lengths = [set_in_motion(photo, step).flow.norm(dim=1).max().item() for step in range(60)]
    assert max(lengths) < 0.1 * 64 * 1.5  # three parts at their most at once
    assert min(lengths) < 0.5
    assert max(lengths) > 3


def test_motions_follow_the_step_alone(photo):
    first, again, other = (set_in_motion(photo, step, noise=0.05) for step in (3, 3, 4))
    assert torch.equal(first.frame(1), again.frame(1))
    assert torch.equal(first.flow, again.flow)
    assert not torch.equal(first.flow, other.flow)


def test_every_frame_has_noise_of_its_own(photo):
    moving = set_in_motion(photo, 0, reach=1e-6, noise=0.05)
    grain = moving.frame(0) - photo
    assert grain.std() == pytest.approx(0.05, rel=0.1)
    assert (moving.frame(1) - moving.frame(0)).std() > grain.std()


def test_windows_hold_the_frames_about_a_time(photo):
    moving = set_in_motion(photo, 1)
    window = moving.window(1, 2)
    assert window.shape == (2, 5, 3, 64, 80)
    for place, time in enumerate(range(-1, 4)):
        assert torch.equal(window[:, place], moving.frame(time))


@pytest.mark.parametrize("numbers", [{"reach": 0}, {"noise": -1}, {"brightness": 1}])
def test_mistakes_are_named(numbers):
    with pytest.raises(UserError, match=rf"task\.motion\.{next(iter(numbers))}="):
        Motion(**{"reach": 0.1, "noise": 0.0, "brightness": 0.0, "seed": 0} | numbers)
