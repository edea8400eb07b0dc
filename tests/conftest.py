"""Shared fixtures: an own cache for every test, and pictures drawn on the spot."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

# A shell without job control makes what it starts in the background deaf to Ctrl-C, and so would be
# the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLENET_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def picture() -> np.ndarray:
    """A drawn picture, uint8 (96, 128, 3): gradients, stripes and a disc."""
    y, x = np.mgrid[:96, :128]
    disc = (x - 80) ** 2 + (y - 40) ** 2 < 25**2
    stripes = 127 + 120 * np.sin(x / 3 + y / 7)
    return np.stack([2 * x, np.where(disc, 250, 2 * y), stripes], -1).astype(np.uint8)
