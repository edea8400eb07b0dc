"""The objective of every task is a pure function, which a compiler takes whole."""

import pytest
import torch
from torch import Tensor

from stylenet.tasks.base import Objective, Targets, Task


def judged(task: Task, objective: Objective, batch: Tensor, targets: Targets) -> list[Tensor]:
    """The objective, its terms, and the gradients of all weights."""
    task.zero_grad()
    loss, means = objective(batch, targets)
    loss.backward()
    weights = [weight for weight in task.parameters() if weight.requires_grad]
    return [loss.detach(), *means.values(), *(weight.grad for weight in weights)]


def test_an_objective_is_a_pure_function(task: Task, batch: Tensor):
    """Neither the step nor a call before changes it."""
    targets = task.targets(batch)
    first = judged(task, task.objective, batch, targets)
    task.trainer = None
    again = judged(task, task.objective, batch, targets)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.gpu
def test_a_gpu_finds_the_same(task: Task, batch: Tensor):
    targets = task.targets(batch)
    expected = judged(task, task.objective, batch, targets)
    task.cuda()
    there = {name: target.cuda() for name, target in targets.items()}
    found = judged(task, task.objective, batch.cuda(), there)
    for one, other in zip(found, expected, strict=True):
        assert (one.cpu() - other).norm() <= 1e-2 * other.norm() + 1e-6


def compiled_is_eager(task: Task, batch: Tensor, backend: str) -> None:
    targets = task.targets(batch)
    expected = judged(task, task.objective, batch, targets)
    task.trainer = None
    compiled = torch.compile(task.objective, fullgraph=True, backend=backend)
    found = judged(task, compiled, batch, targets)
    torch._dynamo.reset()
    for one, other in zip(found, expected, strict=True):
        assert (one - other).norm() <= 2e-3 * other.norm() + 1e-7


@pytest.mark.slow
def test_a_compiler_takes_an_objective_whole(task: Task, batch: Tensor):
    """The graphs alone, without machine code, which would take minutes a task."""
    compiled_is_eager(task, batch, "aot_eager")


@pytest.mark.slow
@pytest.mark.parametrize("task", ["slim"], indirect=True)
def test_inductor_makes_code_of_an_objective(task: Task, batch: Tensor):
    compiled_is_eager(task, batch, "inductor")
