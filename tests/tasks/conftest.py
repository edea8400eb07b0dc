"""Small tasks of every kind, as trainings have them after their start."""

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
from stylenet.tasks.base import Task
from stylenet.tasks.cyclegan import CycleGAN

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
