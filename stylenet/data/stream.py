"""Training from the hub without a cache. It needs no disk space but decodes in every epoch."""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylenet.data.batches import Batches
from stylenet.data.credit import Credit
from stylenet.data.crops import RandomCrop
from stylenet.data.hub import HubPhotos
from stylenet.data.source import Photo
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import shrink
from stylenet.system.errors import UserError

_log = logging.getLogger(__name__)

_GIVE_UP_AFTER = 100  # unreadable pictures in a row


@dataclass(frozen=True)
class HubStream:
    """An endless stream of `photos`, shuffled in a buffer of `buffer` encoded pictures."""

    photos: HubPhotos
    buffer: int = 1000

    @property
    def title(self) -> str:
        return self.photos.title

    @property
    def credit(self) -> Credit:
        return self.photos.credit

    def contents(self) -> dict[str, Any]:
        """Checksum of the names and sizes of local files, or of the source's key on the hub."""
        files = self.photos.files()
        sizes = [f"{file.name} {file.stat().st_size}" for file in files]
        told = "\n".join(sizes) if files else self.photos.key()
        return {"count": None, "files": hashlib.sha256(told.encode()).hexdigest()}

    def forever(self, seed: int, start: int) -> Iterator[Photo]:
        """Yield the pictures of all epochs, each in an order of its own, from position `start` on.

        Pictures before `start` are read and thrown away. This takes a while late in training.

        Raises:
            UserError: the dataset cannot be read or is empty.
        """
        rows = self.photos.rows()
        for epoch in itertools.count():
            random = np.random.default_rng([seed, epoch])
            found = 0
            for photo in _shuffled(self.photos.photos(rows), self.buffer, random):
                found += 1
                if found > start:
                    yield photo
            if not found:
                raise UserError(f"{self.title} is empty; choose other data")
            start = max(0, start - found)


def _shuffled(photos: Iterable[Photo], buffer: int, random: np.random.Generator) -> Iterator[Photo]:
    """Yield `photos` in a random order, limited by the buffer.

    `datasets` could shuffle, too, but its order depends on its version and on the worker.
    """
    held: list[Photo] = []
    for photo in photos:
        if len(held) < buffer:
            held.append(photo)
            continue
        place = int(random.integers(buffer))
        yield held[place]
        held[place] = photo
    for place in random.permutation(len(held)):
        yield held[place]


class StreamBatches(Batches):
    """Batches of crops of streamed photographs: float32 RGB in [0, 1], (B, 3, size, size).

    Other pictures of the batch replace a picture that cannot be used. If the whole batch is bad,
    the last good picture before it is used. So positions in the stream never shift. The loader may
    have one worker at most, because `datasets` would divide its files among several.
    """

    def __init__(
        self,
        stream: HubStream,
        crop: RandomCrop,
        batch_size: int,
        rank: int,
        world: int,
    ) -> None:
        super().__init__(rank, world)
        self.stream = stream
        self.crop = crop
        self.batch_size = batch_size
        self._last: Bytes | None = None
        self._bad_in_a_row = 0

    def __iter__(self) -> Iterator[Tensor]:
        first = self.start * self.world
        photos = self.stream.forever(self.crop.seed, first * self.batch_size)
        for number in itertools.count(first):
            group = list(itertools.islice(photos, self.batch_size))
            if number % self.world == self.rank:
                yield from self._batch(number, group)

    def _batch(self, number: int, group: list[Photo]) -> list[Tensor]:
        """Batch `number` in a list. The list is empty if no picture has been good so far."""
        good = [rgb for photo in group if (rgb := self._decode(photo)) is not None]
        if not good and self._last is not None:
            good = [self._last]
        if not good:
            return []
        self._last = good[-1]
        first = number * self.batch_size
        crops = [self.crop(good[i % len(good)], first + i) for i in range(self.batch_size)]
        return [torch.from_numpy(np.stack(crops))]

    def _decode(self, photo: Photo) -> Bytes | None:
        try:
            rgb = photo.decode(self.crop.longest).rgb
        except UserError as error:
            _log.warning("skipped a picture: %s", error)
            self._bad_in_a_row += 1
            if self._bad_in_a_row == _GIVE_UP_AFTER:
                raise UserError(
                    f"{_GIVE_UP_AFTER} pictures of {self.stream.title} in a row cannot be used,"
                    f" for example: {error}"
                ) from None
            return None
        self._bad_in_a_row = 0
        return rgb if self.crop.longest is None else shrink(rgb, self.crop.longest)
