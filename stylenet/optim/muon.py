"""Muon, an optimiser for convolutions. It brings the singular values of its momentum near 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

NARROW = 8
"""Matrices with fewer rows have too few singular values for Muon. Adam updates them."""

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the Newton-Schulz iteration (Jordan et al. 2024)."""

ROUNDS = 5
"""Rounds of the iteration. Five rounds bring singular values from [0.01, 1] to about [0.7, 1.2],
which is close enough to 1."""

MATCH = 0.2
"""The root mean square of Adam's updates. Muon's updates are scaled to it (Liu et al. 2025, eq. 4),
so one learning rate suits both."""

FEWEST = 1e-3
"""The cautious mask divides by the share of kept weights, or by this number if the share is
smaller. So updates grow at most a thousandfold."""


class Muon(Optimizer):
    """Muon (Jordan et al. 2024) for convolutions, Adam (Kingma & Ba 2015) for the rest.

    Muon treats a convolution's weight as a matrix with one row for each output channel. Its step
    has the same size in every direction of a layer, so all directions learn at once. Short
    trainings gain from that. Adam updates the square matrices of attention, because on a CPU Muon
    would take longer for them than the net itself.

    Args:
        params: parameters of a net. Muon updates convolutions of at least `NARROW` channels.
        lr: learning rate of Muon and Adam.
        momentum: Nesterov momentum of Muon.
        betas: decay rates of Adam's running averages.
        eps: a small number against division by zero, in Muon and Adam.
        cautious: apply the cautious mask, so that no weight moves against the present gradient.
            Do not use it for several styles in turn, because each style pulls in another
            direction.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 2e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        cautious: bool = False,
    ) -> None:
        params = list(params)
        wide = [p for p in params if p.ndim > 2 and len(p) >= NARROW]
        rest = [p for p in params if p.ndim <= 2 or len(p) < NARROW]
        groups = [{"params": wide, "wide": True}, {"params": rest, "wide": False}]
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps}
        defaults["cautious"] = cautious
        super().__init__([group for group in groups if group["params"]], defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a state. Old checkpoints lack `cautious`, so the constructor's value is used."""
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("cautious", self.defaults["cautious"])

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the gradients and returns the loss.

        Returns:
            The loss; None without a closure.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            (self._muon if group["wide"] else self._adam)(params, group)
        return loss

    def _muon(self, params: list[Tensor], group: dict[str, Any]) -> None:
        alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
        for p in params:
            assert p.grad is not None
            state = self.state[p]
            if not state:
                state["average"] = torch.zeros_like(p)
            average = state["average"].lerp_(p.grad, 1 - group["momentum"])
            ahead = p.grad.lerp(average, group["momentum"])
            alike.setdefault(p.shape, []).append((p, ahead.flatten(1)))
        for shape, pairs in alike.items():
            matrices = torch.stack([matrix for _, matrix in pairs])
            scale = MATCH * max(matrices.shape[1:]) ** 0.5
            updates = orthogonalize(matrices, group["eps"]) * scale
            for (p, _), update in zip(pairs, updates, strict=True):
                _take(p, update.view(shape), group)

    def _adam(self, params: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        for p in params:
            assert p.grad is not None
            state = self.state[p]
            if not state:
                state.update(step=0, mean=torch.zeros_like(p), square=torch.zeros_like(p))
            state["step"] += 1
            state["mean"].lerp_(p.grad, 1 - beta1)
            state["square"].lerp_(p.grad.square(), 1 - beta2)
            mean = state["mean"] / (1 - beta1 ** state["step"])
            square = state["square"] / (1 - beta2 ** state["step"])
            _take(p, mean / (square.sqrt() + group["eps"]), group)


def _take(p: Tensor, update: Tensor, group: dict[str, Any]) -> None:
    assert p.grad is not None
    if group["cautious"]:
        update = cautious_mask(update, p.grad)
    p.sub_(update, alpha=group["lr"])


def cautious_mask(update: Tensor, gradient: Tensor) -> Tensor:
    """Drop the parts of an update that oppose the present gradient, and enlarge the rest.

    The enlarged parts make up for the dropped parts. This is algorithm 1 of Liang et al. 2024.
    Momentum may point uphill, and a step uphill would raise the loss.

    Args:
        update: the step that is to be subtracted from the weights.
        gradient: the present gradient, of the same shape.
    """
    mask = (update * gradient > 0).to(update.dtype)
    return update * mask / mask.mean().clamp_min(FEWEST)


def orthogonalize(matrices: Tensor, eps: float = 1e-8) -> Tensor:
    """Bring all singular values near 1 by Newton-Schulz iteration, and keep the singular vectors.

    Args:
        matrices: (N, rows, columns), of any scale.
        eps: the least norm to divide by. Matrices with a smaller norm stay small.

    Returns:
        (N, rows, columns).
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(eps)
    a, b, c = QUINTIC
    square = x @ x.mT  # (N, r, r); rounds are polynomials of it, and polynomials commute
    one = torch.eye(x.shape[1], device=x.device, dtype=x.dtype).expand_as(square)
    rounds = one
    for _ in range(ROUNDS):
        polynomial = a * one + b * square + c * square @ square
        rounds = polynomial @ rounds
        square = polynomial @ square @ polynomial
    x = rounds @ x
    return x.mT if tall else x
