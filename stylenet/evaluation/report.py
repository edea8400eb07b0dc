"""The figures as JSON, Markdown and a page of HTML that needs no other file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import IO, Any

from stylenet.evaluation.gallery import Gallery
from stylenet.pictures.images import write_atomically
from stylenet.system.untrusted import label

_DIGITS = 6
"""Significant digits. More digits would differ between processors."""

_ACTIVE = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
"""Characters of Markdown's links, pictures, code, cells and emphasis. An underscore within a word
is plain text."""

_KEY = """\
look: content and style are relative to the target's energy; 1 is as far off as a blank picture.
Style is the geometric mean over the layers, the style picture at a shorter side of 512. grid:
power at multiples of 1/8 cycle per pixel over the power around them, the mean (lines) and the
highest (peak); a photo has about 1.1 and 3.5, a weave more. loss: the terms of loss=default.
Total is content + 16 · style + tv. content, gram, mean_std: errors by VGG layer, raw, relative.
ssim and ciede2000: similarity to the photo and colour distance from it; the photo itself has 1
and 0. robustness: mean change of the result in grey levels under noise, ±25 levels of brightness
and a shift by a pixel, and the deviation within a flat patch. border: colour distance in a band
along the border over the distance in the interior. lbfgs: the iteration of pixel optimisation
that reaches the same total; 101 is beyond the last. warp: RMSE, on the scale of 0 to 1, between
stylised frames that lie so many frames apart, the earlier frame warped to the later, over pixels
where the flow holds; noisy: the same for frames with noise. Looks and losses of a clip are means
over its first, middle and last frame."""


@dataclass(frozen=True)
class _Table:
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        table = "\n".join(f"| {' | '.join(map(_markdown, line))} |" for line in lines)
        return f"## {_markdown(self.title)}\n\n{table}"

    def html(self) -> str:
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.head)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
            for row in self.rows
        )
        table = f"<table>\n<tr>{head}</tr>\n{body}</table>"
        return f"<h2>{escape(self.title)}</h2>\n{table}"


def to_json(found: Mapping[str, Any]) -> str:
    """The figures, rounded so that equal inputs give equal text."""
    return json.dumps(_rounded(found), indent=1) + "\n"


def to_markdown(found: Mapping[str, Any]) -> str:
    """All tables, and what the measures mean."""
    left_out = "\n".join(f"- {name}: left out; {why}." for name, why in found["left_out"].items())
    tables = "\n\n".join(table.markdown() for table in _tables(found))
    return f"# {_markdown(_title(found))}\n\n{_KEY}\n\n{left_out}\n\n{tables}\n"


def to_html(found: Mapping[str, Any], gallery: Gallery) -> str:
    """The page: pictures first, then the tables of `to_markdown`."""
    title = escape(_title(found))
    left_out = "".join(
        f"<li>{escape(name)}: left out; {escape(why)}.</li>"
        for name, why in found["left_out"].items()
    )
    tables = "\n".join(table.html() for table in _tables(found))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n{_pictures(found, gallery)}\n"
        f"<p>{escape(_KEY)}</p>\n<ul>{left_out}</ul>\n{tables}\n</html>\n"
    )


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts by file name, each atomically.

    Raises:
        UserError: a file cannot be written.
    """
    for name, text in files.items():
        write_atomically(folder / name, partial(_write, text.encode(errors="backslashreplace")))


def _write(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 80em; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0; display: block; overflow-x: auto }
th, td { padding: 0.2em 0.7em; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
img { height: 170px; display: block }
.pictures th, .pictures td { text-align: left; vertical-align: top; border: 0; font-weight: normal }
figure { display: inline-block; margin: 0 1em 0 0 }
"""


def _title(found: Mapping[str, Any]) -> str:
    facts = found["manifest"]
    pairs = len(found["models"][0]["pairs"])
    return f"Evaluation, suite {facts['suite']}: {len(facts['photos'])} photos, {pairs} pairs"


def _tables(found: Mapping[str, Any]) -> Iterator[_Table]:
    models = found["models"]
    names = [model["name"] for model in models]
    yield _by_model("Means", names, [model["mean"] for model in models])
    if found["manifest"]["clip"]:
        title = f"Clip {found['manifest']['clip']['name']}"
        yield _by_model(title, names, [model["clip"] for model in models])
    yield _by_model("Cost", names, [model["cost"] for model in models])
    timings = found["timings"]
    where = f"{timings['platform']}, {timings['threads']} threads"
    yield _by_model(f"Latency and memory ({where})", names, timings["models"])
    for model in models:
        yield _pairs(model)


def _by_model(title: str, names: Sequence[str], figures: Sequence[Mapping[str, Any]]) -> _Table:
    flat = [dict(_flat(figure)) for figure in figures]
    rows = [[key, *(_shown(column.get(key)) for column in flat)] for key in flat[0] | flat[-1]]
    return _Table(title, ["", *names], rows)


def _pairs(model: Mapping[str, Any]) -> _Table:
    keys = [
        key
        for key in ("look", "grid", "loss", "lbfgs", "ssim", "ciede2000", "warp")
        if key in model["mean"]
    ]
    head = [key for key, _ in _flat({key: model["mean"][key] for key in keys})]
    rows = []
    for pair in model["pairs"]:
        figures = dict(_flat(pair))
        rows.append([pair["photo"], pair["style"], *(_shown(figures[key]) for key in head)])
    return _Table(f"Pairs of {model['name']}", ["photo", "style", *head], rows)


def _pictures(found: Mapping[str, Any], gallery: Gallery) -> str:
    styles = "".join(
        f'<figure><img src="{uri}" alt=""><figcaption>{escape(name)}</figcaption></figure>'
        for name, uri in gallery.styles.items()
    )
    head = "".join(f"<th>{escape(model['name'])}</th>" for model in found["models"])
    rows = "\n".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f'<td><img src="{uri}" alt=""></td>' for uri in uris)
        + "</tr>"
        for name, uris in gallery.rows
    )
    table = f'<table class="pictures">\n<tr><th></th><th>photo</th>{head}</tr>\n{rows}\n</table>'
    return f"<h2>Styles</h2>\n{styles}\n<h2>Results</h2>\n{table}"


def _flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """``{"gram": {"relu1_1": 1}}`` → ``("gram relu1_1", 1)``."""
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key} ")
        else:
            yield f"{before}{key}", value


def _shown(value: Any) -> str:
    if value is None:
        return "not known"
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def _markdown(text: str) -> str:
    """`text` as Markdown that shows it as it is: names of files may be anything."""
    shown = label(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ACTIVE.sub(r"\\\g<0>", shown)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
