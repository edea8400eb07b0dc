"""The files that pages are made of: templates, style sheets, scripts."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template


def part(room: str, name: str) -> str:
    """The text of the file `name` in a room of stylenet, such as ``reports``."""
    return (files(f"stylenet.{room}") / name).read_text(encoding="utf-8")


def page(room: str, title: str, about: str, script: str = "", **body: str) -> str:
    """A page of HTML that needs no other file: ``page.html`` of a room in the shared frame.

    Args:
        room: has ``page.html`` and ``page.css``.
        title, about: plain text, above everything.
        script: runs in the page; without one, no script may run.
        body: the parts of ``page.html``, as HTML.
    """
    return Template(part("pages", "frame.html")).substitute(
        title=escape(title),
        about=escape(about),
        css=part("pages", "base.css") + part(room, "page.css"),
        scripts="'unsafe-inline'" if script else "'none'",
        body=Template(part(room, "page.html")).substitute(body) + _element(script),
    )


def _element(script: str) -> str:
    return f"<script>\n{script}\n</script>" if script else ""
