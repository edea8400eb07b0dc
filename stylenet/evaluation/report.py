"""The figures as JSON and Markdown, and how reports are written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from stylenet.evaluation.tables import Table, figures_by_model, figures_by_pair, short_names
from stylenet.pictures.images import write_atomically
from stylenet.system.untrusted import label

_DIGITS = 6
"""Significant digits. More digits would differ between processors."""

_ACTIVE = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
"""Characters of Markdown's links, pictures, code, cells and emphasis. An underscore within a word
is plain text."""


def to_json(found: Mapping[str, Any]) -> str:
    """The figures, rounded so that equal inputs give equal text."""
    return json.dumps(_rounded(found), indent=1) + "\n"


def to_markdown(found: Mapping[str, Any]) -> str:
    """All tables, and what the figures mean."""
    left_out = "\n".join(f"- {name}: left out; {why}." for name, why in found["left_out"].items())
    tables = "\n\n".join(map(_table, [*figures_by_model(found), *figures_by_pair(found)]))
    head = f"# {_markdown(title(found))}\n\n{_markdown(scope(found))}"
    return f"{head}\n\n{tables}\n\n## Left out\n\n{left_out}\n"


def title(found: Mapping[str, Any]) -> str:
    """The title of a report: which models are judged."""
    names = short_names(found["models"])
    return f"Evaluation of {' and '.join(names) if len(names) < 3 else f'{len(names)} models'}"


def scope(found: Mapping[str, Any]) -> str:
    """What the figures are means over, in words."""
    facts = found["manifest"]
    photos, pairs = len(facts["photos"]), len(found["models"][0]["pairs"])
    over = "clips" if facts["suite"] == "video" else "pairs of photo and style"
    return (
        f"Suite {facts['suite']}: {photos} photos, {pairs} {over}. "
        "The figures of a model are means over them."
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


def _table(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    rows = "\n".join(f"| {' | '.join(map(_markdown, line))} |" for line in lines)
    about = f"{_escaped(table.about)}\n\n" if table.about else ""
    return f"## {_markdown(table.title)}\n\n{about}{rows}"


def _markdown(text: str) -> str:
    """`text` as Markdown that shows it as it is: names of files may be anything."""
    return _escaped(label(text))


def _escaped(text: str) -> str:
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _ACTIVE.sub(r"\\\g<0>", shown)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value
