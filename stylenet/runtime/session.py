"""Running an exported model on whole pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylenet.pictures.color import to_bytes, to_floats
from stylenet.pictures.images import Bytes
from stylenet.pictures.sides import MIN_SIDE
from stylenet.runtime.damage import damaged
from stylenet.runtime.model import Model, open_model
from stylenet.system.errors import UserError
from stylenet.system.untrusted import label

_ARENA_PIXELS = 2_000_000  # larger runs are rare, so onnxruntime frees their memory


PICTURES = ("bytes", "float", "recurrent", "window")
"""Kinds of models that take whole pictures."""


class Session:
    """An exported model: uint8 RGB in and out, any batch and any size from 32 up.

    A model for clips treats a picture as a clip that stands still.

    Args:
        model: opened, or as `open_model` takes it.
        device, threads: as in `open_model`.

    Raises:
        UserError: as `open_model`; or the model takes tiles, or needs a style.
    """

    def __init__(
        self, model: Model | str | Path | bytes, device: str = "auto", threads: int | None = None
    ) -> None:
        self.model = model if isinstance(model, Model) else open_model(model, device, threads)
        if self.model.io not in PICTURES:
            raise UserError(f"{self.model.name} works on {self.model.io}, not on whole pictures")
        if self.model.takes_style and type(self) is Session:
            raise UserError(f"{self.model.name} takes any style; give one, with --style PICTURE")
        if self.model.styles and type(self) is Session:
            learnt = label(", ".join(self.model.styles))
            raise UserError(f"{self.model.name} has learnt {learnt}; choose with --style NAME")

    def __call__(self, rgb: Bytes) -> Bytes:
        """Stylise one picture, uint8 (H, W, 3). The result has the same shape and type."""
        stylized: Bytes = self.batch(rgb[None])[0]
        return stylized

    def batch(self, rgb: Bytes) -> Bytes:
        """Stylise pictures of one size, uint8 (N, H, W, 3). Shape and type stay.

        Raises:
            UserError: the type or shape is another, a side is below 32 pixels, or the model is
                damaged.
        """
        check_pictures(rgb)
        if self.model.io == "float":
            image = np.ascontiguousarray(to_floats(rgb).transpose(0, 3, 1, 2))
            found = self._run(image=image)
            if found.shape != image.shape or not np.isfinite(found).all():
                raise damaged(self.model.name)
            return to_bytes(found.transpose(0, 2, 3, 1))
        count, *shape = rgb.shape
        still = np.broadcast_to(rgb[:, None], (count, 2 * self.receptive_radius + 1, *shape))
        return self.frame(still, rgb)

    @property
    def receptive_radius(self) -> int:
        """Number of frames that the model sees on each side of the frame to stylise."""
        return self.model.number("stylenet.around", 0)

    def frame(self, frames: Bytes, previous: Bytes) -> Bytes:
        """Stylise a frame of each of N clips. The model must take bytes.

        Args:
            frames: uint8 (N, 2·receptive_radius + 1, H, W, 3), centred on the frames to stylise.
            previous: uint8 (N, H, W, 3), the results for the frames before. For the first frame
                of a clip, give the frame itself.

        Returns:
            uint8 (N, H, W, 3).

        Raises:
            UserError: the model is damaged.
        """
        if self.model.io == "window":
            found = self._run(frames=np.ascontiguousarray(frames))
        elif self.model.io == "recurrent":
            found = self._run(image=frames[:, self.receptive_radius], previous=previous)
        else:
            found = self._run(image=frames[:, self.receptive_radius])
        if found.shape != previous.shape or found.dtype != np.uint8:
            raise damaged(self.model.name)
        return found

    def mixed(self, pictures: Sequence[Bytes]) -> list[Bytes]:
        """Stylise pictures of many sizes. Pictures of one size share runs, as far as memory allows.

        Raises:
            UserError: as `batch`.
        """
        groups: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, rgb in enumerate(pictures):
            groups[rgb.shape].append(number)
        results: dict[int, Bytes] = {}
        for shape, numbers in groups.items():
            most = max(1, _ARENA_PIXELS // (shape[0] * shape[1]))
            for start in range(0, len(numbers), most):
                some = numbers[start : start + most]
                stylized = self.batch(np.stack([pictures[number] for number in some]))
                results.update(zip(some, stylized, strict=True))
        return [results[number] for number in range(len(pictures))]

    def _run(self, **inputs: NDArray[Any]) -> NDArray[Any]:
        import onnxruntime

        options = onnxruntime.RunOptions()
        if max(each.size for each in inputs.values()) > 3 * _ARENA_PIXELS:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        given = {**inputs, **self._style(len(next(iter(inputs.values()))))}
        stylized: NDArray[Any] = self.model.run(None, given, options)[0]
        return stylized

    def _style(self, count: int) -> dict[str, NDArray[Any]]:
        """The inputs for the style of `count` pictures; none in this class."""
        return {}


def check_pictures(rgb: Bytes) -> None:
    """Check pictures against the contract.

    Raises:
        UserError: they are not uint8 (N, H, W, 3), or a side is below 32 pixels.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3:
        raise UserError(f"pictures must be uint8 (N, H, W, 3), not {rgb.dtype} {rgb.shape}")
    if min(rgb.shape[1:3]) < MIN_SIDE:
        height, width = rgb.shape[1:3]
        raise UserError(f"a picture of {width}x{height} is below {MIN_SIDE}x{MIN_SIDE}")
