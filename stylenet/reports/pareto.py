"""Content against style loss as an SVG plot, with the runs that no other run beats in both.

The SVG is written here, not by matplotlib. Its points are links with titles, and the page's style
sheet colours it, light or dark: matplotlib's SVG has neither titles nor classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from stylenet.reports.measure import Result

WIDTH, HEIGHT = 640, 420
COLOURS = 6
"""Colours of styles in ``page.css``. Further styles begin with the first colour again."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 28, 20, 56

Scale = Callable[[float], float]


def front(losses: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names that no other name beats.

    A name beats another if one of its losses is lower and the other is not higher.
    """
    best, names = math.inf, []
    for name, (_, second) in sorted(losses.items(), key=lambda item: item[1]):
        if second < best:
            best = second
            names.append(name)
    return names


def fronts(results: Mapping[str, Result]) -> dict[str, list[str]]:
    """Style → its runs on the front, by rising content loss.

    Each style has a front of its own, because some pictures are harder to match than others.
    """
    styles = dict.fromkeys(result.picture.name for result in results.values())
    return {style: front(_losses(results, style)) for style in styles}


def _losses(results: Mapping[str, Result], style: str) -> dict[str, tuple[float, float]]:
    return {
        name: (result.content, result.style)
        for name, result in results.items()
        if result.picture.name == style
    }


def plot(results: Mapping[str, Result], titles: Mapping[str, str]) -> str:
    """The plot as inline SVG; each point leads to the run's cell, ``#cell-NAME``.

    Args:
        titles: the text to show while the pointer is over a run's point.
    """
    across = _ticks([result.content for result in results.values()])
    upwards = _ticks([result.style for result in results.values()])
    x = _scale(across, _LEFT, WIDTH - _RIGHT)
    y = _scale(upwards, HEIGHT - _BOTTOM, _TOP)
    parts = [_grid(across, upwards, x, y)]
    for number, (style, names) in enumerate(fronts(results).items()):
        losses = _losses(results, style)
        parts.append(f'<g class="style-{number % COLOURS}">')
        parts.append(_line([losses[name] for name in names], x, y))
        parts += [_point(n, losses[n], titles[n], n in names, x, y) for n in losses]
        parts.append("</g>")
    label = "Content loss against style loss of every run"
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
    return "\n".join([head, *parts, "</svg>"])


def _grid(across: Sequence[float], upwards: Sequence[float], x: Scale, y: Scale) -> str:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    lines = [f'<path d="M{x(t):.1f} {_TOP}V{bottom}"/>' for t in across]
    lines += [f'<path d="M{_LEFT} {y(t):.1f}H{right}"/>' for t in upwards]
    columns = zip(across, _numbers(across), strict=True)
    texts = [f'<text x="{x(t):.1f}" y="{bottom + 20}">{number}</text>' for t, number in columns]
    rows = zip(upwards, _numbers(upwards), strict=True)
    texts += [
        f'<text x="{_LEFT - 8}" y="{y(t) + 4:.1f}" class="up">{number}</text>' for t, number in rows
    ]
    middle = (_TOP + bottom) / 2
    texts += [
        f'<text x="{(_LEFT + right) / 2}" y="{HEIGHT - 10}" class="axis">content loss</text>',
        f'<text transform="translate(14 {middle}) rotate(-90)" class="axis">style loss</text>',
    ]
    return "\n".join(['<g class="grid">', *lines, *texts, "</g>"])


def _line(corners: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    """The front as stairs: what lies above and right of it is beaten."""
    (left, top), *others = [(x(content), y(style)) for content, style in corners]
    steps = "".join(f"H{right:.1f}V{bottom:.1f}" for right, bottom in others)
    return f'<path class="front" d="M{left:.1f} {_TOP}V{top:.1f}{steps}H{WIDTH - _RIGHT}"/>'


def _point(
    name: str, losses: tuple[float, float], title: str, on_front: bool, x: Scale, y: Scale
) -> str:
    left, top = x(losses[0]), y(losses[1])
    kind, radius = ("best", 6) if on_front else ("beaten", 4)
    return (
        f'<a href="#cell-{escape(name)}" class="{kind}"><title>{escape(title)}</title>'
        f'<circle cx="{left:.1f}" cy="{top:.1f}" r="{radius}"/>'
        f'<text x="{left + 9:.1f}" y="{top - 7:.1f}">{escape(name)}</text></a>'
    )


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers, evenly spaced, around `values`: five or so."""
    low, high = min(values), max(values)
    rough = (high - low) / 4 or abs(high) / 4 or 1.0
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = min((m * magnitude for m in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / rough)))
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]


def _numbers(ticks: Sequence[float]) -> list[str]:
    """The ticks in as many decimals as they need, all in the same."""
    decimals = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    return [f"{tick:.{decimals}f}" for tick in ticks]


def _scale(ticks: Sequence[float], start: float, end: float) -> Scale:
    low, high = ticks[0], ticks[-1]
    return lambda value: start + (value - low) / (high - low) * (end - start)
