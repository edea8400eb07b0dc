"""A style as a user names it: by its file in ``conf/style``, or by a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hydra.utils import instantiate

from stylenet.config.compose import FOLDER
from stylenet.styles.picture import Style
from stylenet.system.errors import UserError

NOT_STYLES = {"custom", "none"}
"""Files of the group that name no picture."""


def known_styles() -> list[str]:
    """The names of all shipped styles."""
    files = (FOLDER / "style").glob("*.yaml")
    return sorted({file.stem for file in files} - NOT_STYLES)


def originals() -> dict[tuple[str, str], str]:
    """Address and sha256 of every shipped style's picture → the style's name."""
    shipped = {name: _config(name) for name in known_styles()}
    return {(config["url"], config["sha256"]): name for name, config in shipped.items()}


def style_recipe(text: str) -> dict[str, Any]:
    """The config of a shipped style by its name; of a picture file no more than what it is called.

    The text may be a file's, whose paths are not to be opened.
    """
    return _config(text) if text in known_styles() else {"name": Path(text).stem}


def shipped_style(name: str) -> Style:
    """A shipped style."""
    style: Style = instantiate(_config(name))
    return style


def find_style(text: str) -> Style:
    """Where to get the picture of a shipped style, or of a file.

    Raises:
        UserError: neither a name nor a file.
    """
    known = known_styles()
    if text in known:
        return shipped_style(text)
    if not Path(text).expanduser().is_file():
        raise UserError(f"style {text} is no picture, and none of {', '.join(known)}")
    return Style(Path(text).stem, image=text)


def _config(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((FOLDER / "style" / f"{name}.yaml").read_text())
    return config
