"""Crops cut on the device: photographs lie in its memory, and plans alone are sent there.

Crops equal those of `stylenet.data.crops` up to the rounding of the resampling filter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylenet.data.batches import Batches, CropBatches
from stylenet.data.photo_cache import PhotoCache
from stylenet.pictures.color import LUMA

SHARE = 0.25
"""The share of a GPU's free memory that photographs may take."""

Plans = dict[str, Tensor]
"""A batch of plans. ``squares``, int64 (B, 5): first byte of the photograph, its width, and top,
left and side of the square. ``mirrored``, bool (B,). ``factors``, float32 (B, 3)."""


class PlannedBatches(Batches):
    """The plans of one stream of batches, or of several beside each other.

    Args:
        streams: their batches are planned, not made.
    """

    def __init__(self, *streams: CropBatches) -> None:
        super().__init__(streams[0].rank, streams[0].world)
        self.streams = streams

    def __iter__(self) -> Iterator[Any]:
        for number in self.numbers():
            yield [plans(stream, number) for stream in self.streams]


def plans(stream: CropBatches, number: int) -> Plans:
    """The plans of batch `number` of a stream."""
    photos, squares, mirrored, factors = stream.photos, [], [], []
    for position in stream.positions(number):
        photo = stream.photo(position)
        height, width = photos.shapes[photo]
        crop = stream.crop.plan(height, width, position)
        squares.append((photos.offsets[photo], width, crop.top, crop.left, crop.side))
        mirrored.append(crop.mirrored)
        factors.append(crop.factors)
    return {
        "squares": torch.tensor(squares),
        "mirrored": torch.tensor(mirrored),
        "factors": torch.tensor(factors, dtype=torch.float32),
    }


class DeviceCrops:
    """Cuts the planned crops of one stream, or of several, on a device.

    Args:
        streams: as `PlannedBatches` takes them. Their photographs are read into the device's
            memory.
    """

    def __init__(self, streams: Sequence[CropBatches], device: torch.device) -> None:
        self.photos = [DevicePhotos(each.photos, each.crop.size, device) for each in streams]

    def __call__(self, planned: Sequence[Plans]) -> Tensor:
        """A batch of `PlannedBatches`, on the device → crops, as the streams themselves give them.

        Returns:
            float32 RGB in [0, 1]: (B, 3, size, size), or (streams, B, 3, size, size).
        """
        crops = [photos.crops(each) for photos, each in zip(self.photos, planned, strict=True)]
        return crops[0] if len(crops) == 1 else torch.stack(crops)


def room_for(streams: Sequence[CropBatches], device: torch.device) -> bool:
    """Whether a GPU has room for the streams' photographs beside a training."""
    needed = sum(stream.photos.data.stat().st_size for stream in streams)
    free, _ = torch.cuda.mem_get_info(device)
    return bool(needed < SHARE * free)


class DevicePhotos:
    """The photographs of a cache in the memory of a device.

    Args:
        photos: the cache, which is read whole.
        size: side of the crops in pixels.
        device: where they are kept and cut.
    """

    def __init__(self, photos: PhotoCache, size: int, device: torch.device) -> None:
        self.size = size
        self.longest = max(min(shape) for shape in photos.shapes)
        self.pixels = _bytes(photos.data).to(device)
        self.luma = torch.from_numpy(LUMA).to(device)

    def crops(self, planned: Plans) -> Tensor:
        """Cut a batch of planned crops, in one pass for all.

        Args:
            planned: the plans, on the device.

        Returns:
            float32 RGB in [0, 1], (B, 3, size, size), channels last.
        """
        *_, side = planned["squares"].unbind(1)
        squares = self._squares(planned["squares"])
        across = shares(side, self.size, self.longest, planned["mirrored"])
        down = shares(side, self.size, self.longest, torch.zeros_like(planned["mirrored"]))
        # Pillow resizes rows first, and rounds to bytes after each direction.
        narrow = _rounded(torch.einsum("bxm,bymc->byxc", across, squares))
        small = _rounded(torch.einsum("bym,bmxc->byxc", down, narrow))
        return self._jittered(small, planned["factors"]).permute(0, 3, 1, 2)

    def _squares(self, squares: Tensor) -> Tensor:
        """The squares, float32 (B, L, L, 3), with any pixels beyond their sides."""
        start, width, top, left, side = (each.view(-1, 1, 1, 1) for each in squares.unbind(1))
        place = torch.arange(self.longest, device=squares.device)
        y = (top + torch.minimum(place.view(1, -1, 1, 1), side - 1)) * width
        x = left + torch.minimum(place.view(1, 1, -1, 1), side - 1)
        channel = torch.arange(3, device=squares.device)
        return self.pixels[start + (y + x) * 3 + channel].float()

    def _jittered(self, squares: Tensor, factors: Tensor) -> Tensor:
        """Bytes (B, S, S, 3) → [0, 1], jittered as crops are in `stylenet.data.crops`."""
        brightness, contrast, saturation = factors.view(-1, 3, 1, 1).unbind(1)  # (B, 1, 1) each
        grey = (squares.mean((1, 2)) @ self.luma).view(-1, 1, 1)
        one = torch.eye(3, device=squares.device)
        mix = saturation * one + (1 - saturation) * self.luma  # (B, 3, 3), rows sum to 1
        matrix = brightness * contrast / 255 * mix
        offset = brightness * (1 - contrast) / 255 * grey
        colours = squares.flatten(1, 2) @ matrix.mT + offset
        return colours.clamp(0, 1).view(squares.shape)


def _rounded(values: Tensor) -> Tensor:
    """Whole numbers. Halves go up, as Pillow's do, also where a sum is short of a half."""
    return (values + (0.5 + 1e-4)).floor()


def shares(side: Tensor, size: int, longest: int, mirrored: Tensor) -> Tensor:
    """How much each pixel of a line counts for each pixel of the resized line.

    The filter is Pillow's antialiased Hamming filter: a sinc under a Hamming window, of one output
    pixel to both sides, whose shares sum to 1.

    Args:
        side: (B,), lengths of the lines in pixels. size: length of all resized lines.
        longest: at least the largest side.
        mirrored: bool (B,), whether the resized line is turned round.

    Returns:
        float32 (B, size, longest); 0 beyond a line's end.
    """
    scale = (side / size).view(-1, 1, 1)
    place = torch.arange(size, device=side.device).view(1, -1, 1)
    place = torch.where(mirrored.view(-1, 1, 1), size - 1 - place, place)
    pixel = torch.arange(longest, device=side.device).view(1, 1, -1)
    distance = (pixel + 0.5 - (place + 0.5) * scale) / scale.clamp(min=1)
    window = 0.54 + 0.46 * (torch.pi * distance).cos()
    weights = torch.sinc(distance) * window * (distance.abs() < 1) * (pixel < side.view(-1, 1, 1))
    return weights / weights.sum(2, keepdim=True)


def _bytes(file: Path) -> Tensor:
    """All bytes of a file, as they lie on the disk."""
    return torch.from_file(str(file), size=file.stat().st_size, dtype=torch.uint8)
