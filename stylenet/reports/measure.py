"""What each run of a sweep makes of the same photos, measured alike for all."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from stylenet.data.samples import SamplePhotos
from stylenet.data.source import Photo, file_photo
from stylenet.models.checkpoint import TrainedModel, load_model
from stylenet.models.criterion import criterion
from stylenet.models.learnt import learnt_picture, trained_on
from stylenet.nets.apply import apply_net
from stylenet.nets.traits import traits
from stylenet.pictures.folders import find_pictures
from stylenet.pictures.formats import READABLE
from stylenet.pictures.images import Bytes, resize
from stylenet.pixels.optimisation import PixelLoss
from stylenet.reports.equivalent import lbfgs_iteration
from stylenet.reports.sweep import Axis, Run
from stylenet.styles.picture import StylePicture
from stylenet.system.errors import UserError, shown
from stylenet.system.terminal import progress_bar
from stylenet.tensors import to_tensor

LONGER_SIDE = 512
"""Longer side of pictures in pixels, at most: a page of dozens of pictures opens on a phone."""

_OF_A_FOLDER = 6  # photos, evenly chosen: as many as training previews

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What a run makes of the photos.

    stylized: uint8 (H, W, 3) each. content, style: unweighted losses, means over the photos.
    seconds: the training's duration, if known. picture: the style picture learnt. lbfgs: the
    iteration of pixel optimisation that the run equals, if it was asked for.
    """

    stylized: list[Bytes]
    content: float
    style: float
    seconds: float | None
    picture: StylePicture
    lbfgs: float | None = None


@dataclass(frozen=True)
class Findings:
    """All that a report tells of a sweep.

    place: the sweep's folder. measure: how the losses are measured, in words. photos: names and
    originals. results: by the run's name; a run without a result has a `problem`.
    """

    place: str
    measure: str
    axes: list[Axis]
    photos: list[tuple[str, Bytes]]
    runs: list[Run]
    results: dict[str, Result]

    def styles(self) -> dict[str, StylePicture]:
        """The style pictures by name."""
        return {result.picture.name: result.picture for result in self.results.values()}


class Yardstick:
    """Unweighted content and style loss as one run's config defines them.

    The totals of two runs cannot be compared where their weights differ; nor can any loss where
    layers differ. So all runs of a sweep are measured by the same yardstick.
    """

    def __init__(self, config: dict[str, Any], device: str) -> None:
        self.criterion = criterion(config, measured=False, device=device)
        self.device = device

    def describe(self) -> str:
        """The layers compared, in words."""
        loss = self.criterion.loss
        content, style = ", ".join(loss.content_layers), ", ".join(loss.style_layers)
        unit = "relative to the target's energy" if loss.relative else "as mean squares"
        return f"Content at {content}, style at {style} of VGG, {unit}"

    @torch.no_grad()
    def __call__(
        self, photos: Sequence[Bytes], stylized: Sequence[Bytes], style: Bytes
    ) -> tuple[float, float]:
        """The mean content and style loss of results; all pictures are uint8 (H, W, 3)."""
        self.criterion.set_style(style)
        vgg, loss = self.criterion.vgg, self.criterion.loss
        content = strokes = 0.0
        for photo, result in zip(photos, stylized, strict=True):
            pixels = PixelLoss(vgg, loss, to_tensor(photo).to(self.device))
            terms = pixels(to_tensor(result).to(self.device))
            content += terms["content"].item() / len(photos)
            strokes += terms["style"].item() / len(photos)
        return content, strokes


class Laboratory:
    """Stylises the same photos by one run after the other, and measures all runs alike.

    The first run that can be loaded provides the yardstick.
    """

    def __init__(self, photos: Sequence[Bytes], lbfgs: bool) -> None:
        self.photos = photos
        self.lbfgs = lbfgs
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.yardstick: Yardstick | None = None
        self._pictures: dict[str | None, StylePicture] = {}

    def examine(self, run: Run) -> Result:
        """What `run` makes of the photos.

        Raises:
            UserError: the run's model or its style picture cannot be loaded.
        """
        model = load_model(run.folder)
        picture = self._picture(model)
        if self.yardstick is None:
            self.yardstick = Yardstick(model.config, self.device)
        return self._measure(run, model, picture, self.yardstick)

    def _measure(
        self, run: Run, model: TrainedModel, picture: StylePicture, yardstick: Yardstick
    ) -> Result:
        net = model.net.to(self.device).to(memory_format=torch.channels_last)
        stylized = [apply_net(net, photo) for photo in self.photos]
        content, style = yardstick(self.photos, stylized, picture.rgb)
        equal = lbfgs_iteration(model, self.photos, picture.rgb) if self.lbfgs else None
        return Result(stylized, content, style, run.seconds(), picture, equal)

    def _picture(self, model: TrainedModel) -> StylePicture:
        """The style picture that a run learnt, which runs of one sweep share."""
        wanted = trained_on(model.config)
        if wanted not in self._pictures:
            picture = _picture(model)
            if picture.sha256 != wanted:
                return picture
            self._pictures[wanted] = picture
        return self._pictures[wanted]


def _picture(model: TrainedModel) -> StylePicture:
    """The style picture that a run learnt; a warning tells if the picture has changed since."""
    assert model.folder is not None
    if not traits(model.net).one_picture:
        raise UserError("it learnt from a collection; a report is for styles of one picture")
    picture = learnt_picture(model.config, model.folder)
    if trained_on(model.config) not in (None, picture.sha256):
        _log.warning(
            "the picture of %s has changed since the training; the style loss is against today's",
            picture.name,
        )
    return picture


def examine(
    place: str, runs: Sequence[Run], axes: list[Axis], photos: Sequence[Photo], lbfgs: bool = False
) -> Findings:
    """Stylise and measure. A run with a broken model is reported with its problem.

    Args:
        place: the sweep's folder.
        lbfgs: also find the iteration of pixel optimisation that each run equals.

    Raises:
        UserError: a photo cannot be read, or no run has a model.
    """
    pictures = [(shown(photo.name), _shrink(photo)) for photo in photos]
    laboratory = Laboratory([rgb for _, rgb in pictures], lbfgs)
    results, examined = {}, []
    for run in _progress(runs):
        if run.problem is None:
            try:
                results[run.name] = laboratory.examine(run)
            except UserError as error:
                run = replace(run, problem=f"failed: {error}")
        examined.append(run)
    if laboratory.yardstick is None:
        raise UserError(f"{place}: no run has a model ({examined[0].name} {examined[0].problem})")
    return Findings(place, laboratory.yardstick.describe(), axes, pictures, examined, results)


def _progress(runs: Sequence[Run]) -> Iterator[Run]:
    with progress_bar(*Progress.get_default_columns()) as progress:
        yield from progress.track(runs, description="stylising")


def find_photos(paths: Sequence[Path]) -> list[Photo]:
    """The photos to stylise: files, and up to six of each folder; without paths, held-out samples.

    Raises:
        UserError: a path that does not exist, or a folder without pictures.
    """
    if not paths:
        return list(SamplePhotos(held_out=True).listing().photos)
    return [file_photo(file, file.stem) for path in paths for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path} does not exist; check the path")
    if not path.is_dir():
        return [path]
    files = find_pictures(path)
    if not files:
        raise UserError(f"{path} has no pictures; they end in {' '.join(sorted(READABLE))}")
    count = min(len(files), _OF_A_FOLDER)
    return [files[i * len(files) // count] for i in range(count)]


def _shrink(photo: Photo) -> Bytes:
    picture = photo.decode()
    return resize(picture, LONGER_SIDE).rgb if max(picture.size) > LONGER_SIDE else picture.rgb
