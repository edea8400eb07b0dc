"""The objective of every task is a pure function, which a compiler takes whole."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from PIL import Image
from torch import Tensor

from stylenet.config.compose import composed
from stylenet.tasks.arbitrary import ArbitraryTask
from stylenet.tasks.base import Targets, Task
from stylenet.tasks.cyclegan import CycleGAN

Objective = Callable[[Tensor, Targets], tuple[Tensor, dict[str, Tensor]]]

PERCEPTUAL = [
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2", "task.style_size=64"),
    *(f"~loss.style_layers.relu{block}_1" for block in (3, 4, 5)),
]

TASKS = {
    "perceptual": ["task=perceptual", "net.width=0.125", "net.blocks=1", *PERCEPTUAL],
    "slim": ["task=perceptual", "net=slim", "net.channels=16", "net.blocks=1", *PERCEPTUAL],
    "multistyle": ["task=multistyle", "net.net.width=0.125", "net.net.blocks=1", *PERCEPTUAL],
    "video": ["task=video", "net=video", "net.width=0.125", "net.blocks=1", *PERCEPTUAL],
    "video3d": ["task=video", "net=video3d", "net.width=0.125", "net.blocks=1", *PERCEPTUAL],
    "adain": ["task=arbitrary", "net.width=0.05"],
    "sanet": ["task=arbitrary", "net=sanet", "net.width=0.05"],
    "cyclegan": ["task=cyclegan", "net=unet", "net.width=0.05", "task.critic.width=0.05"],
}


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest, tmp_path: Path, picture: np.ndarray) -> Task:
    """A task that has read its style, at step 3 of a training."""
    name = request.param
    Image.fromarray(picture).save(tmp_path / "drawn.png")
    overrides = {
        "multistyle": [f"net.styles=[{tmp_path / 'drawn.png'},udnie]"],
        "cyclegan": [f"data.paintings={tmp_path}"],
    }.get(name, [])
    torch.manual_seed(0)
    made = instantiate(composed([*TASKS[name], *overrides, "trainer=cpu"]).task)
    made = made if isinstance(made, Task) else made(style=picture)
    made.read_style()
    made.trainer = SimpleNamespace(global_step=3, world_size=1, global_rank=0)
    return made


@pytest.fixture
def batch(task: Task) -> Tensor:
    pairs = isinstance(task, (ArbitraryTask, CycleGAN))
    drawn = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    return drawn if pairs else drawn[0].contiguous(memory_format=torch.channels_last)


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
