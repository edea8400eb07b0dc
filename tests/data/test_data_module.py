from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from stylenet.data.batches import CropBatches
from stylenet.data.folder import FolderPhotos
from stylenet.data.module import PhotoDataModule
from stylenet.data.samples import SamplePhotos
from stylenet.system.errors import UserError


def module(photos: Path, **options) -> PhotoDataModule:
    options = {"size": 32, "batch_size": 3, "seed": 7, "cache_side": 64, **options}
    return PhotoDataModule(FolderPhotos(str(photos)), SamplePhotos(held_out=True), **options)


def batches(photos: Path, count: int, **options) -> torch.Tensor:
    loader = module(photos, **options).train_dataloader()
    return torch.stack(list(islice(loader, count)))


class Recorder(LightningModule):
    """Remembers every batch it trained on; `interrupted_at` raises in the middle of one."""

    def __init__(self, optimisers: int = 1, interrupted_at: int = -1) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.optimisers = optimisers
        self.interrupted_at = interrupted_at
        self.automatic_optimization = optimisers == 1
        self.seen: list[torch.Tensor] = []

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        if len(self.seen) == self.interrupted_at:
            raise RuntimeError("interrupted")
        self.seen.append(batch.clone())
        if self.optimisers > 1:
            for optimiser in self.optimizers():
                optimiser.step()
        return (self.weight * batch).mean()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        return [torch.optim.SGD([self.weight], lr=0.1) for _ in range(self.optimisers)]


class SaveOnException(Callback):
    def __init__(self, path: Path) -> None:
        self.path = path

    def on_exception(self, trainer: Trainer, *_: object) -> None:
        trainer.save_checkpoint(self.path)


def train(photos: Path, recorder: Recorder, resume: Path | None = None, **options) -> list:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    options = {"enable_checkpointing": False, **options}
    workers = options.pop("workers", 0)
    trainer = Trainer(accelerator="cpu", **quiet, **options)
    trainer.fit(recorder, datamodule=module(photos, workers=workers), ckpt_path=resume)
    return recorder.seen


def test_batches_are_images(photos):
    stream = batches(photos, 2)
    assert stream.shape == (2, 3, 3, 32, 32)
    assert stream.dtype == torch.float32
    assert 0 <= stream.min() < stream.max() <= 1


def test_an_epoch_shows_every_photograph_once(tmp_path, draw):
    for number in range(6):
        draw(tmp_path / "same" / f"{number}.png", 64, 64, seed=number)
    stream = batches(tmp_path / "same", 4, size=64, jitter=0)  # a crop is a photo or its mirror
    means = [round(float(sample.mean()), 5) for sample in stream.flatten(0, 1)]
    assert len(set(means[:6])) == 6
    assert sorted(means[:6]) == sorted(means[6:])
    assert means[:6] != means[6:]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_stream_is_the_same_for_any_number_of_workers(photos, workers):
    assert torch.equal(batches(photos, 7), batches(photos, 7, workers=workers))


def test_paintings_come_beside_photographs_in_a_stream_of_their_own(photos, tmp_path, draw):
    for number in range(3):
        draw(tmp_path / "paintings" / f"{number}.png", seed=10 + number)
    both = batches(photos, 6, paintings=str(tmp_path / "paintings"))
    assert both.shape == (6, 2, 3, 3, 32, 32)
    assert torch.equal(both[:, 0], batches(photos, 6))
    assert torch.equal(both, batches(photos, 6, paintings=str(tmp_path / "paintings"), workers=2))
    drawn = module(tmp_path / "paintings", seed=8, jitter=0).train_dataloader()
    assert torch.equal(both[:, 1], torch.stack(list(islice(drawn, 6))))


def test_a_resumed_run_sees_the_same_pairs(photos, tmp_path, draw):
    draw(tmp_path / "painting" / "only.png", seed=10)
    data = module(photos, paintings=str(tmp_path / "painting"))
    whole = list(islice(data.train_dataloader(), 5))
    loader = data.train_dataloader()
    loader._batches_done = lambda: 3
    assert torch.equal(torch.stack(list(islice(loader, 2))), torch.stack(whole[3:]))


def test_the_stream_depends_on_the_seed(photos):
    assert not torch.equal(batches(photos, 1), batches(photos, 1, seed=8))


def test_processes_share_the_stream_out(photos):
    data = module(photos)
    whole = batches(photos, 6)
    for rank in range(2):
        share = CropBatches(data.photos, data.crop, 3, rank, 2)
        share.start = 1
        assert torch.equal(torch.stack(list(islice(share, 2))), whole[2 + rank :: 2])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("optimisers", "options"),
    [(1, {"max_steps": 6}), (2, {"max_steps": 12}), (1, {"max_steps": 3, "accumulate": 2})],
)
def test_a_resumed_run_sees_what_the_interrupted_one_would_have(
    photos, tmp_path, workers, optimisers, options
):
    options = {"max_steps": options["max_steps"], "workers": workers} | (
        {"accumulate_grad_batches": options["accumulate"]} if "accumulate" in options else {}
    )
    whole = train(photos, Recorder(optimisers), **options)
    save = ModelCheckpoint(tmp_path / "saved", "{step}", every_n_train_steps=2, save_top_k=-1)
    train(photos, Recorder(optimisers), callbacks=[save], enable_checkpointing=True, **options)
    saved = sorted((tmp_path / "saved").glob("*.ckpt"), key=lambda file: file.stat().st_mtime)
    resumed = train(photos, Recorder(optimisers), resume=saved[0], **options)

    assert len(whole) == 6
    assert 0 < len(resumed) < 6
    assert torch.equal(torch.stack(resumed), torch.stack(whole[-len(resumed) :]))


def test_a_run_interrupted_inside_a_step_sees_that_batch_again(photos, tmp_path):
    whole = train(photos, Recorder(), max_steps=5)
    saved = tmp_path / "interrupted.ckpt"
    with pytest.raises(RuntimeError):
        train(photos, Recorder(interrupted_at=3), max_steps=5, callbacks=[SaveOnException(saved)])
    resumed = train(photos, Recorder(), resume=saved, max_steps=5)
    assert torch.equal(torch.stack(resumed), torch.stack(whole[3:]))


def test_shortened_epochs_go_on_where_the_last_one_ended(photos):
    whole = train(photos, Recorder(), max_steps=6)
    epochs = train(photos, Recorder(), max_epochs=3, limit_train_batches=2)
    assert torch.equal(torch.stack(epochs), torch.stack(whole))


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    data = PhotoDataModule(FolderPhotos(str(tmp_path / "none")), str(tmp_path / "neither"))
    with pytest.raises(UserError, match="none is not a folder"):
        data.prepare_data()


def test_skipped_files_are_reported_in_one_line(photos, caplog):
    (photos / "text.jpg").write_text("not a picture")
    with caplog.at_level(logging.WARNING):
        module(photos).prepare_data()
    (record,) = caplog.records
    assert "skipped 1 of 6 pictures" in record.getMessage()
    assert "text.jpg" in record.getMessage()


def test_previews_are_few_small_and_spread_over_the_set(photos, tmp_path, draw):
    for number in range(13):
        draw(tmp_path / "val" / f"{number:02}.png", 700 + number, 300, seed=number)
    data = PhotoDataModule(FolderPhotos(str(photos)), str(tmp_path / "val"))
    previews = data.validation_photos()
    assert [name for name, _ in previews] == [f"{n:02}.png" for n in (0, 2, 4, 6, 8, 10)]
    assert all(505 < rgb.shape[1] <= 512 and rgb.dtype == "uint8" for _, rgb in previews)


def test_bad_previews_are_left_out_unless_all_are_bad(photos, tmp_path, draw):
    folder = tmp_path / "val"
    draw(folder / "a.png", 10, 10)
    data = PhotoDataModule(FolderPhotos(str(photos)), str(folder))
    with pytest.raises(UserError, match=r"no photograph of .*val can be used"):
        data.validation_photos()
    draw(folder / "b.png")
    assert [name for name, _ in data.validation_photos()] == ["b.png"]


def test_validation_files_are_never_trained_on(photos, tmp_path, draw):
    held_out = photos / "val"
    draw(held_out / "5.png", seed=5)
    draw(tmp_path / "elsewhere" / "6.png", seed=6)
    (held_out / "link.png").symlink_to(photos / "0.png")
    (photos / "link.png").symlink_to(held_out / "5.png")
    data = PhotoDataModule(FolderPhotos(str(photos)), str(held_out), size=32)
    assert data.photos.names == ["1.png", "2.png", "3.png", "deeper/4.png"]

    with pytest.raises(UserError, match="give different folders"):
        PhotoDataModule(FolderPhotos(str(held_out)), str(photos)).prepare_data()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("size", 16),
        ("cache_side", 31),
        ("batch_size", 0),
        ("workers", -1),
        ("seed", -1),
        ("jitter", 1.0),
    ],
)
def test_numbers_out_of_range_are_named(photos, option, value):
    with pytest.raises(UserError, match=f"data.{option}={value} .*give"):
        module(photos, **{option: value})
