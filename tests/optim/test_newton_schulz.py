"""Newton-Schulz iteration against the singular value decomposition; padded against alone."""

import torch

from stylenet.optim.newton_schulz import Padded, by_shape, orthogonalize


def test_singular_values_become_even_and_directions_stay():
    torch.manual_seed(0)
    for shape in [(2, 16, 144), (3, 32, 32), (1, 72, 16)]:
        matrices = torch.randn(*shape) * 1e-3
        values = torch.linalg.svdvals(matrices)
        assert (values[:, 0] > 1.5 * values[:, -1]).all()
        even = orthogonalize(matrices)
        u, _, v = torch.linalg.svd(matrices, full_matrices=False)
        inside = u.mT @ even @ v.mT
        diagonal = inside.diagonal(dim1=1, dim2=2)
        torch.testing.assert_close(inside, torch.diag_embed(diagonal), rtol=0, atol=1e-3)
        well = values > 0.01 * matrices.norm(dim=(1, 2))[:, None]
        assert diagonal[well].min() > 0.65
        assert diagonal.max() < 1.25


def test_no_gradient_signal_moves_nothing():
    assert torch.equal(orthogonalize(torch.zeros(1, 8, 8)), torch.zeros(1, 8, 8))


def test_zero_rows_and_columns_stay_zero_and_change_nothing_else():
    torch.manual_seed(0)
    matrix = torch.randn(1, 16, 40)
    padded = torch.zeros(1, 24, 72)
    padded[:, :16, :40] = matrix
    even = orthogonalize(padded)
    torch.testing.assert_close(even[:, :16, :40], orthogonalize(matrix), rtol=0, atol=1e-6)
    even[:, :16, :40] = 0
    assert torch.equal(even, torch.zeros_like(even))


def test_matrices_in_one_padded_batch_become_what_they_become_alone():
    torch.manual_seed(0)
    shapes = [(16, 75), (8, 144), (72, 16), (8, 144), (8, 1), (20, 20)]
    matrices = [torch.randn(shape) * 10.0 ** (3 - 2 * k) for k, shape in enumerate(shapes)]
    together = Padded(shapes, torch.device("cpu"))(matrices, 1e-8)
    alike = by_shape(matrices, 1e-8)
    for matrix, padded, stacked in zip(matrices, together, alike, strict=True):
        alone = orthogonalize(matrix[None])[0]
        torch.testing.assert_close(padded, alone, rtol=0, atol=1e-5)
        torch.testing.assert_close(stacked, alone, rtol=0, atol=1e-5)
