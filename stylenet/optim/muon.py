"""Muon: momentum whose singular values are all made one, for the weights of convolutions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

NARROW = 8
"""Matrices with fewer rows have no spectrum to even out; Adam updates them."""

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the Newton-Schulz iteration (Jordan et al. 2024); five rounds bring singular
values from [0.01, 1] to within about 0.7 and 1.2, which is even enough, and soon."""

ROUNDS = 5

MATCH = 0.2
"""The root mean square of Adam's updates, to which Muon's are scaled (Liu et al. 2025, eq. 4): one
learning rate then means the same for both."""

FEWEST = 1e-3
"""Share of the weights that take part in a step, below which it is no longer made up for."""


class Muon(Optimizer):
    """Muon (Jordan et al. 2024) for convolutions, Adam (Kingma & Ba 2015) for the rest.

    A convolution's weight is the matrix of its output channels over everything that they read.
    Short trainings gain from the even step: every direction of a layer learns at once. The square
    matrices of attention would cost more than the net itself, on a CPU, and go by Adam.

    Args:
        params: parameters of a net; convolutions' of at least `NARROW` channels go by Muon.
        lr: learning rate of both.
        momentum: of Muon, as in Nesterov's method.
        betas: of Adam.
        eps: of both, against division by zero.
        cautious: take no weight against the gradient at hand (`agreeing`). Not for several styles
            by turns, of which each pulls to its own side.
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

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: computes the gradients, and the loss that is returned.
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
                self._take(p, update.view(shape), group["lr"])

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
            self._take(p, mean / (square.sqrt() + group["eps"]), group["lr"])

    def _take(self, p: Tensor, update: Tensor, lr: float) -> None:
        assert p.grad is not None
        # Not the group's, which a checkpoint from before there was a choice comes without.
        if self.defaults["cautious"]:
            update = agreeing(update, p.grad)
        p.sub_(update, alpha=lr)


def agreeing(update: Tensor, gradient: Tensor) -> Tensor:
    """Leave out what goes against the gradient at hand, and enlarge the rest in its place.

    After Liang et al. 2024, algorithm 1: momentum may point uphill, where it would undo.

    Args:
        update: what is to be subtracted. gradient: of the same shape.
    """
    agrees = (update * gradient > 0).to(update.dtype)
    return update * agrees / agrees.mean().clamp_min(FEWEST)


def orthogonalize(matrices: Tensor, eps: float = 1e-8) -> Tensor:
    """Bring all singular values near 1 by Newton-Schulz iteration, and leave the directions.

    Args:
        matrices: (N, rows, columns), of any scale.
        eps: least norm; smaller matrices stay small.

    Returns:
        (N, rows, columns).
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(eps)
    a, b, c = QUINTIC
    square = x @ x.mT  # every round is a polynomial of this small matrix, and they commute
    one = torch.eye(x.shape[1], device=x.device, dtype=x.dtype).expand_as(square)
    rounds = one
    for _ in range(ROUNDS):
        polynomial = a * one + b * square + c * square @ square
        rounds = polynomial @ rounds
        square = polynomial @ square @ polynomial
    x = rounds @ x
    return x.mT if tall else x
