"""What a model's card tells beside the config: what the files of its run say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

import yaml

from stylenet.runs.curves import read_rows
from stylenet.runs.folder import MODEL_FILE, has
from stylenet.runs.sweeps import OVERRIDES, RESULT
from stylenet.system.special_files import refuse_special

PREVIEW = "preview.png"


@dataclass(frozen=True)
class Facts:
    """What the config does not tell.

    file: the name of the model's file, beside which the card lies.
    exported: the metadata of an exported file, without ``stylenet.``; empty for a run.
    overrides: the command line of the training; None if it is not known.
    result: the loss terms on unseen photos.
    steps, seconds: how far and how long the training went.
    preview: whether ``preview.png`` lies beside the card.
    repo: the name on a hub, if the card is for one.
    """

    file: str = MODEL_FILE
    exported: Mapping[str, str] = field(default_factory=dict)
    overrides: Sequence[str] | None = None
    result: Mapping[str, float] = field(default_factory=dict)
    steps: int | None = None
    seconds: float | None = None
    preview: bool = False
    repo: str | None = None


def facts_of(run: Path) -> Facts:
    """What the files of a run tell for its card. Files that are missing or damaged tell nothing."""
    rows = read_rows(run / "losses.csv")
    overrides, result = _read(run / OVERRIDES), _read(run / RESULT)
    return Facts(
        overrides=overrides if _is_texts(overrides) else None,
        result=_terms(result) if isinstance(result, dict) else {},
        steps=int(rows[-1]["step"]) if rows else None,
        seconds=float(rows[-1]["seconds"]) if rows and "seconds" in rows[-1] else None,
        preview=has(run, PREVIEW),
    )


def _read(path: Path) -> object:
    try:
        refuse_special(path)
        content: object = yaml.safe_load(path.read_text())
    except Exception:  # the parser raises errors of many kinds
        return None
    return content


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _terms(result: dict[object, object]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in result.items()
        if isinstance(name, str) and re.fullmatch(r"[a-z_]+", name)
        if isinstance(value, int | float) and math.isfinite(value)
    }
