"""Configs as an attacker writes them into a model file; overrides as a user mistypes them."""

import copy
import random
from typing import Any

URL = "https://127.0.0.1:9/picture.jpg"

VALUES: list[Any] = [
    *("n/../../../canary", "../../../canary", "/etc/passwd", "~/.bashrc", "\x00", "a\nb", ""),
    *('x"\nbackend: "python', "<script>alert(1)</script>", "${oc.env:HOME}", "${net}", "-o", "."),
    *(URL, "file:///etc/passwd", "é" * 300, "[", "{", "🎨"),
    *(None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**9, 2**70, 0.3),
    *([], {}, [1, [2, [3]]], {"a": {"b": {}}}, ["udnie", "../x"]),
    {"_target_": "os.system", "_args_": ["touch canary"]},
    {"_target_": "stylenet.data.folder.FolderPhotos", "path": "/"},
    {"_target_": "stylenet.vgg.VGG", "layers": ["relu1_1"], "weights": "canary"},
    {"_target_": "stylenet.vgg.VGG", "layers": ["relu1_1"], "weights": "torchvision"},
    {"_target_": "stylenet.tasks.arbitrary.ArbitraryTask", "_partial_": True},
    {"_target_": "builtins.open", "_args_": ["canary", "w"]},
    {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 1e6},
    {"_target_": "stylenet.nets.johnson.TransformerNet", "_recursive_": False},
    {"name": "n/../../../canary.jpg", "url": URL, "sha256": "0" * 64},
]
"""What no reader may trust; ``canary`` stands for a file that nobody may open."""


def hostile(config: dict[str, Any], draw: random.Random, canary: str) -> dict[str, Any]:
    """A config with one to three values changed, added or removed anywhere in it."""
    changed = copy.deepcopy(config)
    for _ in range(draw.randint(1, 3)):
        node: Any = changed
        while True:
            key = draw.choice(list(node))
            if not (isinstance(node[key], dict) and node[key] and draw.random() < 0.7):
                break
            node = node[key]
        what = draw.random()
        if what < 0.1 and len(node) > 1:
            del node[key]
        else:
            name = key if what < 0.8 else draw.choice(["url", "name", "image", "_target_", "x"])
            node[name] = _with_canary(copy.deepcopy(draw.choice(VALUES)), canary)
    return changed


def _with_canary(value: Any, canary: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_canary(inner, canary) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_canary(inner, canary) for inner in value]
    return value.replace("canary", canary) if isinstance(value, str) else value


def mistyped(word: str, draw: random.Random) -> str:
    """A word with two neighbours exchanged, a letter lost or one too many."""
    place = draw.randrange(len(word) - 1)
    kind = draw.randrange(3)
    if kind == 0 and word[place] != word[place + 1]:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    return word[:place] + "x" + word[place:]
