"""The runs of a sweep, its swept parameters, and each run's place in grids of their values."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import yaml

from stylenet.runs.curves import read_rows
from stylenet.runs.folder import MODEL_FILE, is_time
from stylenet.runs.sweeps import ERROR, OVERRIDES
from stylenet.system.errors import UserError
from stylenet.system.program import program
from stylenet.system.special_files import refuse_special
from stylenet.system.untrusted import check_plain, label


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    overrides: the settings that its command line changed. problem: why the run has no model; None
    if it has one.
    """

    folder: Path
    overrides: tuple[str, ...]
    problem: str | None = None

    @property
    def name(self) -> str:
        """The number that Hydra gave the run."""
        return self.folder.name

    @property
    def command(self) -> str:
        """The command that trains this run again, by itself."""
        alone = ["hydra.mode=RUN"] if any(o.startswith("sweep=") for o in self.overrides) else []
        return f"stylenet train {shlex.join([*self.overrides, *alone])}"

    def value(self, parameter: str) -> str:
        """The value that the run gave `parameter`; empty if it gave none."""
        settings = dict(o.lstrip("+").split("=", 1) for o in self.overrides if "=" in o)
        return settings.get(parameter, "")

    def seconds(self) -> float | None:
        """The duration of the training; None if ``losses.csv`` does not tell."""
        losses = self.folder / "losses.csv"
        try:
            rows = read_rows(losses) if losses.is_file() else []
            return float(rows[-1]["seconds"]) if rows and "seconds" in rows[-1] else None
        except (UserError, OSError, ValueError, TypeError, csv.Error):  # it was damaged since
            return None


@dataclass(frozen=True)
class Axis:
    """A swept parameter and its values: numbers by size, then others in the order of the runs."""

    parameter: str
    values: tuple[str, ...]


NO_AXIS = Axis("", ("",))
"""Stands in for a missing axis. Every run has its one value."""


@dataclass(frozen=True)
class Grid:
    """Runs by two parameters. They share the values of the sweep's other parameters.

    shared: the other parameters and their values. cells: a row of runs for each value of `rows`;
    None where there is no run.
    """

    shared: tuple[tuple[str, str], ...]
    rows: Axis
    columns: Axis
    cells: tuple[tuple[Run | None, ...], ...]


def read_sweep(folder: Path) -> list[Run]:
    """The runs in a multirun's folder, in the order of their numbers.

    Raises:
        UserError: there is no such folder, or no run in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; give the folder of a sweep")
    jobs = [path.parent for path in folder.glob(f"*/{OVERRIDES}")]
    runs = [_read_run(job) for job in jobs if not (job.is_symlink() or is_time(job.name))]
    if not runs:
        raise UserError(
            f"{folder} has no runs of a sweep; give the folder that {program()} train -m left, such"
            " as runs/sweeps/NAME"
        )
    return sorted(runs, key=lambda run: _order(run.name))


def _read_run(folder: Path) -> Run:
    refuse_special(folder / OVERRIDES)
    try:
        overrides = yaml.safe_load((folder / OVERRIDES).read_text())
        check_plain(overrides)
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, UserError):
        overrides = None
    if not isinstance(overrides, list):
        raise UserError(f"{folder / OVERRIDES} is no list of overrides; delete {folder}")
    return Run(folder, tuple(map(str, overrides)), _problem(folder))


def _problem(folder: Path) -> str | None:
    if (folder / MODEL_FILE).is_file():
        return None
    error = folder / ERROR
    lines = error.read_text(errors="replace").splitlines() if error.is_file() else []
    return f"failed: {label(lines[0])}" if lines else "not finished"


def swept(runs: Sequence[Run]) -> list[Axis]:
    """The parameters whose values differ between runs, in the order of the command line."""
    names = dict.fromkeys(o.lstrip("+").split("=")[0] for run in runs for o in run.overrides)
    values = {name: dict.fromkeys(run.value(name) for run in runs) for name in names}
    return [Axis(name, tuple(sorted(v, key=_number))) for name, v in values.items() if len(v) > 1]


def grids(runs: Sequence[Run], axes: Sequence[Axis]) -> Iterator[Grid]:
    """All runs in grids: the last two axes are rows and columns, each choice of the others a grid.

    Grids without any run are skipped. A search may leave such grids.
    """
    *outer, rows, columns = axes if len(axes) >= 2 else [*axes, NO_AXIS, NO_AXIS][:2]
    every = [*outer, rows, columns]
    places = {tuple(run.value(axis.parameter) for axis in every): run for run in runs}
    for choice in product(*(axis.values for axis in outer)):
        cells = tuple(
            tuple(places.get((*choice, row, column)) for column in columns.values)
            for row in rows.values
        )
        if any(run for row in cells for run in row):
            shared = zip((axis.parameter for axis in outer), choice, strict=True)
            yield Grid(tuple(shared), rows, columns, cells)


def _number(text: str) -> float:
    """The number in `text`; infinity for other texts, so that sorting keeps their order."""
    try:
        return float(text)
    except ValueError:
        return float("inf")


def _order(name: str) -> tuple[float, str]:
    return _number(name), name
