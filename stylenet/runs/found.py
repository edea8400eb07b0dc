"""Which model a user means by a name."""

from __future__ import annotations

import sys
from pathlib import Path

from stylenet.runs.folder import CHECKPOINT, MODEL_FILE, has, newest

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
    if has(path.parent, path.name) or has(path, MODEL_FILE) or has(path, CHECKPOINT):
        return path
    for place in (path, RUNS / path):
        if not place.is_dir():
            continue
        finished = newest(place, MODEL_FILE)
        if run := finished or newest(place, CHECKPOINT):
            what = "the newest finished run" if finished else "none is finished; the newest run"
            print(f"{path}: {what} is {run}", file=sys.stderr)
            return run
    return path
