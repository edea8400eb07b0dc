"""From a photo to its stylised picture: prepare, run, finish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from stylenet.pictures.images import Bytes, Picture
from stylenet.pictures.sides import MAX_SIDE
from stylenet.runtime.clips import ClipNet, per_frame
from stylenet.runtime.model import Model, open_model
from stylenet.runtime.postprocess import Postprocess
from stylenet.runtime.preprocess import Photo, check_range, name_of, prepare
from stylenet.runtime.regions import Mask, compose, cover
from stylenet.runtime.session import Session
from stylenet.runtime.strokes import with_strokes
from stylenet.runtime.tiles import SIDE, Report, TiledSession, silent
from stylenet.system.errors import UserError
from stylenet.system.memory import out_of_memory_names

Net = Callable[[Bytes], Bytes]
"""uint8 (H, W, 3) → the same."""


class Stylizer:
    """What happens to each photo.

    It may be opened before the program forks, and be pickled where its `Net` can be: a model's file
    is opened anew in every process that uses it.

    Args:
        model: an exported ``.onnx`` file, its bytes, or any `Net`.
        size: longer side of the results in pixels; None keeps the photo's.
        postprocess: filters, colours and strength.
        stroke_scale: how many times as large as the net's own strokes are to be, from 1/8 to 8.

    Raises:
        UserError: the model cannot be opened, or a number is none, or beyond its range.
    """

    def __init__(
        self,
        model: str | Path | bytes | Net,
        size: int | None = None,
        postprocess: Postprocess = Postprocess(),  # noqa: B008  # frozen
        stroke_scale: float = 1.0,
    ) -> None:
        if size is not None:
            check_range("size", size, 1, MAX_SIDE, whole=True)
        check_range("stroke_scale", stroke_scale, 1 / 8, 8)
        if isinstance(model, bytearray | memoryview):
            model = bytes(model)
        if isinstance(model, str | Path | bytes):
            model = at_work(open_model(model))
        if not callable(model):
            raise UserError(f"{type(model).__name__} is no model; give an .onnx file or its bytes")
        self.net = model
        self.size = size
        self.postprocess = postprocess
        self.stroke_scale = stroke_scale

    def __call__(self, photo: Photo) -> Picture:
        """The stylised picture, with the photo's transparency.

        Raises:
            UserError: the photo cannot be read, is too small, or needs too much memory.
        """
        with out_of_memory_names(name_of(photo), "give a smaller --size, or --tile"):
            picture = prepare(photo, self.size)
            stylized = with_strokes(self.net, picture.rgb, self.stroke_scale)
            return Picture(self.postprocess(picture.rgb, stylized), picture.alpha)


class RegionalStylizer:
    """Several stylizers, each within its mask; outside all masks the photo stays.

    Args:
        stylizers: of one size. masks: one for each. feather: pixels over which edges fade.
    """

    def __init__(
        self, stylizers: Sequence[Stylizer], masks: Sequence[Mask], feather: float
    ) -> None:
        self.regions = list(zip(stylizers, masks, strict=True))
        self.size = stylizers[0].size
        self.feather = feather

    def __call__(self, photo: Photo) -> Picture:
        """The picture, with the photo's transparency.

        Raises:
            UserError: as of a `Stylizer`, or there is no mask for the photo.
        """
        before = prepare(photo, self.size)
        covers = [cover(mask.of(photo), before.size, self.feather) for _, mask in self.regions]
        results = [stylizer(before).rgb for stylizer, _ in self.regions]
        mixed = compose(before.rgb, list(zip(results, covers, strict=True)))
        return Picture(mixed, before.alpha)


def at_work(
    model: Model,
    tile: int = SIDE,
    report: Report = silent,
    fast: bool = False,
) -> Net:
    """A model on whole pictures, or, if it was exported for them, on tiles of a side of `tile`."""
    return TiledSession(model, tile, report, fast) if model.io == "tiles" else Session(model)


def clip_at_work(model: Model) -> ClipNet:
    """A model on clips; one for photos takes every frame for one."""
    if model.io not in ("recurrent", "window"):
        return per_frame(at_work(model))
    session = Session(model)
    return ClipNet(partial(_frame, session), session.around, model.io == "recurrent")


def _frame(session: Session, window: Sequence[Bytes], previous: Bytes | None) -> Bytes:
    before = window[session.around] if previous is None else previous
    stylized: Bytes = session.frame(np.stack(window)[None], before[None])[0]
    return stylized
