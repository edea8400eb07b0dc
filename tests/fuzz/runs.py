"""The smallest training there is, as a user runs it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training import train

SMALL = [
    *("style=custom", "trainer=cpu", "net.width=0.125", "net.blocks=1", "data.size=32"),
    *("callbacks.previews.height=48", "+loss.content_layers.relu1_1=1"),
    *("~loss.content_layers.relu4_2", "~loss.style_layers.relu2_1"),
    *(
        "~loss.style_layers.relu3_1",
        "~loss.style_layers.relu4_1",
        "~loss.style_layers.relu5_1",
        "task.style_size=64",
    ),
    "callbacks.resume.every=1",
]


def small(folder: Path) -> list[str]:
    """Overrides of a tiny training on drawn pictures, which lie beside `folder`."""
    photos, style = folder.parent / "photos", folder.parent / "style.png"
    if not style.exists():
        photos.mkdir(parents=True, exist_ok=True)
        draw = np.random.default_rng(0)
        for number in range(3):
            _save(draw, photos / f"{number}.png")
        _save(draw, style)
    given = [f"data.path={photos}", f"style.image={style}"]
    return [*SMALL, "data=folder", *given, f"run={folder}"]


def _save(draw: np.random.Generator, path: Path) -> None:
    coarse = draw.integers(0, 256, (8, 10, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((80, 64), Image.Resampling.BICUBIC).save(path)


def train_small(patch: pytest.MonkeyPatch, folder: Path, *overrides: str) -> int:
    """The command line in this process; its exit code."""
    return train(patch, *small(folder), *overrides)
