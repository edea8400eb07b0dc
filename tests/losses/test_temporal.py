"""Warps and the temporal error against closed forms."""

import pytest
import torch
from torch import Tensor

from stylenet.losses.temporal import inside, temporal_error, warp


def shift(x: float, y: float, height: int = 12, width: int = 17) -> Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, height, width).contiguous()


def test_no_flow_changes_nothing():
    image = torch.rand(2, 3, 12, 17)
    torch.testing.assert_close(warp(image, shift(0, 0).expand(2, -1, -1, -1)), image)


def test_whole_pixels_are_fetched_from_where_they_were():
    image = torch.rand(1, 3, 12, 17)
    warped = warp(image, shift(3, -2))
    torch.testing.assert_close(warped[..., 2:, :-3], image[..., :-2, 3:], rtol=0, atol=1e-5)


def test_a_slope_is_fetched_to_a_twentieth_of_a_pixel():
    """torch's bicubic kernel, unlike Catmull-Rom's, is not exact on a plane."""
    slope = torch.arange(17.0).expand(1, 1, 12, 17) / 17
    warped = warp(slope, shift(0.3, 0.7))
    expected = slope + 0.3 / 17
    torch.testing.assert_close(
        warped[..., 2:-3, 2:-3], expected[..., 2:-3, 2:-3], rtol=0, atol=0.05 / 17
    )


def test_beyond_the_border_it_mirrors_and_the_mask_says_so():
    image = torch.rand(1, 3, 12, 17)
    flow = shift(2, 0)
    torch.testing.assert_close(warp(image, flow)[..., -1], image[..., -3], rtol=0, atol=1e-5)
    mask = inside(flow)
    assert mask[..., :-2].all()
    assert not mask[..., -2:].any()


def test_there_and_back_is_the_start_on_a_smooth_image():
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(40.0), indexing="ij")
    image = (torch.sin(x / 7) + torch.cos(y / 5)).expand(1, 1, 32, 40)
    flow = shift(1.6, -2.3, 32, 40)
    both = warp(warp(image, flow), -flow)
    torch.testing.assert_close(both[..., 6:-6, 6:-6], image[..., 6:-6, 6:-6], rtol=0, atol=0.01)


def test_the_error_is_a_mean_square_over_the_mask_alone():
    frame = torch.zeros(2, 3, 4, 5)
    warped = torch.full((2, 3, 4, 5), 0.1)
    warped[..., 2:] = 9.0
    mask = torch.zeros(2, 1, 4, 5)
    mask[..., :2] = 1
    torch.testing.assert_close(temporal_error(frame, warped, mask), torch.full((2,), 0.01))
    assert temporal_error(frame, warped, torch.zeros_like(mask)).tolist() == [0, 0]


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_results_are_compared_in_full(half: torch.dtype):
    image = torch.rand(1, 3, 12, 17)
    assert warp(image.to(half), shift(0.5, 0.5)).dtype == torch.float32
    error = temporal_error(image.to(half), image, torch.ones(1, 1, 12, 17))
    assert error < 1e-5


def test_gradients_reach_both_frames():
    frame, other = (torch.rand(1, 3, 12, 17, requires_grad=True) for _ in range(2))
    flow = shift(1.5, 0.5)
    temporal_error(frame, warp(other, flow), inside(flow)).sum().backward()
    assert frame.grad.abs().sum() > 0
    assert other.grad.abs().sum() > 0
