"""An exported model at work tile by tile: pictures larger than memory allows, without seams.

InstanceNorm looks at the whole picture. A sweep over all tiles gives the mean and variance of one
norm, once those of the norms before it are known; after a sweep for each norm every tile is
stylised just as it would be within the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylenet.errors import UserError
from stylenet.images import Bytes
from stylenet.runtime.model import Model, open_model
from stylenet.runtime.session import check_pictures

SIDE = 768
"""Pixels of a tile, without its halo, along an axis."""

Report = Callable[[int, int], object]


@dataclass(frozen=True)
class Part:
    """A tile of a picture: with its halo, on the picture; without it, on itself."""

    outer: tuple[slice, slice]
    inner: tuple[slice, slice]

    @property
    def interior(self) -> NDArray[np.int64]:
        """top, left, bottom, right of the tile without its halo, in pixels of the tile."""
        rows, columns = self.inner
        return np.array([rows.start, columns.start, rows.stop, columns.stop], np.int64)

    @property
    def place(self) -> tuple[slice, slice]:
        """The tile without its halo, on the picture."""
        rows, columns = (
            slice(outer.start + inner.start, outer.start + inner.stop)
            for outer, inner in zip(self.outer, self.inner, strict=True)
        )
        return rows, columns


class TiledSession:
    """A model exported for tiles: uint8 RGB in and out, any size from 32 up.

    Args:
        model: as `open_model` takes it, or what it returned.
        side: of a tile in pixels, without its halo; memory grows with its square.
        report: told after each run of a tile how many of a picture's are done, and of how many.
        device, threads: as in `open_model`.

    Raises:
        UserError: as `open_model`, or a model for whole pictures.
    """

    def __init__(
        self,
        model: Model | str | Path | bytes,
        side: int = SIDE,
        report: Report = lambda done, total: None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.model = model if isinstance(model, Model) else open_model(model, device, threads)
        if self.model.io != "tiles":
            raise UserError(
                f"{self.model.name} works on whole pictures; export one with --io tiles"
            )
        self.report = report
        self.halo = int(self.model.metadata["stylenet.halo"])
        self.alignment = int(self.model.metadata["stylenet.alignment"])
        self.side = max(1, side // self.alignment) * self.alignment
        outputs = self.model.session.get_outputs()
        self._channels = [output.shape[1] for output in outputs[1:]]

    def __call__(self, rgb: Bytes) -> Bytes:
        """Stylise one picture, uint8 (H, W, 3) → the same.

        Raises:
            UserError: another type or shape, or a side below 32 pixels.
        """
        check_pictures(rgb[None])
        parts = list(self.parts(*rgb.shape[:2]))
        total = (len(self._channels) + 1) * len(parts)
        done = 0

        def run(session: Any, part: Part, output: str) -> NDArray[Any]:
            nonlocal done
            found = _run(session, rgb, part, statistics, output)
            self.report(done := done + 1, total)
            return found

        statistics = np.zeros((2, sum(self._channels)), np.float32)
        start = 0
        for number, channels in enumerate(self._channels):
            output = f"statistics_{number}"
            session = self.model.part(output)
            found = [run(session, part, output) for part in parts]
            statistics[:, start : start + channels] = merged(np.stack(found))
            start += channels
        session, stylized = self.model.part("stylized"), np.empty_like(rgb)
        for part in parts:
            stylized[part.place] = run(session, part, "stylized")[0][part.inner]
        return stylized

    def parts(self, height: int, width: int) -> Iterator[Part]:
        """The tiles of a picture, row by row."""
        for rows in self._along(height):
            for columns in self._along(width):
                yield Part((rows[0], columns[0]), (rows[1], columns[1]))

    def _along(self, length: int) -> list[tuple[slice, slice]]:
        """Every tile along an axis: with its halo on the picture, and without it on itself."""
        found = []
        for start in range(0, length, self.side):
            stop = min(start + self.side, length)
            first, last = max(0, start - self.halo), min(length, stop + self.halo)
            found.append((slice(first, last), slice(start - first, stop - first)))
        return found


def _run(
    session: Any, rgb: Bytes, part: Part, statistics: NDArray[np.float32], output: str
) -> NDArray[Any]:
    """`output` on a tile."""
    tile = np.ascontiguousarray(rgb[part.outer])[None]
    given = {"image": tile, "interior": part.interior, "statistics": statistics}
    found: NDArray[Any] = session.run([output], given)[0]
    return found


def merged(found: NDArray[np.float32]) -> NDArray[np.float64]:
    """Count, mean and variance of each tile, (tiles, 3, C) → mean and variance of all, (2, C).

    The variance of the whole is the mean of the variances plus the variance of the means (Chan,
    Golub & LeVeque 1983, eq. 2.1), which loses no digits where E[x²] - E[x]² would.
    """
    count, mean, variance = np.moveaxis(found.astype(np.float64), 1, 0)  # (tiles, C) each
    whole = np.average(mean, axis=0, weights=count)
    return np.stack([whole, np.average(variance + (mean - whole) ** 2, axis=0, weights=count)])
