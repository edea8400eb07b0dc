"""The names and configs of the shipped styles, from their files in ``conf/style``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stylenet.config.folder import FOLDER

NOT_STYLES = {"custom", "none"}
"""Choices of the group ``style`` that have no picture of their own."""


def known_styles() -> list[str]:
    """The names of all shipped styles."""
    files = (FOLDER / "style").glob("*.yaml")
    return sorted({file.stem for file in files} - NOT_STYLES)


def originals() -> dict[tuple[str, str], str]:
    """(Address, sha256) of the picture of every shipped style → the name of the style."""
    shipped = {name: config_of(name) for name in known_styles()}
    return {(config["url"], config["sha256"]): name for name, config in shipped.items()}


def style_recipe(text: str) -> dict[str, Any]:
    """The config of a shipped style, given its name. For a picture file, only a name from its path.

    The text may come from an untrusted file, so no path in it is opened.
    """
    return config_of(text) if text in known_styles() else {"name": Path(text).stem}


def config_of(name: str) -> dict[str, Any]:
    """The config of the shipped style `name`."""
    config: dict[str, Any] = yaml.safe_load((FOLDER / "style" / f"{name}.yaml").read_text())
    return config
