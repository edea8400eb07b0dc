"""Reading the loss curves of a run. The file may be damaged."""

from __future__ import annotations

import csv
from pathlib import Path

from stylenet.system.errors import UserError
from stylenet.system.special_files import refuse_special


def read_rows(path: Path) -> list[dict[str, str]]:
    """The readable rows of a ``losses.csv``. A last line that a crash cut short is left out."""
    return sound_rows(path)[0]


def sound_rows(path: Path) -> tuple[list[dict[str, str]], bool]:
    """The readable rows of a ``losses.csv``, and whether the file has other rows, too."""
    try:
        refuse_special(path)
        whole, _, _ = path.read_bytes().decode(errors="replace").rpartition("\n")
        reader = csv.DictReader(whole.splitlines())
        found, header = list(reader), list(reader.fieldnames or [])
    except (OSError, UserError, csv.Error):
        return [], True
    if "step" not in header or len(set(header)) < len(header):
        return [], bool(header)
    rows: list[dict[str, str]] = []
    for row in found:
        if _is_row(row) and int(row["step"]) > (int(rows[-1]["step"]) if rows else 0):
            rows.append(row)
    return rows, len(rows) < len(found)


def _is_row(row: dict[str, str]) -> bool:
    """Whether the row has a number in every column and a whole number as its step."""
    try:
        numbers = [float(value) for value in row.values()]
    except (TypeError, ValueError):  # too many values, too few, or no numbers
        return False
    return len(numbers) > 1 and row["step"].isdecimal()
