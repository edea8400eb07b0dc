"""All measures of one model on one photo, and their means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stylenet.evaluation.artefacts import border_excess, grid_lines
from stylenet.evaluation.inputs import PAINTING_SIDE, Input
from stylenet.evaluation.judge import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    STYLE_WEIGHT,
    TV_WEIGHT,
    Features,
    Judge,
    look,
    total,
)
from stylenet.evaluation.judging import Judging, Row
from stylenet.evaluation.robustness import robustness
from stylenet.evaluation.similarity import color_distance, ssim
from stylenet.evaluation.subjects import Subject
from stylenet.pictures.images import Bytes
from stylenet.pixels.yardstick import ITERATIONS, Curves, equalled
from stylenet.system.memory import out_of_memory_names


@dataclass(frozen=True)
class SeenPhoto:
    """A photo and its features, which are the same for all models."""

    photo: Input
    rgb: Bytes
    features: Features


class Benchmark(Judging[SeenPhoto]):
    """Judges models on photos.

    curves: stored L-BFGS curves; None leaves out this slow measure.
    """

    def __init__(self, judge: Judge, curves: Curves | None) -> None:
        super().__init__(judge)
        self.curves = curves
        self._weights = judge.sha256()

    def see(self, photo: Input) -> SeenPhoto:
        """Read a photo and compute its features.

        Raises:
            UserError: the photo cannot be read.
        """
        rgb = photo.fitted()
        return SeenPhoto(photo, rgb, self.judge.features(rgb))

    def judged_once(
        self, subject: Subject, seen: SeenPhoto, styles: Sequence[Input]
    ) -> tuple[Bytes, list[Row]]:
        """The stylised photo, and a row for each style."""
        with out_of_memory_names(f"{subject.name} on {seen.photo.name}", "close other programs"):
            stylized = subject.net(seen.rgb)
            features = self.judge.features(stylized)
            alone = self._alone(subject, seen, stylized, features)
            rows = [
                {
                    "photo": seen.photo.name,
                    "style": style.name,
                    **self._styled(seen, stylized, features, alone["content"], style),
                    **alone,
                }
                for style in styles
            ]
        return stylized, rows

    def _alone(
        self, subject: Subject, seen: SeenPhoto, stylized: Bytes, features: Features
    ) -> dict[str, Any]:
        """The measures that depend on no style."""
        distance = color_distance(stylized, seen.rgb)
        return {
            "content": self.judge.content(features, seen.features),
            "ssim": ssim(stylized, seen.rgb),
            "ciede2000": float(distance.mean()),
            "robustness": robustness(subject.net, seen.rgb, stylized),
            "grid": grid_lines(stylized),
            "border": border_excess(distance),
        }

    def _styled(
        self,
        seen: SeenPhoto,
        stylized: Bytes,
        features: Features,
        content: dict[str, Any],
        style: Input,
    ) -> dict[str, Any]:
        errors = self.judge.style(features, self.target(style))
        terms = total(stylized, content, errors["gram"])
        found = {"look": look(content, errors["gram"]), "loss": terms}
        if self.curves is None:
            return found | errors
        curve = self._curve(self.curves, seen, style)
        return found | {"lbfgs": equalled(curve, terms["total"])} | errors

    def _curve(self, curves: Curves, seen: SeenPhoto, style: Input) -> list[float]:
        loss = [CONTENT_LAYER, STYLE_LAYERS, STYLE_WEIGHT, TV_WEIGHT]
        judged = [self._weights, loss, PAINTING_SIDE, ITERATIONS]
        described = json.dumps([*judged, seen.rgb.shape, seen.photo.sha256, style.sha256])
        return curves.get(
            described, lambda: self.judge.lbfgs(seen.rgb, style.painting(), ITERATIONS)
        )


def mean(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of every measure over `rows`, nested as the rows are; names are left out."""
    found = {}
    for key, value in rows[0].items():
        values = [row[key] for row in rows]
        if isinstance(value, dict):
            found[key] = mean(values)
        elif not isinstance(value, str):
            found[key] = sum(values) / len(values)
    return found
