"""Which model a user means by a name."""

from __future__ import annotations

import sys
from pathlib import Path

from stylenet.runs.folder import MODEL_FILE, newest

RUNS = Path("runs")
"""Where training keeps its runs, below the current folder."""


def found_model(path: Path) -> Path:
    """The model that a user names: a file, a run, or the newest finished run of a folder of runs.

    The name may leave out `RUNS`: ``starry_night`` is the newest finished run in
    ``runs/starry_night``. If a run is chosen, stderr says which. A name of nothing stays as it is.

    Raises:
        UserError: a folder of runs cannot be read.
    """
    if path.is_file() or (path / MODEL_FILE).is_file():
        return path
    for place in (path, RUNS / path):
        if place.is_dir() and (run := newest(place, MODEL_FILE)):
            print(f"{path}: the newest run is {run}", file=sys.stderr)
            return run
    return path
