"""The report as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

from stylenet.pages.parts import page, part
from stylenet.pictures.images import Bytes
from stylenet.reports import pareto, words
from stylenet.reports.measure import Findings, Result
from stylenet.reports.sheet import chunks
from stylenet.reports.sweep import Grid, Run, grids

_QUALITY = 88  # WebP's; strokes stay crisp at about 60 kB a picture


def render(findings: Findings) -> str:
    """The whole page."""
    best = {name for names in pareto.fronts(findings.results).values() for name in names}
    titles = {run.name: words.title(run, findings.axes) for run in findings.runs}
    return page(
        "reports",
        words.headline(findings.axes, [*findings.styles()]),
        _summary(findings),
        script=part("reports", "page.js"),
        originals=_originals(findings),
        grids="\n".join(
            _grid(grid, findings, best) for grid in grids(findings.runs, findings.axes)
        ),
        measure=escape(findings.measure),
        legend=_legend(findings),
        plot=pareto.plot(findings.results, titles),
        table=_table(findings, best),
    )


def _summary(findings: Findings) -> str:
    total, done = len(findings.runs), len(findings.results)
    runs = f"{total} runs" if done == total else f"{done} of {total} runs finished"
    sizes = [f"{axis.parameter} ({len(axis.values)})" for axis in findings.axes]
    over = f", over {', '.join(sizes)}" if sizes else ""
    return f"{runs}{over}, in {findings.place}."


def _originals(findings: Findings) -> str:
    photos = [
        _figure(rgb, name, f'id="photo-{number}"')
        for number, (name, rgb) in enumerate(findings.photos)
    ]
    styles = [_figure(picture.rgb, picture.credit, "") for picture in findings.styles().values()]
    return "\n".join([*photos, *styles])


def _figure(rgb: Bytes, caption: str, attributes: str) -> str:
    text = escape(caption)
    image = f'<img {attributes} alt="{text}" src="{_inline(rgb)}">'
    return f"<figure {_ratio(rgb)}>{image}<figcaption>{text}</figcaption></figure>"


def _grid(grid: Grid, findings: Findings, best: set[str]) -> str:
    shared = ", ".join(words.setting(*pair) for pair in grid.shared)
    title = f"<h3>{escape(shared)}</h3>" if shared else ""
    top = "".join(_label("col", grid.columns.parameter, value) for value in grid.columns.values)
    body = "\n".join(
        "<tr>"
        + _label("row", grid.rows.parameter, value)
        + "".join(f"<td>{_cell(run, findings, best) if run else ''}</td>" for run in runs)
        + "</tr>"
        for value, runs in zip(grid.rows.values, grid.cells, strict=True)
    )
    columns = f'style="--columns: {len(grid.columns.values)}"'
    head = f"<thead><tr><td></td>{top}</tr></thead>"
    table = f'<table class="grid" {columns}>{head}<tbody>{body}</tbody></table>'
    return f'{title}<div class="scroll">{table}</div>'


def _label(scope: str, parameter: str, value: str) -> str:
    if not parameter:
        return f'<th scope="{scope}"></th>'
    text = f"<small>{escape(parameter)}</small>{escape(words.value(value))}"
    return f'<th scope="{scope}">{text}</th>'


def _cell(run: Run, findings: Findings, best: set[str]) -> str:
    result = findings.results.get(run.name)
    data = {"title": words.title(run, findings.axes), "command": run.command}
    attributes = " ".join(f'data-{key}="{escape(text)}"' for key, text in data.items())
    content = _result(result) if result else f'<p class="problem">{escape(str(run.problem))}</p>'
    facts = _facts(run, result, run.name in best)
    return f'<div class="cell" id="cell-{escape(run.name)}" {attributes}>{content}{facts}</div>'


def _result(result: Result) -> str:
    shots = [_shot(number, rgb) for number, rgb in enumerate(result.stylized)]
    return "".join(f'<div class="photos">{"".join(row)}</div>' for row in chunks(shots))


def _shot(number: int, rgb: Bytes) -> str:
    image = f'<img alt="stylised photo {number + 1}" src="{_inline(rgb)}">'
    return (
        f'<button type="button" class="shot" data-photo="photo-{number}" {_ratio(rgb)}>'
        f"{image}</button>"
    )


def _facts(run: Run, result: Result | None, on_front: bool) -> str:
    texts = [f"<b>#{escape(run.name)}</b>"]
    texts += map(escape, words.facts(result) if result else [])
    texts += ['<span class="best">Pareto front</span>'] if on_front else []
    return f'<p class="facts">{"".join(f"<span>{text}</span>" for text in texts)}</p>'


def _legend(findings: Findings) -> str:
    items = [
        f'<li class="style-{number % pareto.COLOURS}">{escape(name)}</li>'
        for number, name in enumerate(findings.styles())
    ]
    return f'<ul class="legend">{"".join(items)}</ul>' if len(items) > 1 else ""


def _table(findings: Findings, best: set[str]) -> str:
    parameters = [axis.parameter for axis in findings.axes]
    equalled = any(result.lbfgs is not None for result in findings.results.values())
    figures = ["content loss", "style loss", *(["L-BFGS iteration"] if equalled else []), "time"]
    names = ["run", *parameters, *figures, "Pareto front"]
    buttons = [f'<th><button type="button">{escape(name)}</button></th>' for name in names]
    head = f"<thead><tr>{''.join(buttons)}<th>command</th></tr></thead>"
    rows = []
    for run in findings.runs:
        settings = {name: (run.value(name), words.value(run.value(name))) for name in parameters}
        told = _told(findings.results.get(run.name), run.name in best)
        rows.append(_row(run, names, settings | told))
    return f"{head}<tbody>{''.join(rows)}</tbody>"


def _told(result: Result | None, on_front: bool) -> dict[str, tuple[str, str]]:
    """What is known of a run, by column: a key to sort by, and the text."""
    if result is None:
        return {}
    told = {
        "content loss": (str(result.content), words.loss(result.content)),
        "style loss": (str(result.style), words.loss(result.style)),
    }
    if result.lbfgs is not None:
        told["L-BFGS iteration"] = str(result.lbfgs), f"{result.lbfgs:.1f}"
    if result.seconds is not None:
        told["time"] = str(result.seconds), words.duration(result.seconds)
    return told | ({"Pareto front": ("0", "yes")} if on_front else {})


def _row(run: Run, names: Sequence[str], told: dict[str, tuple[str, str]]) -> str:
    name = escape(run.name)
    cells = [_entry("run", run.name, f'<a href="#cell-{name}">{name}</a>')]
    for column in names[1:]:
        key, text = told.get(column, ("", ""))
        cells.append(_entry(column, key, escape(text)))
    problem = escape(run.problem or "")
    return f"<tr>{''.join(cells)}<td>{problem}<code>{escape(run.command)}</code></td></tr>"


def _entry(column: str, key: str, content: str) -> str:
    """A cell. Narrow screens show its column's name beside it."""
    return f'<td data-column="{escape(column)}" data-key="{escape(key)}">{content}</td>'


def _ratio(rgb: Bytes) -> str:
    return f'style="--ratio: {rgb.shape[1] / rgb.shape[0]:.3f}"'


def _inline(rgb: Bytes) -> str:
    encoded = io.BytesIO()
    Image.fromarray(rgb).save(encoded, format="WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode()}"
