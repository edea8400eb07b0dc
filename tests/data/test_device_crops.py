"""Crops cut on a device are the crops of the CPU's stream."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylenet.data.batches import CropBatches
from stylenet.data.crops import RandomCrop
from stylenet.data.device_crops import DeviceCrops, PlannedBatches, plans, shares
from stylenet.data.folder import FolderPhotos
from stylenet.data.photo_cache import PhotoCache, open_cache

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhotoCache:
    """Of photographs of many sizes, drawn with edges, shades and noise."""
    monkeypatch.setenv("STYLENET_CACHE", str(tmp_path / "cache"))
    (tmp_path / "photos").mkdir()
    draw = np.random.default_rng(0)
    for number, (height, width) in enumerate([(90, 150), (200, 111), (64, 64), (120, 400)]):
        coarse = draw.integers(0, 256, (7, 9, 3), dtype=np.uint8)
        rgb = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        noisy = np.clip(rgb + draw.normal(0, 20, rgb.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / "photos" / f"{number}.png")
    return open_cache(FolderPhotos(str(tmp_path / "photos")), 100)


@pytest.mark.parametrize("size", [32, 64, 96])
@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_they_are_the_streams_crops_but_for_rounding(
    cache: PhotoCache, size: int, jitter: float, device: torch.device
):
    crop = RandomCrop(size, jitter, seed=7)
    stream = CropBatches(cache, crop, 5, rank=0, world=1)
    cut = DeviceCrops([stream], device)
    for number in range(6):
        planned = {name: each.to(device) for name, each in plans(stream, number).items()}
        found, expected = cut([planned]).cpu(), stream.batch(number)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        assert found.is_contiguous(memory_format=torch.channels_last)
        error = (found - expected).abs() * 255
        assert error.max() < 2.1 * (1 + jitter) ** 2  # a byte in each direction
        assert error.mean() < 0.02


def test_batches_of_plans_go_on_where_the_stream_stands(cache: PhotoCache):
    streams = [CropBatches(cache, RandomCrop(32, 0.1, seed), 3, rank=1, world=2) for seed in (0, 1)]
    planned = PlannedBatches(*streams)
    planned.start = 4
    pair = next(iter(planned))
    expected = torch.stack([stream.batch(9) for stream in streams])
    assert (DeviceCrops(streams, CPU)(pair) - expected).abs().max() < 3 / 255


def test_shares_sum_to_one_and_end_with_the_line():
    side = torch.tensor([5, 32, 50])
    found = shares(side, 32, 64, torch.zeros(3, dtype=torch.bool))
    torch.testing.assert_close(found.sum(2), torch.ones(3, 32))
    assert not any(line[:, length:].any() for line, length in zip(found, side, strict=True))
    assert torch.equal(found[1, :, :32], torch.eye(32))
    turned = shares(side, 32, 64, torch.ones(3, dtype=torch.bool))
    assert torch.equal(turned, found.flip(1))
