"""The evaluation as one page of HTML that needs no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from stylenet.evaluation.figures import LAYERS
from stylenet.evaluation.gallery import Gallery
from stylenet.evaluation.report import scope, title
from stylenet.evaluation.tables import Table, figures_by_model, figures_by_pair, short_names
from stylenet.pages.parts import page


def to_html(found: Mapping[str, Any], gallery: Gallery) -> str:
    """The page: pictures first, then the tables of the Markdown."""
    pictures = [_pictures(row, found["models"]) for row in gallery.rows]
    left_out = [f"{name}: left out; {why}." for name, why in found["left_out"].items()]
    return page(
        "evaluation",
        title(found),
        scope(found),
        styles="\n".join(_figure(uri, name) for name, uri in gallery.styles.items()),
        results="\n".join(pictures),
        panels="\n".join(map(_panel, figures_by_model(found))),
        pairs="\n".join(f"<h3>{escape(t.title)}</h3>{_by_pair(t)}" for t in figures_by_pair(found)),
        left_out="\n".join(f"<li>{escape(text)}</li>" for text in left_out),
    )


def _pictures(row: tuple[str, list[str]], models: Sequence[Mapping[str, Any]]) -> str:
    name, uris = row
    captions = ["photo", *short_names(models)]
    figures = "".join(map(_figure, uris, captions))
    return f'<h3>{escape(name)}</h3><div class="pictures">{figures}</div>'


def _figure(uri: str, caption: str) -> str:
    text = escape(caption)
    return f'<figure><img alt="{text}" src="{uri}"><figcaption>{text}</figcaption></figure>'


def _panel(table: Table) -> str:
    """A titled panel. The long table of layers is folded."""
    body = f'<div class="scroll">{_by_model(table)}</div>'
    if table.title == LAYERS:
        body = f"<details><summary>{len(table.rows)} figures</summary>{body}</details>"
    about = f"<p>{escape(table.about)}</p>"
    return f'<div class="panel"><h3>{escape(table.title)}</h3>{about}{body}</div>'


def _by_model(table: Table) -> str:
    """Figures in rows: the name above its unit and which way is better, then the values."""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head[2:-1])
    rows = []
    for name, unit, *values, better in table.rows:
        told = "; ".join(filter(None, (unit, better)))
        head = f'<th scope="row">{escape(name)}<small>{escape(told)}</small></th>'
        cells = "".join(f"<td>{escape(value)}</td>" for value in values)
        rows.append(f"<tr>{head}{cells}</tr>")
    return _table(f"<th></th>{names}", rows)


def _by_pair(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    rows = ["<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in table.rows]
    return f'<div class="scroll">{_table(head, rows)}</div>'


def _table(head: str, rows: Sequence[str]) -> str:
    body = "\n".join(rows)
    return f'<table class="figures"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'
