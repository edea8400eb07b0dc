"""From a photo to its stylised picture: prepare, run the net, postprocess."""

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
"""A function that stylises uint8 (H, W, 3). The result has the same shape and type."""


class Stylizer:
    """Stylises photos.

    A stylizer may be created before the program forks, and be pickled if its `Net` can be. Every
    process that uses it opens the model's file anew.

    Args:
        model: an exported ``.onnx`` file, its bytes, or any `Net`.
        size: longer side of the results in pixels; None keeps the size of the photo.
        postprocess: the steps after the net.
        stroke_scale: size of strokes, as a multiple of the net's own strokes, from 1/8 to 8.

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
        """Stylise a photo. The result has the transparency of the photo.

        Raises:
            UserError: the photo cannot be read, is too small, or needs too much memory.
        """
        with out_of_memory_names(name_of(photo), "give a smaller --size, or --tile"):
            picture = prepare(photo, self.size)
            stylized = with_strokes(self.net, picture.rgb, self.stroke_scale)
            return Picture(self.postprocess(picture.rgb, stylized), picture.alpha)


class RegionalStylizer:
    """Several stylizers, each within its mask. Outside all masks the photo stays as it is.

    Args:
        stylizers: all with the same `size`. masks: one for each stylizer. feather: pixels over
            which the edges of masks fade.
    """

    def __init__(
        self, stylizers: Sequence[Stylizer], masks: Sequence[Mask], feather: float
    ) -> None:
        self.regions = list(zip(stylizers, masks, strict=True))
        self.size = stylizers[0].size
        self.feather = feather

    def __call__(self, photo: Photo) -> Picture:
        """Stylise a photo. The result has the transparency of the photo.

        Raises:
            UserError: as `Stylizer`, or the photo has no mask.
        """
        before = prepare(photo, self.size)
        covers = [cover(mask.of(photo), before.size, self.feather) for _, mask in self.regions]
        results = [stylizer(before).rgb for stylizer, _ in self.regions]
        mixed = compose(before.rgb, list(zip(results, covers, strict=True)))
        return Picture(mixed, before.alpha)


AnyStylizer = Stylizer | RegionalStylizer


def at_work(
    model: Model,
    tile: int = SIDE,
    report: Report = silent,
    fast: bool = False,
) -> Net:
    """A net from a model: on whole pictures, or on tiles with sides of `tile` if made for tiles."""
    return TiledSession(model, tile, report, fast) if model.io == "tiles" else Session(model)


def clip_at_work(model: Model) -> ClipNet:
    """A net for clips from a model. A model for photos stylises every frame by itself."""
    if model.io not in ("recurrent", "window"):
        return per_frame(at_work(model))
    session = Session(model)
    return ClipNet(partial(_frame, session), session.receptive_radius, model.io == "recurrent")


def _frame(session: Session, window: Sequence[Bytes], previous: Bytes | None) -> Bytes:
    before = window[session.receptive_radius] if previous is None else previous
    stylized: Bytes = session.frame(np.stack(window)[None], before[None])[0]
    return stylized
