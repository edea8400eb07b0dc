"""How a report words parameters, values and results, on the page and on the contact sheet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stylenet.reports.measure import Result
from stylenet.reports.sweep import Axis, Run

_MOST = 4
"""Values and names that a headline lists."""


def value(text: str) -> str:
    """A parameter's value, a long number shortened; "default" where the run did not set it."""
    if len(text) <= 8:
        return text or "default"
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def setting(parameter: str, text: str) -> str:
    """A parameter and its value, such as ``loss.style_weight 5``; empty for no parameter."""
    return f"{parameter} {value(text)}" if parameter else ""


def title(run: Run, axes: Iterable[Axis]) -> str:
    """A run's number, and the settings that set it apart from the others."""
    settings = [setting(axis.parameter, run.value(axis.parameter)) for axis in axes]
    return ", ".join([f"Run {run.name}", *settings])


def headline(axes: Iterable[Axis], styles: Sequence[str]) -> str:
    """What a sweep varied and in which styles: ``loss.style_weight 8 and 16, in udnie``."""
    others = [axis for axis in axes if axis.parameter not in ("style", "style.image")]
    varied = [f"{axis.parameter} {_values(axis.values)}" for axis in others]
    where = _listed(styles)
    return f"{_listed(varied)}, in {where}" if varied else where


def _values(texts: Sequence[str]) -> str:
    """All values, or how far many of them reach."""
    if len(texts) <= _MOST:
        return _listed([value(text) for text in texts])
    numbers = [text for text in texts if _is_number(text)]
    if len(numbers) < len(texts):
        return f"in {len(texts)} choices"
    return f"from {value(texts[0])} to {value(texts[-1])}"


def _listed(texts: Sequence[str]) -> str:
    """``a, b and c``; of many texts, how many there are."""
    if len(texts) > _MOST:
        return f"{', '.join(texts[: _MOST - 1])} and {len(texts) - _MOST + 1} more"
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def duration(seconds: float) -> str:
    """A duration, such as ``54 s``, ``3 min 20 s`` or ``1 h 05 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def loss(number: float) -> str:
    """A loss with three significant digits: plain mean squares may be as small as 1e-6."""
    return f"{number:.3g}"


def facts(result: Result) -> list[str]:
    """The losses; where they are known, the equal iteration of L-BFGS and the training time."""
    known = [] if result.lbfgs is None else [f"L-BFGS {result.lbfgs:.1f}"]
    known += [] if result.seconds is None else [duration(result.seconds)]
    return [f"content {loss(result.content)}", f"style {loss(result.style)}", *known]
