"""The data module of all trainings: it turns photographs into endless batches of crops."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from stylenet.data.batches import Batches, BatchLoader, CropBatches, PairedBatches
from stylenet.data.collection import as_source
from stylenet.data.crops import RandomCrop
from stylenet.data.device_crops import DeviceCrops, PlannedBatches, room_for
from stylenet.data.folder import FolderPhotos
from stylenet.data.photo_cache import PhotoCache, open_cache
from stylenet.data.source import PhotoSource
from stylenet.data.stream import HubStream, StreamBatches
from stylenet.data.style_pictures import style_pictures
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import shrink
from stylenet.system.errors import UserError, shown

_log = logging.getLogger(__name__)

_ZOOM = 1.25  # cached side / crop side; it lets scales vary, for 1.6 times the disk space
_STYLE_ZOOM = 2  # cached side / crop side of style pictures
_LARGEST = 256  # pixels, the largest default crop of any hardware; smaller crops share its cache
_PREVIEWS = 6  # validation photographs
_PREVIEW_SIDE = 512  # pixels, the longer side


class PhotoDataModule(LightningDataModule):
    """Endless random crops of a set of photographs, and a few held-out photographs for previews.

    Nothing is read or decoded before `prepare_data`.

    Args:
        source: the photographs to train on.
        validation: the photographs for previews, or the path of their folder. If `source` is a
            folder, too, files of the validation folder are never trained on.
        size: side of a crop in pixels.
        batch_size: number of crops in a batch, per process.
        seed: seed of the crops. The stream of crops depends on this seed and on the position in
            the stream alone.
        cache_side: shorter side in pixels that photographs are shrunk to. A crop covers at least
            `size` pixels of this side and at most all of it. By default, crops see photographs
            at a side of 1.25 `size`. The cache then has the larger of this side and 320 pixels, so
            that one cache serves all kinds of hardware.
        workers: number of processes that prepare batches. It does not change the stream. A
            streamed source uses at most one.
        jitter: amount of colour jitter, see `RandomCrop`.
        paintings: a second set of pictures, or the path of its folder, for tasks that learn from
            two sets. Each batch of photographs comes with a batch of paintings. Their colours are
            not jittered.
        styles: a second set of style pictures, as `style_pictures` takes them. They are shrunk to
            a shorter side of twice `size`, so strokes are seen at several scales. Their colours
            are jittered, too.

    Raises:
        UserError: a number is out of range.
    """

    def __init__(
        self,
        source: PhotoSource | HubStream,
        validation: PhotoSource | str,
        size: int = 256,
        batch_size: int = 1,
        seed: int = 0,
        cache_side: int | None = None,
        workers: int = 0,
        jitter: float = 0.1,
        paintings: PhotoSource | str | None = None,
        styles: PhotoSource | str | None = None,
    ) -> None:
        super().__init__()
        validation = as_source(validation)
        if isinstance(source, FolderPhotos) and isinstance(validation, FolderPhotos):
            source = replace(source, without=validation.path)
        self.source = source
        self.validation = validation
        self.paintings = None if paintings is None else as_source(paintings)
        shrunk = round(size * _ZOOM)
        self.cache_side = max(shrunk, round(_LARGEST * _ZOOM)) if cache_side is None else cache_side
        self.batch_size = batch_size
        self.workers = workers
        self.crop = RandomCrop(size, jitter, seed, shrunk if cache_side is None else cache_side)
        self.styles = None if styles is None else style_pictures(styles)
        self.cut: DeviceCrops | None = None
        self._check()

    def prepare_data(self) -> None:
        """Decode the photographs unless an earlier run has. Log which pictures were skipped.

        A streamed source is not decoded. The call only checks that it can be opened.
        """
        if isinstance(self.source, HubStream):
            self.source.photos.rows()
        elif self.photos.skipped:
            _log.warning(self.photos.skipped_line())
        if self.beside and self.beside.skipped:
            _log.warning(self.beside.skipped_line())

    @cached_property
    def photos(self) -> PhotoCache:
        """The decoded photographs of a source that is not streamed."""
        if isinstance(self.source, HubStream):
            raise TypeError("a streamed source has no cache")
        return open_cache(self.source, self.cache_side)

    @property
    def style_side(self) -> int:
        """Shorter side in pixels at which style pictures are cached."""
        return max(self.crop.size, _LARGEST) * _STYLE_ZOOM

    @cached_property
    def beside(self) -> PhotoCache | None:
        """The decoded paintings or style pictures; None if the task has no second set."""
        if self.styles is not None:
            return open_cache(self.styles, self.style_side)
        return None if self.paintings is None else open_cache(self.paintings, self.cache_side)

    def contents(self) -> dict[str, dict[str, Any]]:
        """Checksums of the training pictures. Equal pictures in equal order have equal checksums.

        Folders and file names do not matter, except for a streamed source.

        Returns:
            The checksums of ``photos`` and of ``paintings`` or ``styles``, if there are some.

        Raises:
            UserError: a set cannot be found, decoded or cached.
        """
        if isinstance(self.source, HubStream):
            found = {"photos": self.source.contents()}
        else:
            found = {"photos": self.photos.contents}
        if self.beside:
            found["paintings" if self.styles is None else "styles"] = self.beside.contents
        return found

    def credits(self) -> dict[str, dict[str, str | None]]:
        """Where each set of pictures comes from, and on what terms: `Credit.note`.

        Returns:
            The credits of ``photos`` and ``previews``, and of ``paintings`` or ``styles``, if there
            are some.
        """
        sets = {
            "photos": self.source,
            "previews": self.validation,
            "paintings": self.paintings,
            "styles": self.styles,
        }
        return {name: each.credit.note() for name, each in sets.items() if each is not None}

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Endless batches: float32 RGB in [0, 1], (batch_size, 3, size, size).

        With paintings or style pictures, (2, batch_size, 3, size, size): a batch of photographs,
        then a batch of paintings or style pictures.

        A GPU with room for the photographs cuts the crops itself, from plans.

        The batches start where the trainer stands. So a resumed run sees the batches that the
        interrupted run would have seen next.
        """
        streams = [self._photo_batches()]
        if self.beside:
            streams.append(self._batches_beside(self.beside))
        cached = [stream for stream in streams if isinstance(stream, CropBatches)]
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        if len(cached) == len(streams) and device.type == "cuda" and room_for(cached, device):
            self.cut = DeviceCrops(cached, device)
            return BatchLoader(PlannedBatches(*cached), 0, self._batches_done)
        batches = PairedBatches(*streams) if self.beside else streams[0]
        workers = min(self.workers, 1) if isinstance(self.source, HubStream) else self.workers
        return BatchLoader(batches, workers, self._batches_done)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Cut planned crops on the device."""
        return batch if self.cut is None else self.cut(batch)

    def _photo_batches(self) -> Batches:
        size, place = self.batch_size, self._place()
        if isinstance(self.source, HubStream):
            return StreamBatches(self.source, self.crop, size, *place)
        return CropBatches(self.photos, self.crop, size, *place)

    def _batches_beside(self, pictures: PhotoCache) -> Batches:
        crop = replace(self.crop, seed=self.crop.seed + 1)  # the second set has an order of its own
        if self.styles is None:
            crop = replace(crop, jitter=0.0)  # a painter's colours are style
        else:
            crop = replace(crop, longest=self.crop.size * _STYLE_ZOOM)
        return CropBatches(pictures, crop, self.batch_size, *self._place())

    def _place(self) -> tuple[int, int]:
        """The number of this process, and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def validation_photos(self) -> list[tuple[str, Bytes]]:
        """Up to six held-out photographs, spread evenly over the set: (name, uint8 (H, W, 3)).

        The longer side is at most 512 pixels. Photographs that cannot be read are left out.

        Raises:
            UserError: the set cannot be found or none of these photographs can be read.
        """
        return self._previews

    @cached_property
    def _previews(self) -> list[tuple[str, Bytes]]:
        photos = list(self.validation.listing().photos)
        step = max(1.0, len(photos) / _PREVIEWS)
        chosen = [photos[int(i * step)] for i in range(min(len(photos), _PREVIEWS))]
        previews, reasons = [], []
        for photo in chosen:
            try:
                previews.append((shown(photo.name), _preview(photo.decode().rgb)))
            except UserError as error:
                reasons.append(str(error))
        if not previews:
            raise UserError(
                f"no photograph of {self.validation.title} can be used, for example: {reasons[0]}"
            )
        if reasons:
            _log.warning("skipped %d validation photographs: %s", len(reasons), "; ".join(reasons))
        return previews

    def _batches_done(self) -> int:
        """The number of batches that this process has trained on.

        Optimiser steps are not counted. A batch may take two steps, one for each optimiser. With
        accumulated gradients, several batches share a step.
        """
        if self.trainer is None:
            return 0
        progress = self.trainer.fit_loop.epoch_loop.batch_progress.total
        return int(progress.processed)  # type: ignore[attr-defined]  # typed as its base class

    def _check(self) -> None:
        size = self.crop.size
        if size < 32:
            raise UserError(f"data.size={size} is too small to style; give 32 or more")
        if self.cache_side < size:
            raise UserError(
                f"data.cache_side={self.cache_side} is below data.size={size}; give {size} or more"
            )
        if self.batch_size < 1:
            raise UserError(f"data.batch_size={self.batch_size} is no batch; give 1 or more")
        if self.workers < 0:
            raise UserError(f"data.workers={self.workers} is negative; give 0 or more")
        if self.crop.seed < 0:
            raise UserError(f"data.seed={self.crop.seed} is negative; give 0 or more")
        if not 0 <= self.crop.jitter < 1:
            raise UserError(f"data.jitter={self.crop.jitter} is out of range; give 0 up to below 1")


def _preview(rgb: Bytes) -> Bytes:
    """`rgb` (H, W, 3) shrunk to a longer side of at most 512 pixels."""
    return shrink(rgb, _PREVIEW_SIDE * min(rgb.shape[:2]) // max(rgb.shape[:2]))
