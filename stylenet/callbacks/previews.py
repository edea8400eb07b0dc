"""Preview sheets: the style picture, and photos the net never trained on, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from stylenet.callbacks.guards import cut_short
from stylenet.pictures.images import Picture, write_picture
from stylenet.pictures.lettering import LINE, PALE, PAPER, lettered
from stylenet.tasks.base import Task

Bytes = NDArray[np.uint8]


class Previews(Callback):
    """Write ``preview.png`` along the way and at the end; log the same sheets.

    Args:
        folder: the run's folder.
        every: steps between sheets; 0 makes only the last sheet.
        height: of each picture on the sheet, in pixels.
    """

    def __init__(self, folder: str, every: int, height: int) -> None:
        self.path = Path(folder) / "preview.png"
        self.every = every
        self.height = height
        self.rows: list[list[Any]] = []

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Make a sheet when it is due. The last one comes at the end."""
        last = trainer.should_stop or trainer.global_step >= trainer.max_steps
        due = self.every and trainer.global_step % self.every == 0 and not last
        if due and trainer.is_global_zero:
            self._show(trainer, pl_module)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the last sheet, also of a run that was cut short.

        This is no `on_train_end`, because a run resumed after its last step does not train.
        """
        if trainer.is_global_zero and trainer.global_step:
            self._show(trainer, pl_module)
            if not cut_short(trainer):
                _log_table(trainer, self.rows)

    def _show(self, trainer: Trainer, task: LightningModule) -> None:
        picture = self._sheet(trainer, task)
        write_picture(Picture(picture), self.path)
        _log_picture(trainer, picture)

    def _sheet(self, trainer: Trainer, task: LightningModule) -> Bytes:
        assert isinstance(task, Task)
        photos = trainer.datamodule.validation_photos()  # type: ignore[attr-defined]
        training = task.training
        task.eval()
        shown = task.previews(photos)
        task.train(training)
        for name, *pair in shown if _picture_loggers(trainer) else []:
            self.rows.append([trainer.global_step, name, *(_fit(p, self.height) for p in pair)])
        return sheet(task.style, shown, self.height)


def _picture_loggers(trainer: Trainer) -> list[WandbLogger | TensorBoardLogger]:
    return [x for x in trainer.loggers if isinstance(x, (WandbLogger, TensorBoardLogger))]


def _log_table(trainer: Trainer, rows: list[list[Any]]) -> None:
    """To W&B: step, photo, original and stylised picture of every preview."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            import wandb

            shown = [[*row[:2], *map(wandb.Image, row[2:])] for row in rows]
            columns = ["step", "photo", "original", "stylised"]
            logger.log_table("previews", columns, shown, step=trainer.global_step)


def _log_picture(trainer: Trainer, picture: Bytes) -> None:
    for logger in _picture_loggers(trainer):
        if isinstance(logger, WandbLogger):
            logger.log_image("preview", [Image.fromarray(picture)], step=trainer.global_step)
        else:
            logger.experiment.add_image("preview", picture, trainer.global_step, dataformats="HWC")


def sheet(style: Bytes, shown: Sequence[tuple[str, Bytes, Bytes]], height: int) -> Bytes:
    """Tile pictures, each uint8 (H, W, 3), with captions.

    Args:
        shown: name, original and stylised picture of each photo.
        height: of each picture, in pixels.

    Returns:
        uint8 (H, W, 3) on white: the style picture, then the pairs, two cells a row. Rows are
        centred, so that no corner is empty.
    """
    gap = height // 24
    pairs = [
        _beside([_fit(before, height), _fit(after, height)], gap) for _, before, after in shown
    ]
    widest = max((pair.width for pair in pairs), default=10 * height)
    cells = [_captioned(_contained(style, widest, height), "style")]
    cells += [_captioned(pair, name) for (name, *_), pair in zip(shown, pairs, strict=True)]
    rows = [_beside(cells[i : i + _ACROSS], 3 * gap) for i in range(0, len(cells), _ACROSS)]
    width = max(row.width for row in rows)
    canvas = Image.new("RGB", (width + 2 * gap, sum(row.height + gap for row in rows) + gap), PAPER)
    top = gap
    for row in rows:
        canvas.paste(row, (gap + (width - row.width) // 2, top))
        top += row.height + gap
    return np.asarray(canvas)


_ACROSS = 2
"""Cells a row. With the style picture, the three embedded photos make four cells."""


def _beside(tiles: Sequence[Image.Image], gap: int) -> Image.Image:
    """Pictures in a row, aligned at the top."""
    width = sum(tile.width + gap for tile in tiles) - gap
    canvas = Image.new("RGB", (width, max(tile.height for tile in tiles)), PAPER)
    left = 0
    for tile in tiles:
        canvas.paste(tile, (left, 0))
        left += tile.width + gap
    return canvas


def _captioned(tile: Image.Image, name: str) -> Image.Image:
    canvas = Image.new("RGB", (tile.width, tile.height + LINE), PAPER)
    canvas.paste(tile)
    canvas.paste(lettered(name, PALE, tile.width), (0, tile.height))
    return canvas


def _fit(rgb: Bytes, height: int) -> Image.Image:
    return _contained(rgb, 10 * height, height)


def _contained(rgb: Bytes, width: int, height: int) -> Image.Image:
    return ImageOps.contain(Image.fromarray(rgb), (width, height), Image.Resampling.LANCZOS)
