#!/usr/bin/env python
"""Make the package's starter model of a run: prove the export, and leave the maker's paths out.

The run is a training of the shipped styles, from the originals or scaled copies of these names:

    stylenet train experiment=multistyle trainer.max_steps=14000 data=folder data.path=PHOTOS
    python scripts/release_starter.py RUN
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from stylenet.export.precision import Export
from stylenet.export.several import write_several
from stylenet.models.checkpoint import load_model, notes
from stylenet.runtime.starter import STARTER
from stylenet.styles.known import config_of
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.untrusted import mapping


def released(config: dict[str, Any], styles: list[str]) -> dict[str, Any]:
    """What a stranger may know of a training: its settings and pictures, no path of its maker."""
    pictures = [
        {**note, "credit": work(name)} for name, note in zip(styles, notes(config), strict=True)
    ]
    credit = "; ".join(picture["credit"] for picture in pictures)
    return {
        **{key: config[key] for key in ("seed", "style", "loss", "strokes", "measured")},
        "net": {**config["net"], "styles": styles},
        "style_picture": {**config["style_picture"], "credit": credit, "pictures": pictures},
        "pictures": config["pictures"],
        "data": {key: mapping(config, "data")[key] for key in ("_target_", "size", "batch_size")},
        "trainer": {"max_steps": mapping(config, "trainer")["max_steps"]},
    }


def work(name: str) -> str:
    """The picture of a shipped style, its artist and its year."""
    facts = config_of(name)
    return f"{facts['title']}, {facts['artist']}, {facts['year']}, public domain"


def main() -> None:
    """Read the run, and write the starter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="of the shipped styles")
    parser.add_argument("-o", "--out", type=Path, default=STARTER, help=f"({STARTER.name})")
    options = parser.parse_args()
    model = load_model(options.run)
    styles = getattr(model.net, "styles", None)
    if not styles:
        raise UserError(f"{options.run} has not learnt several styles; give one that has")
    public = replace(model, config=released(model.config, styles))
    write_several(options.out, public, Export(), "onnx")


if __name__ == "__main__":
    with exit_on_user_error():
        main()
