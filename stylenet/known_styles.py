"""A style as a user names it: by its file in ``conf/style``, or by a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import OmegaConf

from stylenet.config import FOLDER
from stylenet.errors import UserError
from stylenet.styles import Style

NOT_STYLES = {"custom", "none"}
"""Files of the group that name no picture."""


def known_styles() -> list[str]:
    """The names of all shipped styles."""
    files = (FOLDER / "style").glob("*.yaml")
    return sorted({file.stem for file in files} - NOT_STYLES)


def style_recipe(text: str) -> dict[str, Any]:
    """The config of a shipped style by its name, or of what is taken for a picture file."""
    if text in known_styles():
        config = OmegaConf.to_container(OmegaConf.load(FOLDER / "style" / f"{text}.yaml"))
        assert isinstance(config, dict)
        return {str(key): value for key, value in config.items()}
    return {"_target_": "stylenet.styles.Style", "name": Path(text).stem, "image": text}


def find_style(text: str) -> Style:
    """Where to get the picture of a shipped style, or of a file.

    Raises:
        UserError: neither a name nor a file.
    """
    known = known_styles()
    if text in known:
        style: Style = instantiate(style_recipe(text))
        return style
    if not Path(text).expanduser().is_file():
        raise UserError(f"style {text} is no picture, and none of {', '.join(known)}")
    return Style(Path(text).stem, image=text)
