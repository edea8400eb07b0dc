"""The figures as tables with titles, for Markdown and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylenet.evaluation.figures import GROUPS, figure, flat
from stylenet.runs.folder import called

_OF_A_PAIR = ("look", "grid", "loss", "lbfgs", "ssim", "ciede2000", "warp")
"""First keys of the figures that are shown for each pair."""


@dataclass(frozen=True)
class Table:
    """A table and its title.

    about: what the figures are. head: one cell for each column. rows: cells of text; a row of
    figures by model is the name, the unit, a value for each model, and which way is better.
    """

    title: str
    about: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def figures_by_model(found: Mapping[str, Any]) -> Iterator[Table]:
    """What the models reach and cost: a row for each figure, a column for each model."""
    models, timings = found["models"], found["timings"]
    names = short_names(models)
    for group in GROUPS:
        means = [_part(model["mean"], group.keys) for model in models]
        if any(means):
            yield _by_model(group.title, group.about, names, means)
    if clip := found["manifest"]["clip"]:
        about = "The clip that was given; its flow is estimated."
        yield _by_model(f"Clip {clip['name']}", about, names, [each["clip"] for each in models])
    about = "What a model takes, whatever the computer. ONNX files do not tell all of it."
    yield _by_model("Size", about, names, [model["cost"] for model in models])
    threads = "1 thread" if timings["threads"] == 1 else f"{timings['threads']} threads"
    about = (
        f"On {timings['platform']}, {threads}, in a fresh process; memory is the peak beyond the "
        "opened model."
    )
    yield _by_model("Speed and memory", about, names, timings["models"])


def figures_by_pair(found: Mapping[str, Any]) -> Iterator[Table]:
    """A table for each model: a row for each pair of a photo and a style."""
    models = found["models"]
    for model, name in zip(models, short_names(models), strict=True):
        keys = [key for key, _ in flat(_part(model["mean"], _OF_A_PAIR))]
        head = ["photo", "style", *(_named(key) for key in keys)]
        rows = []
        for pair in model["pairs"]:
            values = dict(flat(pair))
            rows.append([pair["photo"], pair["style"], *(figure(k).shown(values[k]) for k in keys)])
        yield Table(f"Each photo, by {name}", "", head, rows)


def short_names(models: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the models are called, where this tells them apart; else their paths."""
    names = [str(model["name"]) for model in models]
    short = [called(Path(name)) for name in names]
    return short if len(set(short)) == len(short) else names


def _by_model(
    title: str, about: str, names: Sequence[str], figures: Sequence[Mapping[str, Any]]
) -> Table:
    columns = [dict(flat(each)) for each in figures]
    keys = list(dict.fromkeys(key for column in columns for key in column))
    rows = []
    for key in keys:
        told = figure(key)
        values = [told.shown(column.get(key)) for column in columns]
        rows.append([told.name, told.unit, *values, told.better])
    return Table(title, about, ["figure", "unit", *names, "better"], rows)


def _named(key: str) -> str:
    told = figure(key)
    return f"{told.name}, {told.unit}" if told.unit else told.name


def _part(figures: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: figures[key] for key in keys if key in figures}
