"""What makes two commands the same job: models, styles, masks and options, by their content."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

from stylenet.pictures.folders import find_pictures
from stylenet.pictures.outputs import model_file
from stylenet.runtime.pair import STYLE_SUFFIX
from stylenet.system.integrity import sha256_of
from stylenet.system.version import __version__

_NO_PIXELS = {"photos", "out", "engine", "workers", "webcam"}
"""Options that change no pixels of a photo's result."""

_FILES = {"model", "style", "mask", "keep"}
"""Options that name files, which count by what they hold, wherever they are."""


def job_of(options: argparse.Namespace) -> str:
    """The sum of all that the pixels of a result depend on, beside the photo.

    Args:
        options: of the command ``stylize``. Every option that is not known here counts.

    Raises:
        UserError: a file cannot be read.
    """
    named = vars(options).items()
    told = {name: str(value) for name, value in named if name not in _NO_PIXELS | _FILES}
    models = [model_file(model) for model in options.model]
    pairs = [model.with_suffix(STYLE_SUFFIX) for model in models if model.suffix == ".onnx"]
    files = [
        [sha256_of(file) for file in [*models, *(pair for pair in pairs if pair.exists())]],
        [(_content(style), share) for style, share in options.style],
        [_content(mask) for mask in options.mask],
        [_content(mask) for mask in options.keep],
    ]
    text = json.dumps([__version__, told, files], sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _content(path: Path) -> str:
    """The sum of a file, or of a folder of masks; the name of a style that is no file."""
    if path.is_dir():
        parts = [(mask.name, sha256_of(mask)) for mask in find_pictures(path)]
        return hashlib.sha256(repr(parts).encode(errors="surrogateescape")).hexdigest()
    return sha256_of(path) if path.exists() else str(path)
