"""The sha256 of everything that decides the figures, so that two people can compare figures."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from stylenet.evaluation.inputs import PAINTING_SIDE, SIDE, Input, Suite
from stylenet.evaluation.judge import CONTENT_LAYER, STYLE_LAYERS, STYLE_WEIGHT, TV_WEIGHT, Judge
from stylenet.evaluation.subjects import Subject
from stylenet.system.integrity import sha256_of
from stylenet.system.version import __version__

VERSION = 2
"""Version of the measures. Figures of different versions cannot be compared."""

LEFT_OUT = {
    name: f"needs the weights of {network}, which stylenet does not carry; a substitute network "
    "would give other figures under the same name"
    for name, network in {
        "LPIPS": "its own linear layers",
        "FID": "its Inception network",
        "ArtFID": "its Inception network and of LPIPS",
    }.items()
}

_PACKAGES = ("torch", "numpy", "pillow", "scikit-image", "onnxruntime")


def manifest(
    suite: Suite,
    subjects: Sequence[Subject],
    styles: Sequence[Sequence[Input]],
    judge: Judge,
    clip: Path | None = None,
) -> dict[str, Any]:
    """Inputs, weights and versions.

    styles: for each subject, the styles it is compared with. clip: a file judged beside the suite.

    Raises:
        UserError: a file of a subject cannot be read.
    """
    return {
        "benchmark": VERSION,
        "suite": suite.name,
        "shorter_side": SIDE,
        "shorter_side_of_styles": PAINTING_SIDE,
        "judge": {
            "network": "VGG-19, caffe",
            "sha256": judge.sha256(),
            "content_layer": CONTENT_LAYER,
            "style_layers": STYLE_LAYERS,
            "style_weight": STYLE_WEIGHT,
            "tv_weight": TV_WEIGHT,
        },
        "photos": _sums(suite.photos),
        "clip": clip and {"name": clip.name, "sha256": sha256_of(clip)},
        "models": [
            {
                "name": subject.name,
                "files": [{"name": f.name, "sha256": sha256_of(f)} for f in subject.files],
                "styles": _sums(compared),
            }
            for subject, compared in zip(subjects, styles, strict=True)
        ],
        "versions": {
            "python": platform.python_version(),
            "stylenet": __version__,
            **{package: _version(package) for package in _PACKAGES},
        },
    }


def _sums(inputs: Sequence[Input]) -> list[dict[str, str]]:
    return [{"name": picture.name, "sha256": picture.sha256} for picture in inputs]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
