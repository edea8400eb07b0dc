"""What a model can be asked for, told from its config alone, and the commands that ask for it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stylenet.system.untrusted import fenced, mapping, safe_name

_INPUTS = {
    "bytes": "`image`, uint8 (N, H, W, 3)",
    "float": "`image`, float32 (N, 3, H, W) in [0, 1]",
    "tiles": "`image`, uint8 (1, H, W, 3), `interior` and `statistics`, tile by tile",
    "recurrent": "`image` and `previous`, the result before, uint8 (N, H, W, 3)",
    "window": "`frames`, uint8 (N, T, H, W, 3)",
}
"""The inputs of an exported file, by its metadata's ``io``."""


@dataclass(frozen=True)
class Abilities:
    """What a model takes beside a photo.

    styles: the names of its styles, if there are several; any_style: a picture at run time;
    two_way: a direction; clips: it was made for clips.
    """

    styles: tuple[str, ...]
    any_style: bool
    two_way: bool
    clips: bool

    @property
    def style_option(self) -> list[str]:
        """The words of a command line that tell the style."""
        if self.any_style:
            return ["--style", "PICTURE"]
        return ["--style", self.styles[0]] if self.styles else []

    @property
    def style_argument(self) -> str:
        """The argument of `stylenet.load` that tells the style."""
        named = "picture.jpg" if self.any_style else next(iter(self.styles), None)
        return "" if named is None else f", styles=[({json.dumps(named)}, 1)]"


def abilities(config: Mapping[str, Any]) -> Abilities:
    """What the net of a config can do. Anybody may have written the config."""
    net = mapping(config.get("net"))
    kind = str(net.get("_target_")).rpartition(".")[2]
    styles = net.get("styles")
    names = [str(style) for style in styles] if isinstance(styles, list) else []
    return Abilities(
        styles=tuple(name.rpartition("/")[2].rpartition(".")[0] or name for name in names),
        any_style=kind in ("AdaIN", "SANet"),
        two_way=kind == "TwoWay",
        clips=kind in ("RecurrentNet", "WindowNet"),
    )


def run_commands(config: Mapping[str, Any], model: str, prefix: list[list[str]]) -> str:
    """How to stylise with a run and export it, as Markdown.

    Args:
        model: what to give as the model. prefix: commands that come first.
    """
    able = abilities(config)
    stylize = ["stylenet", "stylize", "PHOTO_OR_FOLDER", "--model", model, *able.style_option]
    lines = [*prefix, [*stylize, "-o", "stylized/"]]
    if able.clips:
        lines.append(["stylenet", "stylize", "CLIP.mp4", "--model", model, "-o", "OUT.mp4"])
    if able.two_way:
        lines.append([*stylize, "--direction", "back", "-o", "photos/"])
    name = safe_name(mapping(config.get("style")).get("name"))
    lines.append(["stylenet", "export", model, "-o", f"{name}.onnx"])
    return f"{_shell(lines)}\n\n{_python(able, model)}"


def file_commands(config: Mapping[str, Any], model: str, io: str) -> str:
    """How to stylise with an exported file, as Markdown.

    Args:
        model: the file's name. io: as in the file's metadata.
    """
    able = abilities(config)
    tiles = ["--tile", "768"] if io == "tiles" else []
    photo = "CLIP.mp4" if able.clips else "PHOTO_OR_FOLDER"
    out = "OUT.mp4" if able.clips else "stylized/"
    options = [*able.style_option, *tiles, "-o", out]
    line = ["stylenet", "stylize", photo, "--model", model, *options]
    mixed = f", and `style_weights`, float32 (N, {len(able.styles)})" if able.styles else ""
    coded = ", and `code`, which the `.style.onnx` beside it makes" if able.any_style else ""
    parts = [
        _shell([line]),
        _python(able, model) if io == "bytes" else "",
        f"Any runtime for ONNX takes it: input {_INPUTS.get(io, '`image`')}{mixed}{coded}; output "
        "`stylized`, like `image`. Scaling and rounding are in the graph.",
    ]
    return "\n\n".join(part for part in parts if part)


def _shell(lines: list[list[str]]) -> str:
    return fenced("\n".join(map(shlex.join, lines)), "bash")


def _python(able: Abilities, model: str) -> str:
    said = (
        "import stylenet\n\n"
        f"stylizer = stylenet.load({json.dumps(model)}{able.style_argument})\n"
        'rgb = stylizer("photo.jpg").rgb  # uint8 (H, W, 3)'
    )
    return fenced(said, "python")
