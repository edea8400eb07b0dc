"""Muon, an optimiser for convolutions. It brings the singular values of its momentum near 1."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from stylenet.optim.newton_schulz import Padded, by_shape

NARROW = 8
"""Matrices with fewer rows have too few singular values for Muon. Adam updates them."""

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

    On a GPU a step takes some tens of launches, whatever the number of parameters. With a tensor as
    the learning rate, no number on the host changes from step to step. So a CUDA graph can hold a
    step, after a first one that creates the state.

    Args:
        params: parameters of a net. Muon updates convolutions of at least `NARROW` channels.
        lr: learning rate of Muon and Adam, a number, or a tensor () on the parameters' device.
            Schedules fill a tensor in place.
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
        lr: float | Tensor = 2e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        cautious: bool = False,
    ) -> None:
        self.padded: dict[tuple[Any, ...], Padded] = {}
        params = list(params)
        wide = [p for p in params if p.ndim > 2 and len(p) >= NARROW]
        rest = [p for p in params if p.ndim <= 2 or len(p) < NARROW]
        groups = [{"params": wide, "wide": True}, {"params": rest, "wide": False}]
        defaults = {"lr": lr, "momentum": momentum, "betas": betas, "eps": eps}
        defaults["cautious"] = cautious
        super().__init__([group for group in groups if group["params"]], defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a state. Old checkpoints lack `cautious`, so the constructor's value is used.

        Steps, plain numbers in old checkpoints, become tensors. A learning rate stays a number, or
        the tensor it was, because a CUDA graph reads it.
        """
        rates = [group["lr"] for group in getattr(self, "param_groups", state["param_groups"])]
        self.padded = {}
        super().__setstate__(state)
        for group, rate in zip(self.param_groups, rates, strict=True):
            group.setdefault("cautious", self.defaults["cautious"])
            new = group["lr"]
            group["lr"] = rate.fill_(new) if isinstance(rate, Tensor) else float(new)
            for p in group["params"]:
                for name, value in self.state.get(p, {}).items():
                    like = p.new_empty((), dtype=torch.float32) if name == "step" else p
                    self.state[p][name] = torch.empty_like(like).copy_(torch.as_tensor(value))

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
            self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        params: list[Tensor] = []
        grads: list[Tensor] = []
        averages: list[Tensor] = []
        squares: list[Tensor] = []
        steps: list[Tensor] = []
        self._init_group(group, params, grads, averages, squares, steps)
        if not params:
            return
        grads = [_entries(grad, p).reshape(-1) for grad, p in zip(grads, params, strict=True)]
        averages = [_entries(each, p).view(-1) for each, p in zip(averages, params, strict=True)]
        if group["wide"]:
            updates = self._muon([len(p) for p in params], grads, averages, group)
        else:
            squares = [_entries(each, p).view(-1) for each, p in zip(squares, params, strict=True)]
            updates = _adam(grads, averages, squares, steps, group)
        if group["cautious"]:
            updates = cautious_mask(updates, grads)
        torch._foreach_mul_(updates, group["lr"])
        torch._foreach_sub_([_entries(p, p).view(-1) for p in params], updates)

    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> None:
        """Append the tensors of each parameter that has a gradient (torch.compile knows the name).

        Args:
            group: a group of parameters.
            lists: parameters, gradients, averages, squares, steps. Muon has no squares nor steps.
        """
        for p in group["params"]:
            if p.grad is None:
                continue
            state = self.state[p]
            if not state and group["wide"]:
                state["average"] = torch.zeros_like(p)
            elif not state:
                state["mean"] = torch.zeros_like(p)
                state["square"] = torch.zeros_like(p)
                state["step"] = torch.zeros((), device=p.device)
            names = ["average"] if group["wide"] else ["mean", "square", "step"]
            tensors = [p, p.grad, *(state[name] for name in names)]
            for into, tensor in zip(lists, tensors, strict=False):
                into.append(tensor)

    def _muon(
        self,
        rows: list[int],
        grads: list[Tensor],
        averages: list[Tensor],
        group: dict[str, Any],
    ) -> list[Tensor]:
        torch._foreach_lerp_(averages, grads, 1 - group["momentum"])
        ahead = torch._foreach_lerp(grads, averages, group["momentum"])
        matrices = [entries.view(n, -1) for entries, n in zip(ahead, rows, strict=True)]
        even = self._even(matrices, group["eps"])
        updates = [matrix.reshape(-1) for matrix in even]
        torch._foreach_mul_(updates, [MATCH * max(matrix.shape) ** 0.5 for matrix in even])
        return updates

    def _even(self, matrices: list[Tensor], eps: float) -> list[Tensor]:
        if not _launches_cost(matrices[0]):
            return by_shape(matrices, eps)
        key = tuple((len(m), m.shape[1]) for m in matrices), matrices[0].device
        if key not in self.padded:
            self.padded[key] = Padded(*key)
        return self.padded[key](matrices, eps)


def _launches_cost(tensor: Tensor) -> bool:
    """Whether a launch costs more than some needless arithmetic, as on a GPU."""
    return not tensor.is_cpu


def _entries(tensor: Tensor, like: Tensor) -> Tensor:
    """A view of a tensor with its dimensions in the order in which those of `like` lie in memory.

    Flattened, all tensors of a parameter are alike. Otherwise foreach would launch one by one.
    Orthogonalising does not depend on the order of columns.
    """
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        return tensor.permute(0, 2, 3, 1)
    return tensor


def _adam(
    grads: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    steps: list[Tensor],
    group: dict[str, Any],
) -> list[Tensor]:
    beta1, beta2 = group["betas"]
    torch._foreach_add_(steps, 1)
    torch._foreach_lerp_(means, grads, 1 - beta1)
    torch._foreach_mul_(squares, beta2)
    torch._foreach_addcmul_(squares, grads, grads, 1 - beta2)
    updates = torch._foreach_div(means, _spread(_correction(beta1, steps), means))
    roots = torch._foreach_div(squares, _spread(_correction(beta2, steps), squares))
    torch._foreach_sqrt_(roots)
    torch._foreach_add_(roots, group["eps"])
    torch._foreach_div_(updates, roots)
    return list(updates)


def _correction(beta: float, steps: list[Tensor]) -> list[Tensor]:
    """1 - beta ** step, without the cancellation that this formula suffers in float32."""
    result = torch._foreach_mul(steps, math.log(max(beta, sys.float_info.min)))
    torch._foreach_expm1_(result)
    torch._foreach_neg_(result)
    return list(result)


def _spread(numbers: list[Tensor], tensors: list[Tensor]) -> list[Tensor]:
    """One number () for each tensor (size), so that foreach can multiply or divide by it.

    On a GPU, foreach takes tensors of equal shapes only, or launches one by one.
    """
    if not _launches_cost(numbers[0]):
        return numbers
    sizes = [tensor.numel() for tensor in tensors]
    pairs = zip(numbers, sizes, strict=True)
    return list(torch.cat([number.expand(size) for number, size in pairs]).split_with_sizes(sizes))


def cautious_mask(updates: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    """Drop the parts of updates that oppose the present gradients, and enlarge the rest.

    The enlarged parts make up for the dropped parts. This is algorithm 1 of Liang et al. 2024.
    Momentum may point uphill, and a step uphill would raise the loss.

    Args:
        updates: the steps that are to be subtracted from the weights, (size) each.
        gradients: the present gradients, of the same shapes.
    """
    masks = torch._foreach_mul(updates, gradients)
    torch._foreach_sign_(masks)
    torch._foreach_clamp_min_(masks, 0)
    shares = torch._foreach_norm(masks, 1)
    torch._foreach_div_(shares, [float(mask.numel()) for mask in masks])
    torch._foreach_clamp_min_(shares, FEWEST)
    torch._foreach_mul_(masks, updates)
    torch._foreach_div_(masks, _spread(list(shares), updates))
    return list(masks)
