"""Sections of a model's card: the settings of its training, and what was measured."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from stylenet.cards.facts import Facts
from stylenet.runs.placeless import without_place
from stylenet.system.untrusted import bullets, code, fenced, mapping

_TERMS = {
    "content": "how far the result is from the photo in content",
    "style": "how far it is from the style picture in style",
    "tv": "how rough it is",
    "temporal": "how much it flickers",
    "forth": "how easily the discriminator tells it from a painting",
    "cycle": "how far a photo is from itself, there and back",
    "total": "the weighted sum",
}

_OVER = {"MultiStyleTask": ", over all its styles", "ArbitraryTask": ", in the preview's style"}
"""The styles that the losses on unseen photos are of, by task."""


def settings(config: dict[str, Any], facts: Facts, overrides: list[str] | None) -> str:
    """The settings that people change, and the command line of the training, if it is known."""
    loss, data = mapping(config, "loss"), mapping(config, "data")
    wanted, task = mapping(config, "trainer").get("max_steps"), mapping(config, "task")
    weights = {key: value for key, value in loss.items() if str(key).endswith("_weight")}
    rows = {
        "steps": wanted if facts.steps in (None, wanted) else f"{facts.steps} of {wanted}",
        "side of the crops": data.get("size"),
        "photos in a step": data.get("batch_size"),
        "strokes, side of the style picture": task.get("style_size"),
        **{str(key).replace("_", " "): value for key, value in weights.items()},
        "style weight for this picture": mapping(config, "measured").get("style_weight"),
        "seed": config.get("seed"),
    }
    weights = mapping(config, "measured", "style_weights")
    rows |= {f"style weight for {name}": weight for name, weight in weights.items()}
    lines = [f"{_cell(name)}: {_cell(value)}" for name, value in rows.items() if value is not None]
    again = ""
    if overrides is not None:
        line = shlex.join(["stylenet", "train", *without_place(overrides)])
        said = "To train it again (of files and folders, this tells the names alone):"
        again = f"{said}\n\n{fenced(line, 'bash')}"
    return "\n\n".join(part for part in (bullets("Settings", lines), again) if part)


def _cell(value: object) -> str:
    """A setting's name or value: plain if it is a number or words, else as code."""
    if isinstance(value, int | float):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    return str(value) if re.fullmatch(r"[a-z0-9 ,]+", str(value)) else code(value)


def figures(config: dict[str, Any], facts: Facts) -> str:
    """What was measured; empty if nothing was."""
    lines = []
    if facts.seconds is not None:
        lines.append(f"Training took {int(facts.seconds) // 60} min {int(facts.seconds) % 60} s.")
    if facts.result:
        over = _OVER.get(str(mapping(config, "task").get("_target_")).rpartition(".")[2], "")
        rows = [
            f"| {name} | {value:.4g} | {_TERMS.get(name, '')} |"
            for name, value in facts.result.items()
        ]
        lines.append(
            f"Mean losses at the end, on photos that the net never trained on{over}. Lower is "
            "better. They compare with those of the same style and loss alone."
        )
        lines.append("\n".join(["| loss | value | what it says |", "|---|---|---|", *rows]))
    if facts.exported:
        lines.append("\n".join(f"- {line}" for line in _exported(facts)))
    return "\n\n".join(["## Figures", *lines]) if lines else ""


def _exported(facts: Facts) -> list[str]:
    """The precision of an exported file, and what eight bits cost."""
    try:
        told = mapping(json.loads(facts.exported.get("int8", "{}")))
    except ValueError:
        told = {}
    rows = {"precision": facts.exported.get("precision", "fp32"), **told}
    return [f"{_cell(name.replace('_', ' '))}: {_cell(value)}" for name, value in rows.items()]
