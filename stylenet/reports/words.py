"""How a report words parameters, values and results, on the page and on the contact sheet."""

from __future__ import annotations

from collections.abc import Iterable

from stylenet.reports.measure import Result
from stylenet.reports.sweep import Axis, Run


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
