"""Building what a model file describes: classes of stylenet, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from hydra.utils import instantiate

from stylenet.errors import UserError

_CLASS = re.compile(r"(stylenet(?:\.[a-z_0-9]+)+)\.([A-Z]\w*)")
"""A class by its own module. Hydra itself walks on from any name to what that has imported."""


def build(recipe: Any, **given: Any) -> Any:
    """`hydra.utils.instantiate` for recipes out of files that anybody may have written.

    Args:
        recipe: plain containers. given: further arguments.

    Raises:
        UserError: it is no recipe, or would build or look up anything but classes of stylenet.
    """
    if not isinstance(recipe, dict) or "_target_" not in recipe:
        raise UserError("the file describes nothing that can be built; train it again")
    for text in _texts(recipe):
        if "${" in text:
            raise UserError(f"the file describes {text}, which would be looked up; train it again")
    for target in _targets(recipe):
        if not _is_ours(target):
            raise UserError(f"the file would build {target}, no class of stylenet; train it again")
    return instantiate(recipe, **given)


def _is_ours(target: Any) -> bool:
    found = _CLASS.fullmatch(str(target))
    if found is None:
        return False
    module, name = found.groups()
    try:
        made = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        return False
    return isinstance(made, type) and made.__module__.startswith("stylenet.")


def _targets(recipe: Any) -> Iterator[Any]:
    if isinstance(recipe, dict) and "_target_" in recipe:
        yield recipe["_target_"]
    for part in _parts(recipe):
        yield from _targets(part)


def _texts(recipe: Any) -> Iterator[str]:
    if isinstance(recipe, str):
        yield recipe
    for part in _parts(recipe):
        yield from _texts(part)


def _parts(recipe: Any) -> list[Any]:
    if isinstance(recipe, dict):
        return [*recipe, *recipe.values()]
    return list(recipe) if isinstance(recipe, list | tuple | set) else []
