"""The names of the shipped styles, and what their files in ``conf/style`` say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stylenet.config.folder import FOLDER

NOT_STYLES = {"custom", "none"}
"""Files of the group that name no picture."""


def known_styles() -> list[str]:
    """The names of all shipped styles."""
    files = (FOLDER / "style").glob("*.yaml")
    return sorted({file.stem for file in files} - NOT_STYLES)


def originals() -> dict[tuple[str, str], str]:
    """Address and sha256 of every shipped style's picture → the style's name."""
    shipped = {name: config_of(name) for name in known_styles()}
    return {(config["url"], config["sha256"]): name for name, config in shipped.items()}


def style_recipe(text: str) -> dict[str, Any]:
    """The config of a shipped style by its name; of a picture file no more than what it is called.

    The text may be a file's, whose paths are not to be opened.
    """
    return config_of(text) if text in known_styles() else {"name": Path(text).stem}


def config_of(name: str) -> dict[str, Any]:
    """The config of a shipped style."""
    config: dict[str, Any] = yaml.safe_load((FOLDER / "style" / f"{name}.yaml").read_text())
    return config
