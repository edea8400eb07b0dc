"""Which model a user means by a name."""

from __future__ import annotations

import sys
from pathlib import Path

from stylenet.runs.folder import CHECKPOINT, MODEL_FILE, newest

RUNS = Path("runs")
"""Where training keeps its runs, below the current folder."""


def found_model(path: Path) -> Path:
    """The model that a user names: a file, a run, or the newest run of a folder of runs.

    The name may leave out `RUNS`: ``starry_night`` is the newest finished run in
    ``runs/starry_night``, or, if none is finished, the newest that has a checkpoint. If a run is
    chosen, stderr says which. A name of nothing stays as it is.

    Raises:
        UserError: a folder of runs cannot be read.
    """
    if path.is_file() or (path / MODEL_FILE).is_file():
        return path
    for place in (path, RUNS / path):
        if not place.is_dir() or (place / CHECKPOINT).is_file():
            continue
        if run := newest(place, MODEL_FILE) or newest(place, CHECKPOINT):
            print(f"{path}: the newest run is {run}", file=sys.stderr)
            return run
    return path
