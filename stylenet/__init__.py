"""Feed-forward style-transfer networks, from one picture to a trained model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stylenet.system.version import __version__ as __version__

if TYPE_CHECKING:
    from stylenet.api import Run as Run
    from stylenet.api import load as load
    from stylenet.api import train as train

# Else onnxruntime sends the names of models to its makers, by a thread that forked children wait
# for at their end. It looks here once, when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_API = ("Run", "load", "train")


def styles() -> list[str]:
    """The names of the shipped styles. The package of this name, once imported, gives the same."""
    from stylenet.styles.known import known_styles

    return known_styles()


def __getattr__(name: str) -> Any:
    """The API, loaded when it is first asked for: ``import stylenet`` alone takes no time."""
    if name in _API:
        from stylenet import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
