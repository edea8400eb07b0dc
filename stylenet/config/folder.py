"""The folder of the shipped configs."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
FOLDER = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"
"""The folder of the shipped configs: inside a package from a wheel, beside it in a checkout."""
