"""Checks of a config that Hydra does not make: names, types and ranges of its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stylenet.config.annotations import (
    find,
    in_words,
    is_a,
    listed,
    options,
    parts,
    takes,
    type_of,
    types_of,
)
from stylenet.config.quoting import assignment
from stylenet.config.ranges import allowed
from stylenet.config.spelling import did_you_mean, near_words
from stylenet.system.errors import UserError

_CHECKED_MODULES = ("stylenet.", "pytorch_lightning.", "torch.")
"""Modules whose classes are checked by their annotations and by `RANGES`. Others are the user's."""

_HYDRA_KEYS = frozenset({"_target_", "_partial_", "_convert_", "_recursive_", "_args_"})

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "trainer.precision": ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16", 32, 16, None),
}
"""Allowed values where a type says too little. Training in other precisions is untested."""

_KEYS_WITHOUT_CLASS = {
    "scene": {"size", "iterations", "grey"},
    "strokes": {"style_size"},
    "style": {"name"},
}
"""Keys of the groups that need no class."""

_TOP_LEVEL_TYPES = {"seed": int, "init": str | None, "ckpt": str | None, "run": Any}
"""Types of the top-level keys, which no class takes."""

_OBJECT_GROUPS = ("callbacks", "logger")
"""Groups of named objects. Null turns an object off."""


def check(config: Mapping[str, Any], shipped: Mapping[str, Any]) -> None:
    """Check that every key is a parameter of its class, and every value's type and range.

    Args:
        config: plain containers, all values final.
        shipped: a config of the same choices with the shipped values, which are valid.

    Raises:
        UserError: no class takes a key, or a value has another type or is out of its range.
    """
    _check_groups(config, shipped)
    for node in _nodes("", config):
        _check_node(node, shipped)
    loss = config.get("loss")
    if isinstance(loss, Mapping) and loss.get("strength") is None:
        weights = [value for key, value in loss.items() if str(key).endswith("_weight")]
        if weights and not any(weights):
            raise UserError("all weights of the loss are 0; give one, such as loss.style_weight=10")


@dataclass(frozen=True)
class _Node:
    """A mapping of the config.

    name: its dotted key with a final dot, or empty at the top.
    ours: whether its values are checked by the annotations of its class.
    """

    name: str
    values: Mapping[str, Any]
    ours: bool


def _nodes(name: str, values: Mapping[str, Any], ours: bool = True) -> Iterator[_Node]:
    if "_target_" in values:
        ours = str(values["_target_"]).startswith(_CHECKED_MODULES)
    yield _Node(name, values, ours)
    for key, value in values.items():
        yield from _nodes_within(f"{name}{key}.", value, ours)


def _nodes_within(name: str, value: Any, ours: bool) -> Iterator[_Node]:
    if isinstance(value, Mapping):
        yield from _nodes(name, value, ours)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _nodes_within(f"{name}{number}.", part, ours)


def _check_groups(config: Mapping[str, Any], shipped: Mapping[str, Any]) -> None:
    """Refuse values of groups that Hydra accepts and no class would refuse."""
    for group in _OBJECT_GROUPS:
        objects = config.get(group)
        if not isinstance(objects, Mapping):
            raise UserError(f"{group}={_shown(objects)} should hold named objects; leave it out")
        for key, value in objects.items():
            if value is not None and not (isinstance(value, Mapping) and "_target_" in value):
                near = did_you_mean(f"{group}.{n}" for n in near_words(str(key), shipped[group]))
                raise UserError(f"{group}.{key} has no _target_ to name its class{near}")
    for group, known in _KEYS_WITHOUT_CLASS.items():
        values = config.get(group)
        if isinstance(values, Mapping) and "_target_" not in values:
            for key in values:
                if key not in known:
                    _refuse_key(f"{group}.", str(key), group, known)
    for group in ("style", "net", "loss", "strokes", "task", "data", "trainer"):
        if not isinstance(config.get(group), Mapping):
            raise UserError(
                f"{group}={_shown(config.get(group))} is no choice of a config group; leave it out"
            )


def _check_node(node: _Node, shipped: Mapping[str, Any]) -> None:
    hints: Mapping[str, Any] = {} if node.name else _TOP_LEVEL_TYPES
    if "_target_" in node.values:
        target = find(str(node.values["_target_"]))
        if target is not None:
            _check_names(node, target)
            hints = types_of(target) if node.ours else {}
    for key, value in node.values.items():
        if key in _HYDRA_KEYS:
            continue
        name = f"{node.name}{key}"
        example = _select(shipped, name)
        if isinstance(value, str) and "${" in value:  # Hydra resolves it again, even if escaped
            raise UserError(f"{name}={value}: ${{…}} looks up a value, so no name may hold it")
        if node.ours:
            _check_choice(name, value)
            _check_type(name, value, hints.get(key, type_of(example)), example)
            _check_range(name, value)


def _check_names(node: _Node, target: Callable[..., Any]) -> None:
    """Refuse a key that `target` does not take. Some targets are called late, some ignore keys."""
    taken = takes(target)
    if taken is None:
        return
    for key in node.values:
        if key not in taken and key not in _HYDRA_KEYS:
            _refuse_key(node.name, str(key), target.__name__, taken)


def _refuse_key(where: str, key: str, owner: str, known: Iterable[str]) -> None:
    near = did_you_mean(f"{where}{name}" for name in near_words(key, known))
    raise UserError(
        f"{where}{key}: {owner} takes no {key}{near or f'; leave it out of {where[:-1]}'}"
    )


def _check_choice(name: str, value: Any) -> None:
    if name in CHOICES and not (value in CHOICES[name] and not isinstance(value, bool)):
        raise UserError(
            f"{name}={_shown(value)} has not been tried; use {listed(CHOICES[name][:3])}"
        )


def _check_type(name: str, value: Any, wanted: Any, example: Any) -> None:
    if is_a(value, wanted):
        return
    for key, part, kind in parts(value, wanted):
        _check_type(f"{name}.{key}", part, kind, _select(example, key))
    such = "" if isinstance(example, Mapping) or example in (None, "") else _shown(example)
    such_as = f", such as {such}" if such else ""
    quote = ""
    if str in options(wanted) and not isinstance(value, str | None):
        quote = f"; a name that looks like something else is quoted twice, as in '{name}=\"NAME\"'"
        if isinstance(value, int | float) and not isinstance(value, bool):
            quote = f"; as a name it is written '{assignment(name, str(value))}'"
    raise UserError(f"{name}={_shown(value)} should be {in_words(wanted)}{such_as}{quote}")


def _check_range(name: str, value: Any) -> None:
    if isinstance(value, list) and not any(isinstance(part, Mapping) for part in value):
        for number, part in enumerate(value):
            _check_range(f"{name}.{number}", part)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if value not in allowed(name):
        raise UserError(f"{name}={_shown(value)} should be {allowed(name)}")


def _shown(value: Any) -> str:
    """`value` as a user writes it in an override."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _select(config: Any, name: str) -> Any:
    """The value of a dotted key, or None."""
    for key in name.split("."):
        config = config.get(key) if isinstance(config, Mapping) else None
    return config
