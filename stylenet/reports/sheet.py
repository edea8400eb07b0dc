"""The contact sheet as one picture: grids of runs with their axes, the same photos in each cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image

from stylenet.pictures.images import Bytes
from stylenet.pictures.lettering import INK, LINE, PALE, PAPER, lettered
from stylenet.pictures.resizing import resized
from stylenet.reports.measure import Findings
from stylenet.reports.sweep import Grid, Run, grids
from stylenet.reports.words import facts, setting

T = TypeVar("T")

HEIGHT = 144
"""Height of each picture, in pixels."""

ACROSS = 3
"""Photos side by side in a cell; further photos go below."""

_GAP = 4
_MARGIN = 24


def contact_sheet(findings: Findings) -> Bytes:
    """The originals, then every grid, uint8 (H, W, 3) on white."""
    originals = _cell([rgb for _, rgb in findings.photos], "original")
    blocks = [originals, *(_block(grid, findings) for grid in grids(findings.runs, findings.axes))]
    return np.asarray(_padded(_stack(blocks, 2 * _MARGIN)))


def _block(grid: Grid, findings: Findings) -> Image.Image:
    """A grid below its title, with the values of its axes at the top and on the left."""
    empty = _cell([rgb for _, rgb in findings.photos], "")
    side = [lettered(setting(grid.rows.parameter, v), INK) for v in grid.rows.values]
    top = [lettered(setting(grid.columns.parameter, v), INK) for v in grid.columns.values]
    left, above = max(label.width for label in side) + _MARGIN, LINE
    width = left + len(top) * (empty.width + _MARGIN) - _MARGIN
    canvas = _paper(width, above + len(side) * (empty.height + _MARGIN) - _MARGIN)
    for column, label in enumerate(top):
        canvas.paste(label, (left + column * (empty.width + _MARGIN), 0))
    for row, (label, runs) in enumerate(zip(side, grid.cells, strict=True)):
        y = above + row * (empty.height + _MARGIN)
        canvas.paste(label, (0, y))
        for column, run in enumerate(runs):
            if run is not None:
                canvas.paste(_filled(run, findings), (left + column * (empty.width + _MARGIN), y))
    shared = ", ".join(setting(*pair) for pair in grid.shared)
    return _stack([lettered(shared, INK), canvas], _GAP) if shared else canvas


def _filled(run: Run, findings: Findings) -> Image.Image:
    result = findings.results.get(run.name)
    if result is None:
        blank = [np.full_like(rgb, 240) for _, rgb in findings.photos]
        return _cell(blank, f"#{run.name}   {run.problem}")
    return _cell(result.stylized, "   ".join([f"#{run.name}", *facts(result)]))


def _cell(pictures: Sequence[Bytes], caption: str) -> Image.Image:
    """Pictures in rows, and a line of text below, cut off at their width."""
    rows = [_row(chunk) for chunk in chunks(pictures)]
    tiles = _stack(rows, _GAP)
    return _stack([tiles, lettered(caption, PALE, tiles.width)], 0)


def _row(pictures: Sequence[Bytes]) -> Image.Image:
    tiles = [_fit(rgb) for rgb in pictures]
    canvas = _paper(sum(tile.width + _GAP for tile in tiles) - _GAP, HEIGHT)
    left = 0
    for tile in tiles:
        canvas.paste(tile, (left, 0))
        left += tile.width + _GAP
    return canvas


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Rows of `ACROSS` items. Four items make two rows of two, so that none stands alone."""
    across = 2 if len(items) == ACROSS + 1 else ACROSS
    for start in range(0, len(items), across):
        yield items[start : start + across]


def _fit(rgb: Bytes) -> Image.Image:
    width = max(1, round(rgb.shape[1] * HEIGHT / rgb.shape[0]))
    return Image.fromarray(resized(rgb, (HEIGHT, width)))


def _stack(images: Sequence[Image.Image], gap: int) -> Image.Image:
    height = sum(image.height + gap for image in images) - gap
    canvas = _paper(max(image.width for image in images), height)
    top = 0
    for image in images:
        canvas.paste(image, (0, top))
        top += image.height + gap
    return canvas


def _padded(image: Image.Image) -> Image.Image:
    canvas = _paper(image.width + 2 * _MARGIN, image.height + 2 * _MARGIN)
    canvas.paste(image, (_MARGIN, _MARGIN))
    return canvas


def _paper(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), PAPER)
