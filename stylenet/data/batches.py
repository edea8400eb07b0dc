"""The endless stream of training batches, and a loader that starts where training stands."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from stylenet.data.crops import RandomCrop, photo_at
from stylenet.data.photo_cache import PhotoCache


class Batches(IterableDataset[Tensor]):
    """Endless numbered batches. Batch n holds samples n * size to n * size + size - 1.

    Process `rank` of `world` yields batches rank, rank + world, … and skips the first `start` of
    them. The loader's workers take turns, and the loader collects batches in the same order. So
    the stream is the same for any number of workers.
    """

    def __init__(self, rank: int, world: int) -> None:
        self.rank = rank
        self.world = world
        self.start = 0

    def numbers(self) -> Iterator[int]:
        """The numbers of the batches that this worker of this process yields, without end."""
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for own in itertools.count(self.start + first, step):
            yield own * self.world + self.rank


class CropBatches(Batches):
    """Batches of crops of cached photographs: float32 RGB in [0, 1], (B, 3, size, size)."""

    def __init__(
        self, photos: PhotoCache, crop: RandomCrop, batch_size: int, rank: int, world: int
    ) -> None:
        super().__init__(rank, world)
        self.photos = photos
        self.crop = crop
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[Tensor]:
        return map(self.batch, self.numbers())

    def batch(self, number: int) -> Tensor:
        """Batch `number` of the stream. It is the same in every process."""
        return torch.from_numpy(np.stack([self._sample(p) for p in self.positions(number)]))

    def positions(self, number: int) -> range:
        """The positions in the stream of the samples of batch `number`."""
        return range(number * self.batch_size, (number + 1) * self.batch_size)

    def photo(self, position: int) -> int:
        """The number of the photograph for a position in the stream."""
        return photo_at(position, len(self.photos), self.crop.seed)

    def _sample(self, position: int) -> NDArray[np.float32]:
        return self.crop(self.photos[self.photo(position)], position)


class PairedBatches(Batches):
    """Batches of two independent streams, stacked: (2, B, 3, size, size)."""

    def __init__(self, first: Batches, second: Batches) -> None:
        super().__init__(first.rank, first.world)
        self.first = first
        self.second = second

    def __iter__(self) -> Iterator[Tensor]:
        self.first.start = self.second.start = self.start
        return map(torch.stack, zip(self.first, self.second, strict=False))


class BatchLoader(DataLoader[Tensor]):
    """A loader of `batches` that skips the batches already trained on.

    It calls `batches_done` at the start of every epoch. So a shortened epoch continues where the
    previous epoch ended, and a resumed run continues where the interrupted run stopped.
    """

    dataset: Batches

    def __init__(self, batches: Batches, workers: int, batches_done: Callable[[], int]) -> None:
        on_gpu = torch.cuda.is_available()  # a GPU copies from pinned memory while it computes
        super().__init__(batches, batch_size=None, num_workers=workers, pin_memory=on_gpu)
        self._batches_done = batches_done

    def __iter__(self) -> Any:
        self.dataset.start = self._batches_done()
        return super().__iter__()
