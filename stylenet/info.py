"""Tell what a model file is: its style, net and training."""

from __future__ import annotations

import sys

from stylenet.commands.info import parser
from stylenet.system.errors import interrupted
from stylenet.system.loading import say_loading

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    if parser().parse_args().model.suffix != ".onnx":  # shows help, and mistakes, at once
        say_loading()

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stylenet.cards.card_file import CARD, SUFFIX
from stylenet.models.credits import notes, of_picture
from stylenet.pictures.outputs import model_file
from stylenet.runs.folder import CHECKPOINT
from stylenet.runs.found import found_model
from stylenet.runtime.model import open_model
from stylenet.system.errors import exit_on_user_error
from stylenet.system.untrusted import label, mapping


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0."""
    options = parser().parse_args(argv)
    with exit_on_user_error():
        path = found_model(options.model)
        facts = exported(path) if path.suffix == ".onnx" else trained(path)
        file = model_file(path)
        facts["file"] = f"{path}, {file.stat().st_size / 1e6:.2f} MB"
        card = path.with_suffix(SUFFIX) if path.suffix == ".onnx" else file.with_name(CARD)
        if card.is_file():
            facts["card"] = str(card)
    width = max(map(len, facts))
    print("\n".join(f"{name:{width}}  {label(text)}" for name, text in facts.items()))
    return 0


def exported(path: Path) -> dict[str, str]:
    """The facts of an exported model, by name.

    Raises:
        UserError: the file is no stylenet model, or its metadata is damaged.
    """
    model = open_model(path, "cpu")
    told = {name.removeprefix("stylenet."): text for name, text in model.metadata.items()}
    return {
        **_facts(model.config),
        "input": told.get("io", "bytes"),
        "precision": told.get("precision", "fp32"),
        "licence": told.get("licence", "unknown"),
        "version": told.get("version", "unknown"),
    }


def trained(path: Path) -> dict[str, str]:
    """The facts of a run or a model file, by name.

    Raises:
        UserError: the file is no stylenet model.
    """
    from stylenet.models.checkpoint import load_model  # exported models need no torch

    model = load_model(path)
    count = sum(parameter.numel() for parameter in model.net.parameters())
    facts = {**_facts(model.config), "parameters": f"{count:,}"}
    if model_file(path).name == CHECKPOINT:
        facts["training"] += ", not finished"
    return facts


def _facts(config: dict[str, Any]) -> dict[str, str]:
    """What a training's config tells."""
    picture, net = mapping(config, "style_picture"), dict(mapping(config, "net"))
    loss, trainer = mapping(config, "loss"), mapping(config, "trainer")
    photos = mapping(mapping(config, "pictures"), "photos")
    licences = [of_picture(note).licence.replace("`", "") for note in notes(config)]
    kind = str(net.pop("_target_", "unknown")).rpartition(".")[2]
    settings = ", ".join(f"{key}={value}" for key, value in net.items() if key != "net")
    weight = {**loss, **mapping(config, "measured")}.get("style_weight", "unknown")
    return {
        "style": str(picture.get("name", "unknown")),
        "picture": str(picture.get("credit", "unknown")),
        "its licence": "; ".join(dict.fromkeys(licences)),
        "net": f"{kind} ({settings})" if settings else kind,
        "training": f"{trainer.get('max_steps', 'unknown')} steps on "
        f"{photos.get('count', 'unknown')} photos",
        "photos": str(mapping(config, "credits", "photos").get("source", "unknown")),
        "style weight": str(weight),
    }


if __name__ == "__main__":
    sys.exit(main())
