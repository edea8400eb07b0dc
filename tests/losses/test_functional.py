"""Loss terms against closed forms."""

import pytest
import torch

from stylenet.losses.functional import energy, in_range, squared_error, total_variation
from stylenet.ops.gram import gram_matrix


def checkerboard(size: int) -> torch.Tensor:
    return (torch.arange(size)[:, None] + torch.arange(size)).remainder(2).float()[None, None]


def test_gram_of_a_constant_map():
    values = torch.tensor([2.0, 3.0])
    features = values.view(1, 2, 1, 1).expand(1, 2, 5, 7)
    expected = values[:, None] * values / 2
    torch.testing.assert_close(gram_matrix(features)[0], expected)


def test_gram_is_symmetric_semidefinite_and_blind_to_positions():
    features = torch.randn(2, 4, 6, 5)
    gram = gram_matrix(features)
    shuffled = features.flatten(2)[..., torch.randperm(30)].view_as(features)
    torch.testing.assert_close(gram, gram.mT)
    torch.testing.assert_close(gram_matrix(shuffled), gram)
    assert torch.linalg.eigvalsh(gram).min() > -1e-6


def test_gram_does_not_depend_on_the_memory_layout():
    features = torch.randn(2, 8, 6, 5)
    channels_last = features.to(memory_format=torch.channels_last)
    torch.testing.assert_close(gram_matrix(channels_last), gram_matrix(features))


def test_gram_of_half_precision_neither_overflows_nor_rounds():
    features = torch.full((1, 1, 32, 32), 300.0, dtype=torch.float16)
    assert gram_matrix(features).item() == pytest.approx(90000.0)


def test_total_variation_of_flat_and_checkered_images():
    assert total_variation(torch.full((1, 3, 8, 8), 0.4)).item() == 0
    assert total_variation(checkerboard(8)).item() == 2


def test_total_variation_of_a_ramp_is_its_slope():
    ramp = torch.linspace(0, 1, 11).expand(1, 1, 4, 11)
    assert total_variation(ramp).item() == pytest.approx(0.1)


def test_errors_keep_the_batch_axis():
    target = torch.ones(1, 2, 3, 3)
    value = torch.stack([torch.ones(2, 3, 3), torch.full((2, 3, 3), 4.0)])
    assert squared_error(value, target).tolist() == pytest.approx([0, 9])
    assert energy(value).tolist() == pytest.approx([1, 16])


def test_the_gram_matrix_has_the_gradient_that_autograd_finds():
    features = torch.randn(2, 3, 4, 5, dtype=torch.float32)
    asymmetric = torch.randn(2, 3, 3)
    gradients = []
    for gram in (gram_matrix, lambda x: x.flatten(2) @ x.flatten(2).mT / x[0].numel()):
        x = features.clone().requires_grad_()
        (gram(x) * asymmetric).sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients)


def test_the_gram_matrix_stays_float32_under_autocast():
    features = torch.randn(1, 8, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        gram = gram_matrix(features)
    torch.testing.assert_close(gram, gram_matrix(features), rtol=0, atol=0)


def test_the_gradient_of_bfloat16_features_is_that_of_float32_to_two_digits():
    torch.manual_seed(0)
    features = torch.randn(1, 16, 12, 12).relu().bfloat16()
    asymmetric = torch.randn(1, 16, 16)
    gradients = []
    for dtype in (torch.bfloat16, torch.float32):
        x = features.detach().to(dtype).requires_grad_()
        (gram_matrix(x) * asymmetric).sum().backward()
        gradients.append(x.grad.float())
    ours, exact = gradients
    assert (ours - exact).norm() < 0.01 * exact.norm()


def test_an_image_in_range_keeps_its_gradient_and_one_beyond_is_only_led_back():
    image = torch.tensor([-0.5, -0.5, 0.25, 0.25, 1.5, 1.5], requires_grad=True)
    gradient = torch.tensor([2.0, -2.0, 2.0, -2.0, 2.0, -2.0])
    clamped = in_range(image)
    assert clamped.tolist() == [0, 0, 0.25, 0.25, 1, 1]
    clamped.backward(gradient)
    assert image.grad is not None
    # Descent goes against the gradient: from -0.5 upwards, from 1.5 downwards, else not at all.
    assert image.grad.tolist() == [0, -2, 2, -2, 2, 0]
