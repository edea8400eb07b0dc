"""Newton-Schulz iteration. It brings the singular values of many matrices near 1 at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the iteration (Jordan et al. 2024)."""

ROUNDS = 5
"""Rounds of the iteration. Five rounds bring singular values from [0.01, 1] to about [0.7, 1.2],
which is close enough to 1."""


def orthogonalize(matrices: Tensor, eps: float = 1e-8) -> Tensor:
    """Bring all singular values near 1, and keep the singular vectors.

    Rows and columns of zeros stay zero, and change nothing else.

    Args:
        matrices: (N, rows, columns), of any scale.
        eps: the least norm to divide by. Matrices with a smaller norm stay small.

    Returns:
        (N, rows, columns).
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(eps)
    square = x @ x.mT  # (N, r, r); rounds are polynomials of it, and polynomials commute
    polynomial = rounds = _polynomial(square)
    for _ in range(ROUNDS - 1):
        square = polynomial @ square @ polynomial
        polynomial = _polynomial(square)
        rounds = polynomial @ rounds
    x = rounds @ x
    return x.mT if tall else x


def _polynomial(square: Tensor) -> Tensor:
    a, b, c = QUINTIC
    result = torch.baddbmm(square, square, square, beta=b, alpha=c)
    result.diagonal(dim1=1, dim2=2).add_(a)
    return result


def by_shape(matrices: Sequence[Tensor], eps: float) -> list[Tensor]:
    """Orthogonalise matrices (rows, columns), those of one shape at once.

    No arithmetic is wasted, so this is best on a CPU.
    """
    alike: dict[torch.Size, list[int]] = {}
    for index, matrix in enumerate(matrices):
        alike.setdefault(matrix.shape, []).append(index)
    found: dict[int, Tensor] = {}
    for indices in alike.values():
        batch = orthogonalize(torch.stack([matrices[index] for index in indices]), eps)
        found.update(zip(indices, batch.unbind(), strict=True))
    return [found[index] for index in range(len(matrices))]


class Padded:
    """Orthogonalise matrices of several shapes at once, each padded with zeros to the largest.

    Launches are few, whatever the number of matrices. So this is best on a GPU. The indices are
    kept there, because a CUDA graph cannot hold copies from the host.

    Args:
        shapes: the rows and columns of each matrix. Tall matrices are turned on their side.
        device: where the matrices are.
    """

    def __init__(self, shapes: Sequence[tuple[int, int]], device: torch.device) -> None:
        self.shapes = shapes
        self.size = torch.Size((len(shapes), max(map(min, shapes)), max(map(max, shapes))))
        places = torch.arange(self.size.numel(), device=device, dtype=torch.int32).view(self.size)
        own = [
            grid[:r, :c] if r <= c else grid[:c, :r].mT
            for grid, (r, c) in zip(places, shapes, strict=True)
        ]
        self.places = torch.cat([grid.flatten() for grid in own])
        # Padding is read from a zero behind all entries.
        self.sources = torch.full_like(places, len(self.places)).flatten()
        self.sources[self.places] = torch.arange(len(self.places), device=device, dtype=torch.int32)

    def __call__(self, matrices: Sequence[Tensor], eps: float) -> list[Tensor]:
        """Orthogonalise matrices (rows, columns) of the shapes."""
        zero = matrices[0].new_zeros(1)
        entries = torch.cat([*(matrix.flatten() for matrix in matrices), zero])
        batch = orthogonalize(entries.index_select(0, self.sources).view(self.size), eps)
        entries = batch.flatten().index_select(0, self.places)
        pieces = entries.split_with_sizes([r * c for r, c in self.shapes])
        return [piece.view(shape) for piece, shape in zip(pieces, self.shapes, strict=True)]
