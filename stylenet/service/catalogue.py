"""The models of a service, opened by onnxruntime."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from stylenet.runs.folder import LATEST, is_time
from stylenet.runs.found import found_model
from stylenet.runtime.mixture import MixtureSession
from stylenet.runtime.model import Model, open_model
from stylenet.runtime.session import Session
from stylenet.service.worker import SHARED_PIXELS
from stylenet.system.errors import UserError
from stylenet.system.untrusted import label, mapping, safe_name

Styles = tuple[tuple[str, float], ...]
"""Names of learnt styles, each with its share."""

_MIXTURES = 64
"""Mixtures of styles that are kept. Photos of one mixture share runs."""


class Served:
    """A model that a service offers.

    Args:
        name: what clients call it. model: of one style, or of several.

    Raises:
        UserError: the model takes any style, or tiles, or is damaged.
    """

    def __init__(self, name: str, model: Model) -> None:
        if model.takes_style:
            raise UserError(f"{name} takes any style; serve models of one or of several styles")
        self.name, self.model = name, model
        self._session = lru_cache(_MIXTURES)(partial(_session, model))
        side = math.isqrt(SHARED_PIXELS)  # damage shows at once, and memory is taken at once
        self.session(tuple((style, 1.0) for style in model.styles))(
            np.zeros((side, side, 3), np.uint8)
        )

    def session(self, styles: Styles) -> Session:
        """The model with a mixture of its styles. Equal mixtures give the same object.

        Raises:
            UserError: the model has one style and is given some, or it has several and is given
                none or one that it has not learnt.
        """
        if styles and not self.model.styles:
            raise UserError(f"{self.name} has learnt one style; leave out style")
        return self._session(styles)

    def facts(self) -> dict[str, Any]:
        """What the file tells of itself. The file may be anyone's."""
        told = {
            key.removeprefix("stylenet."): label(text) for key, text in self.model.metadata.items()
        }
        style = mapping(self.model.config, "style_picture").get("name", "unknown")
        return {
            "name": self.name,
            "styles": [label(each) for each in self.model.styles] or [label(style)],
            "mixes_styles": bool(self.model.styles),
            "inputs": self.model.inputs,
            "precision": told.get("precision", "fp32"),
            "licence": told.get("licence", "unknown"),
            "version": told.get("version", "unknown"),
        }


def _session(model: Model, styles: Styles) -> Session:
    return MixtureSession(model, styles) if model.styles else Session(model)


def opened_models(wanted: Sequence[tuple[str | None, Path]]) -> list[Served]:
    """Open models.

    Args:
        wanted: for each model its name, or None for the name of its file or folder; and an exported
            file, a run, or the name of one.

    Raises:
        UserError: two models have one name, or a model cannot be opened or exported.
    """
    named: dict[str, Path] = {}
    for chosen, path in wanted:
        name = safe_name(chosen or _name(path))
        if name in named:
            raise UserError(
                f"{named[name]} and {path} are both called {name}; name one: other={path}"
            )
        named[name] = path
    return [Served(name, _opened(name, found_model(path))) for name, path in named.items()]


def _name(path: Path) -> str:
    """The name of an exported file, or of a run's folder; of the folder above if that is a time."""
    if path.suffix == ".onnx":
        return path.stem
    whole = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow the link latest
    folder = whole.parent if path.is_file() else whole
    return folder.parent.name if is_time(folder.name) or folder.name == LATEST else folder.name


def _opened(name: str, path: Path) -> Model:
    if path.suffix == ".onnx":
        return open_model(path)
    if path.exists():
        print(f"{name}: exporting {path}; an exported .onnx file starts at once", file=sys.stderr)
    return open_model(_exported(path))


def _exported(run: Path) -> bytes:
    """The net of a run as ``stylenet export`` writes it, in a process of its own.

    The process ends with torch and its memory, so that every service runs onnxruntime alone.

    Raises:
        UserError: as the command.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        command = [sys.executable, "-m", "stylenet.export", str(run), "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 2:
            raise UserError(done.stderr.strip().rpartition("error: ")[2])
        if done.returncode:
            raise RuntimeError(done.stderr)
        return out.read_bytes()
