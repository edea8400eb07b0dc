"""Suggestions for misspelled keys and choices."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

USUAL_NAMES = {
    **dict.fromkeys(("epoch", "epochs", "max_epochs", "step", "steps"), "trainer.max_steps"),
    **dict.fromkeys(("iterations", "iters", "num_steps", "max_iter"), "trainer.max_steps"),
    **dict.fromkeys(("learning_rate", "learningrate", "rate", "base_lr"), "task.optimizer.lr"),
    **dict.fromkeys(("batch", "batchsize", "bs"), "data.batch_size"),
    **dict.fromkeys(("num_workers", "n_workers", "cpus"), "data.workers"),
    **dict.fromkeys(("image_size", "img_size", "crop", "crop_size", "resolution"), "data.size"),
    **dict.fromkeys(("dataset", "photos"), "data"),
    **dict.fromkeys(("gpus", "num_gpus", "ngpu"), "trainer.devices"),
    **dict.fromkeys(("gpu", "device", "cuda"), "trainer.accelerator"),
    **dict.fromkeys(("model", "network", "arch", "architecture"), "net"),
    **dict.fromkeys(("style_image", "picture"), "style.image"),
    **dict.fromkeys(("out", "output", "output_dir", "out_dir", "folder", "save_dir"), "run"),
    **dict.fromkeys(("resume", "checkpoint", "resume_from"), "ckpt"),
    **dict.fromkeys(("pretrained", "init_weights"), "init"),
    **dict.fromkeys(("content", "content_loss"), "loss.content_weight"),
    **dict.fromkeys(("style_loss",), "loss.style_weight"),
    **dict.fromkeys(("tv", "tv_loss"), "loss.tv_weight"),
}
"""Names of settings in other programs → their names in stylenet."""

_CLOSE = 0.72
"""The least `difflib` ratio of similar words. One letter in four may be wrong, or two of eight
swapped."""

_CLOSE_PATH = 0.87
"""The least `difflib` ratio of similar dotted keys, which share their groups anyway."""


def near_keys(key: str, known: Iterable[str]) -> list[str]:
    """Up to three dotted keys of `known` that `key` may mean, the shallowest first.

    A key without its groups, such as ``lr``, is matched with the ends of the known keys.
    """
    word = key.lower().replace("-", "_")
    parent, _, leaf = word.rpartition(".")
    known = [name for name in known if "." in name or not parent]
    usual = {USUAL_NAMES.get(word), USUAL_NAMES.get(leaf)}
    for found in (
        [name for name in known if name.endswith(f".{word}")],
        [name for name in known if name in usual],
        _alike(leaf, [name for name in known if name.rpartition(".")[0] == parent]),
        [name for name in known if parent and name.endswith(f".{leaf}")],
        difflib.get_close_matches(word, known, 1, _CLOSE_PATH),
        _alike(leaf, known),
    ):
        if found:
            return sorted(found, key=lambda name: name.count("."))[:3]
    return []


def _alike(leaf: str, known: Iterable[str]) -> list[str]:
    """The keys of `known` whose last part is the most similar to `leaf`."""
    keys: dict[str, list[str]] = {}
    for name in known:
        keys.setdefault(name.rpartition(".")[2], []).append(name)
    return [
        name for near in difflib.get_close_matches(leaf, keys, 1, _CLOSE) for name in keys[near]
    ]


def near_words(word: str, known: Iterable[str]) -> list[str]:
    """A list of the most similar word of `known`; empty if none is similar enough."""
    lower = {name.lower(): name for name in known}
    return [lower[name] for name in difflib.get_close_matches(word.lower(), lower, 1, _CLOSE)]


def did_you_mean(found: Iterable[str]) -> str:
    """The question ``; did you mean …?``; empty if nothing was `found`."""
    found = list(found)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def dotted(config: Mapping[Any, Any], prefix: str = "") -> list[str]:
    """Every dotted key that an override can set, and the config groups at the top."""
    names = []
    for key, value in config.items():
        if str(key).startswith("_"):  # keys of Hydra's own, such as _target_
            continue
        if not (prefix and isinstance(value, Mapping)):
            names.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            names += dotted(value, f"{prefix}{key}.")
    return names
