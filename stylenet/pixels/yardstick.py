"""The yardstick: the iteration of pixel optimisation (Gatys et al. 2016) that a result equals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from stylenet.pictures.images import write_atomically
from stylenet.system.errors import UserError

ITERATIONS = 100
"""Iterations of a curve, which has 101 losses. A result better than all of them equals 101."""


class Curves:
    """Losses by iteration, kept in a JSON file because a curve takes minutes to compute.

    Raises:
        UserError: the file holds something else, or cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._known: dict[str, list[float]] = {}
        if file.exists():
            try:
                self._known = dict(json.loads(file.read_text()))
            except (OSError, ValueError, TypeError):
                raise UserError(f"{file} holds no L-BFGS curves; delete it") from None

    def get(self, described: str, find: Callable[[], list[float]]) -> list[float]:
        """The curve under the key `described`; `find` computes a new one."""
        key = hashlib.sha256(described.encode()).hexdigest()
        if key not in self._known:
            self._known[key] = find()
            text = json.dumps(self._known)
            write_atomically(self.file, lambda file: file.write(text.encode()))
        return self._known[key]


def equalled(curve: list[float], loss: float) -> float:
    """The fractional iteration at which `curve` first falls to `loss`; its length if never."""
    for i in range(1, len(curve)):
        if curve[i] <= loss:
            if curve[i - 1] <= loss:
                return float(i - 1)
            return i - 1 + (curve[i - 1] - loss) / (curve[i - 1] - curve[i])
    return float(len(curve))
