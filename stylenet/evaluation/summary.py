"""What an evaluation says at its end: a few figures, each with its unit and what is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stylenet.evaluation.figures import figure, flat
from stylenet.evaluation.tables import short_names
from stylenet.system.untrusted import label

_CHOSEN = (
    *("look content", "look style", "lbfgs", "grid peak"),
    *("warp clean gap 1", "warp clean gap 10", "warp noisy gap 1", "warp noisy gap 10"),
    *("ssim", "ciede2000", "robustness noise", "512 p50_ms", "512 peak_mib", "file_bytes"),
)
"""Keys of figures, the most telling first. Suites have some of them each."""

_MOST = 9
"""Lines of figures. With the models' names they are ten."""


def summary(found: Mapping[str, Any]) -> str:
    """At most ten lines: the models' names, then a line for each of the most telling figures."""
    columns = [
        dict(flat(model["mean"])) | dict(flat(model["cost"])) | dict(flat(times))
        for model, times in zip(found["models"], found["timings"]["models"], strict=True)
    ]
    keys = [key for key in _CHOSEN if any(key in column for column in columns)][:_MOST]
    rows = [["", *map(label, short_names(found["models"])), ""]]
    for key in keys:
        told = figure(key)
        values = [told.shown(column.get(key)) for column in columns]
        rows.append([f"{told.name}, {told.unit}" if told.unit else told.name, *values, told.better])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: list[str], widths: list[int]) -> str:
    name, *values, better = row
    numbers = "  ".join(f"{v:>{width}}" for v, width in zip(values, widths[1:-1], strict=True))
    return f"{name:{widths[0]}}  {numbers}  {better}".rstrip()
