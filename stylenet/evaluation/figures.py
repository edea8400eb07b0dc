"""What the figures are called: names, units, and which way is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stylenet.evaluation.camera import GAPS
from stylenet.evaluation.cost import PERCENTILES, SIDES
from stylenet.evaluation.judge import CONTENT_LAYER, STYLE_LAYERS, STYLE_WEIGHT, TV_WEIGHT
from stylenet.evaluation.robustness import BRIGHTER


@dataclass(frozen=True)
class Figure:
    """A figure as people read it.

    better: which way is better, in words; empty if neither is. scale: the shown number over the
    measured number.
    """

    name: str
    unit: str = ""
    better: str = ""
    scale: float = 1.0

    def shown(self, value: Any) -> str:
        """A value with three significant digits; thousands in full."""
        if value is None:
            return "not known"
        if not isinstance(value, int | float):
            return str(value)
        scaled = value * self.scale
        return f"{scaled:,.0f}" if abs(scaled) >= 999.5 else f"{scaled:.3g}"


_GREY = "grey levels of 255"
_STEADIER = "lower is steadier"

FIGURES = {
    "look content": Figure("content error", "", "lower keeps more of the photo"),
    "look style": Figure("style error", "", "lower is closer to the picture"),
    "lbfgs": Figure("equal iteration of L-BFGS", "", "higher is further optimised"),
    "grid lines": Figure("mean weave", "times its surroundings", "a photo has 1.1, a weave more"),
    "grid peak": Figure("highest weave", "times its surroundings", "a photo has 3.5, a weave more"),
    "ssim": Figure("structure kept (SSIM)", "of 1", "higher keeps more of the photo"),
    "ciede2000": Figure("colour change (CIEDE2000)", "ΔE", "lower keeps more of the photo"),
    "border": Figure("colour change at the border", "times inside", "1 is even"),
    "robustness noise": Figure("change under noise", _GREY, _STEADIER),
    "robustness brighter": Figure(f"change when {BRIGHTER} levels lighter", _GREY, _STEADIER),
    "robustness darker": Figure(f"change when {BRIGHTER} levels darker", _GREY, _STEADIER),
    "robustness shift": Figure("change when moved by a pixel", _GREY, _STEADIER),
    "robustness flat": Figure("spread within a flat patch", _GREY, "lower is calmer"),
    "loss content": Figure("content term", "", "lower is better"),
    "loss style": Figure("style term", "", "lower is better"),
    "loss tv": Figure("total variation", "", "lower is smoother"),
    "loss total": Figure("total", "", "lower is better"),
    "file_bytes": Figure("file", "MB", "lower is lighter", 1e-6),
    "parameters": Figure("parameters", "millions", "lower is lighter", 1e-6),
}
"""By the words of the keys in ``evaluation.json``."""

for _gap in GAPS:
    _apart = f"{_gap} frame{'s' if _gap > 1 else ''} apart"
    FIGURES[f"warp clean gap {_gap}"] = Figure(f"flicker, {_apart}", "RMSE of 1", _STEADIER)
    _noisy = Figure(f"flicker under noise, {_apart}", "RMSE of 1", _STEADIER)
    FIGURES[f"warp noisy gap {_gap}"] = _noisy
for _side in SIDES:
    _at = f"at {_side}x{_side}"
    _adds = Figure(f"multiply-adds {_at}", "billions", "lower is lighter", 1e-9)
    FIGURES[f"multiply_adds {_side}"] = _adds
    FIGURES[f"{_side} runs"] = Figure(f"timed runs {_at}")
    for _percent in PERCENTILES:
        _which = "median" if _percent == 50 else f"{_percent}th percentile"
        _time = Figure(f"time {_at}, {_which}", "ms", "lower is faster")
        FIGURES[f"{_side} p{_percent}_ms"] = _time
    FIGURES[f"{_side} peak_mib"] = Figure(f"memory {_at}", "MiB", "lower is leaner")
for _layer in (CONTENT_LAYER, *STYLE_LAYERS):
    for _key, _what in (("content", "content"), ("gram", "Gram"), ("mean_std", "mean, deviation")):
        for _kind in ("relative", "raw"):
            _error = Figure(f"{_what} error at {_layer}, {_kind}", "", "lower is closer")
            FIGURES[f"{_key} {_layer} {_kind}"] = _error


LAYERS = "By layer of VGG-19"
"""The title of the longest group."""


@dataclass(frozen=True)
class Group:
    """Figures that belong together: their first keys, a title, and what they are."""

    keys: tuple[str, ...]
    title: str
    about: str


GROUPS = (
    Group(
        ("look",),
        "Content and style",
        "How far the result is from its photo, and from the style picture at a shorter side of "
        "512, in features of VGG-19. 0 is equal, 1 as far off as a blank picture. The style error "
        "is the geometric mean over the layers.",
    ),
    Group(
        ("lbfgs",),
        "Beside pixel optimisation",
        "The iteration at which pixel optimisation reaches the same total; 101 is beyond the last.",
    ),
    Group(
        ("grid",),
        "Weave",
        "Power at multiples of 1/8 cycle per pixel over the power around them. Nets with strided "
        "convolutions may weave.",
    ),
    Group(
        ("ssim", "ciede2000", "border"),
        "Beside the photo",
        "What the result shares with the photo. At the border: the colour change in a band along "
        "it over the change in the interior.",
    ),
    Group(
        ("robustness",),
        "Steadiness",
        "How much the result changes when the photo hardly does.",
    ),
    Group(
        ("warp",),
        "Steadiness of clips",
        "The difference between stylised frames, the earlier frame warped to the later, on the "
        "scale of 0 to 1, over pixels where the flow holds. Content and style of a clip are means "
        "over its first, middle and last frame.",
    ),
    Group(
        ("loss",),
        "Loss",
        f"The terms of loss=default. The total is content + {STYLE_WEIGHT:g} · style + "
        f"{TV_WEIGHT:g} · total variation.",
    ),
    Group(
        ("content", "gram", "mean_std"),
        LAYERS,
        "The errors behind content and style: raw, and relative to the energy of the target.",
    ),
)
"""The groups of a model's means."""


def flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """``{"gram": {"relu1_1": 1}}`` → ``("gram relu1_1", 1)``."""
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{before}{key} ")
        else:
            yield f"{before}{key}", value


def figure(key: str) -> Figure:
    """The figure of a flat key. A key without a name of its own is its name."""
    return FIGURES.get(key, Figure(key))
