"""The files that pages are made of: templates, style sheets, scripts."""

from __future__ import annotations

from importlib.resources import files


def part(room: str, name: str) -> str:
    """The text of the file `name` in a room of stylenet, such as ``reports``."""
    return (files(f"stylenet.{room}") / name).read_text(encoding="utf-8")


def style_sheet(room: str) -> str:
    """The shared style sheet, then ``page.css`` of a room."""
    return part("pages", "base.css") + part(room, "page.css")
