"""The card of a model: what it is, what it was made from and on what terms, and how to use it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from stylenet.cards.abilities import abilities, file_commands, run_commands
from stylenet.cards.facts import PREVIEW, Facts
from stylenet.cards.figures import figures, settings
from stylenet.cards.provenance import network, photos, pictures, start
from stylenet.models.credits import notes, of_picture
from stylenet.runs.placeless import without_folders
from stylenet.system.untrusted import code, mapping
from stylenet.system.version import __version__

_DATASET = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


def card(config: dict[str, Any], facts: Facts) -> str:
    """The card as Markdown, with front matter for the Hugging Face hub.

    Texts of the config and the facts are shown as code, so that they are no markup, wherever the
    file comes from. Of paths only the last part is shown.

    Args:
        config: the training's config from the model's file. Anybody may have written the file.
    """
    overrides = None if facts.overrides is None else without_folders(list(facts.overrides), config)
    config = without_folders(config)
    parts = [
        _front_matter(config, facts),
        _what(config, facts),
        pictures(config),
        photos(config, facts),
        network(config),
        start(config),
        settings(config, facts, overrides),
        figures(config, facts),
        _use(config, facts),
        f"*Written by stylenet {__version__}.*",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(config: dict[str, Any], facts: Facts) -> str:
    sets = mapping(config, "credits").values()
    named = {str(mapping(each).get("dataset")) for each in sets}
    datasets = sorted(name for name in named if _DATASET.fullmatch(name))
    told: dict[str, Any] = {
        "library_name": "stylenet",
        "license": "unknown",  # the hub's word for a licence that nobody has stated
        "pipeline_tag": "image-to-image",
        "tags": ["style-transfer", "stylenet", "onnx" if facts.exported else "pytorch"],
    }
    told |= {"datasets": datasets} if datasets else {}
    return f"---\n{yaml.safe_dump(told, sort_keys=False)}---"


def _what(config: dict[str, Any], facts: Facts) -> str:
    able, learnt = abilities(config), [of_picture(note) for note in notes(config)]
    name = mapping(config, "style").get("name") or mapping(config, "style_picture").get("name")
    if able.any_style:
        does = "paints any photo in the style of any picture, which it is told at run time"
    elif able.two_way:
        does = "turns photos into the like of a collection of paintings, and paintings into photos"
    elif "paintings" in mapping(config, "credits"):
        does = "goes one way between photos and a collection of paintings"
    elif able.styles:
        does = f"paints any photo in {len(able.styles)} styles, or in a mixture of them"
    elif len(learnt) > 1:
        does = "paints any photo in a mixture of styles"
    else:
        does = f"paints any photo in the style of {learnt[0].name if learnt else 'a picture'}"
    lines = [
        f"# {code(name or 'unnamed')}",
        f"A net that {does}, in a single pass. It was trained with stylenet.",
    ]
    if able.clips:
        lines.append("It is made for clips: its strokes follow the motion.")
    if mapping(config, "scene").get("grey") is True:
        lines.append("It is for research. Nothing here is a medical device.")
    if facts.preview:
        lines.append(f"![Photos before and after]({PREVIEW})")
        lines.append("*The style, then photos that the net never trained on, before and after.*")
    lines.append(
        "Whoever trained the net has stated no licence for its weights. What they were made from "
        "is listed below, each with its licence, as the training recorded it."
    )
    return "\n\n".join(lines)


def _use(config: dict[str, Any], facts: Facts) -> str:
    if facts.exported:
        commands = file_commands(config, facts.file, facts.exported.get("io", "bytes"))
    elif facts.repo:
        name = facts.repo.rpartition("/")[2]
        fetch = ["hf", "download", facts.repo, "--local-dir", name]
        commands = run_commands(config, name, [fetch])
    else:
        commands = run_commands(config, facts.file, [])
    return f"## How to use it\n\nWith stylenet installed:\n\n{commands}"
