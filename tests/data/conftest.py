from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylenet.system.cache_folder import cache_dir

Draw = Callable[..., Path]


@pytest.fixture
def cache() -> Path:
    """The test's own cache folder."""
    return cache_dir()


@pytest.fixture
def draw() -> Draw:
    """Write a picture of smooth random colours; the suffix of the path names the format."""

    def write(path: Path, width: int = 96, height: int = 80, seed: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        image.save(path)
        return path

    return write


@pytest.fixture
def photos(tmp_path: Path, draw: Draw) -> Path:
    """A folder of five photographs, one in a folder of its own."""
    for number in range(4):
        draw(tmp_path / "photos" / f"{number}.png", seed=number)
    draw(tmp_path / "photos" / "deeper" / "4.png", seed=4)
    return tmp_path / "photos"
