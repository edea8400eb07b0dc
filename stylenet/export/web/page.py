"""The page around an exported model: HTML, style sheet and scripts."""

from __future__ import annotations

import json
from html import escape
from string import Template

from stylenet.export.web.runtime import BUILDS, CDN, COPIED, HASHES
from stylenet.pages.parts import part
from stylenet.runtime.model import Model
from stylenet.styles.known import style_recipe
from stylenet.system.untrusted import label, mapping

MARK = '<meta name="generator" content="stylenet">'
"""The tag by which a page is known as one of these."""

SOURCES = ("page.css", "page.js", "worker.js")
"""The files of a page that are the same for every model."""

_ROOM = "export.web"


def page_files(model: Model, copied: bool) -> dict[str, bytes]:
    """The files of a page beside the model and the runtime, by name.

    Args:
        model: takes bytes; of one style, or of several.
        copied: whether the runtime's files lie below the page. Else the CDN has them.
    """
    settings = {"runtime": COPIED if copied else CDN, "builds": BUILDS, "hashes": HASHES}
    html = Template(part(_ROOM, "page.html")).substitute(
        origin="" if copied else CDN,
        settings=json.dumps(settings),
        styles=_sliders(model.styles),
        title=escape(_title(model)),
    )
    return {name: part(_ROOM, name).encode() for name in SOURCES} | {"index.html": html.encode()}


def _title(model: Model) -> str:
    if model.styles:
        return f"Photos in {len(model.styles)} styles"
    style, picture = mapping(model.config, "style"), mapping(model.config, "style_picture")
    name = style.get("title") or picture.get("name") or style.get("name")
    if not name or picture.get("origin") == "collection":
        return "Stylised photos"
    return f"Photos in the style of {label(name)}"


def _sliders(styles: list[str]) -> str:
    """A slider for each style, the first at its end."""
    if not styles:
        return ""
    rows = "\n".join(_slider(number, name) for number, name in enumerate(styles))
    return f"<fieldset>\n<legend>Styles</legend>\n{rows}\n</fieldset>"


def _slider(number: int, name: str) -> str:
    text = escape(label(style_recipe(name).get("title") or name))
    key, value = f"style-{number}", 0 if number else 100
    return (
        f'<div class="slider"><label for="{key}">{text}</label><output for="{key}"></output>'
        f'<input type="range" id="{key}" min="0" max="100" value="{value}"></div>'
    )
