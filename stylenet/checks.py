"""The checks of a config that Hydra leaves out: names, types and ranges of its values."""

from __future__ import annotations

import collections.abc
import inspect
import math
import os
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, Union

from hydra.utils import get_object

from stylenet.errors import UserError
from stylenet.quoting import assignment
from stylenet.spelling import did_you_mean, near_words

_OURS = ("stylenet.", "pytorch_lightning.", "torch.")
"""Modules whose classes are held to their annotations and to `RANGES`; others are the user's."""

_HYDRAS = frozenset({"_target_", "_partial_", "_convert_", "_recursive_", "_args_"})

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

WORKERS = max(16, 4 * _CORES)
"""Most processes that prepare batches: each takes some 300 MB, and a core decodes for no more than
a few of them. More were seen to take minutes to start, and all memory."""


@dataclass(frozen=True)
class Range:
    """The finite numbers that a setting may be: from `low` to `high`.

    above, below: without `low` and without `high`. whole: no floats. why: added to the message.
    """

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    whole: bool = False
    why: str = ""

    def __contains__(self, value: float) -> bool:
        if not math.isfinite(value) or (self.whole and not isinstance(value, int)):
            return False
        over = value > self.low if self.above else value >= self.low
        return over and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = f"above {self.low:g}" if self.above else f"of {self.low:.12g} or more"
        if self.high == math.inf:
            return f"{kind} {low}" if self.low > -math.inf else f"{kind}, and finite"
        high = f"below {self.high:g}" if self.below else f"{self.high:.12g} at most"
        return f"{kind} {low} and {high}{self.why}"


POSITIVE = Range(0, above=True)
WEIGHT = Range(0)
SHARE = Range(0, 1)
BELOW_ONE = Range(0, 1, below=True)
COUNT = Range(0, whole=True)
AT_LEAST_ONE = Range(1, whole=True)
SEED = Range(0, 2**32 - 1, whole=True)

RANGES: Mapping[str, Range] = {
    **dict.fromkeys(("seed", "*.seed"), SEED),
    **dict.fromkeys(("*.lr", "*_lr", "*.eps", "*.width"), POSITIVE),
    **dict.fromkeys(("*_weight", "*.content_layers.*", "*.style_layers.*"), WEIGHT),
    **dict.fromkeys(("loss.identity", "*.loss.identity", "*.weight_decay"), WEIGHT),
    **dict.fromkeys(("*.strength", "*.motion.*", "*.smoothing"), SHARE),
    **dict.fromkeys(("*.betas.*", "*.momentum", "data.jitter"), BELOW_ONE),
    **dict.fromkeys(("*.blocks", "*.warmup", "task.pool", "callbacks.previews.every"), COUNT),
    **dict.fromkeys(("*.max_steps", "*.every", "*.log_every_n_steps"), AT_LEAST_ONE),
    **dict.fromkeys(("callbacks.*.height", "*.batch_size", "*.limit", "*.num_nodes"), AT_LEAST_ONE),
    **dict.fromkeys(("*.accumulate_grad_batches",), AT_LEAST_ONE),
    **dict.fromkeys(("*.cache_side", "scene.size"), AT_LEAST_ONE),
    "*.channels": Range(2, whole=True),
    "data.size": Range(32, whole=True),
    "task.style_size": Range(32, whole=True),
    "scene.iterations": COUNT,
    "data.workers": Range(
        0, WORKERS, whole=True, why=", as each is a process and there are few cores for them here"
    ),
    "trainer.devices": Range(-1, WORKERS, whole=True),
    "*.gradient_clip_val": WEIGHT,
    "*.overfit_batches": Range(0, 0),
}
"""By pattern of the dotted key, of which the first that fits counts."""

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "trainer.precision": ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16", 32, 16, None),
}
"""Values that are more than a type says. Nets in other precisions have been trained by nobody."""

_BARE = {"scene": {"size", "iterations", "grey"}, "style": {"name"}}
"""Keys of groups that need no class."""

_OF_OBJECTS = ("callbacks", "logger")
"""Groups of named objects, each of which may be null: off."""


def check(config: Mapping[str, Any], shipped: Mapping[str, Any]) -> None:
    """Hold every name against what its class takes, and every value against its type and range.

    Args:
        config: plain containers, all values final.
        shipped: a config of the same choices whose values are known to be right.

    Raises:
        UserError: a key that nothing takes, a value of another type, or beyond its range.
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
    """A mapping of the config, and what is known of its values.

    name: dotted, with a final dot, or empty. ours: whether its class is held to its annotations.
    """

    name: str
    values: Mapping[str, Any]
    ours: bool


def _nodes(name: str, values: Mapping[str, Any], ours: bool = True) -> Iterator[_Node]:
    if "_target_" in values:
        ours = str(values["_target_"]).startswith(_OURS)
    yield _Node(name, values, ours)
    for key, value in values.items():
        yield from _nodes_within(f"{name}{key}.", value, ours)


def _nodes_within(name: str, value: Any, ours: bool) -> Iterator[_Node]:
    if isinstance(value, Mapping):
        yield from _nodes(name, value, ours)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _nodes_within(f"{name}{number}.", part, ours)


def arguments(target: str) -> set[str] | None:
    """The names of what a class or function takes; None where it takes any, or is not found."""
    found = _find(target)
    return None if found is None else _arguments(found)


def _find(target: str) -> Callable[..., Any] | None:
    try:
        found: Callable[..., Any] = get_object(target)
    except Exception:  # whatever its module raises; building it tells
        return None
    return found


def _check_groups(config: Mapping[str, Any], shipped: Mapping[str, Any]) -> None:
    """What Hydra takes without a word where no class would refuse it."""
    for group in _OF_OBJECTS:
        objects = config.get(group)
        if not isinstance(objects, Mapping):
            raise UserError(f"{group}={_shown(objects)} should hold named objects; leave it out")
        for key, value in objects.items():
            if value is not None and not (isinstance(value, Mapping) and "_target_" in value):
                near = did_you_mean(f"{group}.{n}" for n in near_words(str(key), shipped[group]))
                raise UserError(f"{group}.{key} names no class, which _target_ would{near}")
    for group, known in _BARE.items():
        values = config.get(group)
        if isinstance(values, Mapping) and "_target_" not in values:
            for key in values:
                if key not in known:
                    _refuse_key(f"{group}.", str(key), group, known)
    for group in ("style", "net", "loss", "task", "data", "trainer"):
        if not isinstance(config.get(group), Mapping):
            raise UserError(
                f"{group}={_shown(config.get(group))} is no choice of a config group; leave it out"
            )


def _check_node(node: _Node, shipped: Mapping[str, Any]) -> None:
    hints: Mapping[str, Any] = {}
    if "_target_" in node.values:
        target = _find(str(node.values["_target_"]))
        if target is not None:
            _check_names(node, target)
            hints = _annotations(target) if node.ours else {}
    for key, value in node.values.items():
        if key in _HYDRAS:
            continue
        name = f"{node.name}{key}"
        example = _select(shipped, name)
        if node.ours:
            _check_choice(name, value)
            _check_type(name, value, hints.get(key, _type_of(example)), example)
            _check_range(name, value)


def _check_names(node: _Node, target: Callable[..., Any]) -> None:
    """Refuse an argument that `target` does not take: some are called late, some swallow it."""
    taken = _arguments(target)
    for key in node.values if taken is not None else ():
        if key not in taken and key not in _HYDRAS:
            _refuse_key(node.name, str(key), target.__name__, taken)


def _refuse_key(where: str, key: str, owner: str, known: Iterable[str]) -> None:
    near = did_you_mean(f"{where}{name}" for name in near_words(key, known))
    raise UserError(
        f"{where}{key}: {owner} takes no {key}{near or f'; leave it out of {where[:-1]}'}"
    )


def _check_choice(name: str, value: Any) -> None:
    if name in CHOICES and not (value in CHOICES[name] and not isinstance(value, bool)):
        raise UserError(
            f"{name}={_shown(value)} has not been tried; use {_listed(CHOICES[name][:3])}"
        )


def _check_type(name: str, value: Any, wanted: Any, example: Any) -> None:
    if _is(value, wanted):
        return
    such = "" if isinstance(example, Mapping) or example in (None, "") else _shown(example)
    such_as = f", such as {such}" if such else ""
    if isinstance(value, Mapping) and not isinstance(example, Mapping):
        value = dict(value)
    quote = ""
    if str in _options(wanted) and not isinstance(value, str | None):
        quote = f"; a name that looks like something else is quoted twice, as in '{name}=\"NAME\"'"
        if isinstance(value, int | float) and not isinstance(value, bool):
            quote = f"; as a name it is written '{assignment(name, str(value))}'"
    raise UserError(f"{name}={_shown(value)} should be {_words(wanted)}{such_as}{quote}")


def _check_range(name: str, value: Any) -> None:
    if isinstance(value, list) and not any(isinstance(part, Mapping) for part in value):
        for number, part in enumerate(value):
            _check_range(f"{name}.{number}", part)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    allowed = next((r for pattern, r in RANGES.items() if fnmatchcase(name, pattern)), Range())
    if value not in allowed:
        raise UserError(f"{name}={_shown(value)} should be {allowed}")


def _arguments(target: Callable[..., Any]) -> set[str] | None:
    """The names of what `target` takes; None where it takes any."""
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):  # of C, without one
        return None
    names = set(parameters)
    if inspect.Parameter.VAR_KEYWORD in {each.kind for each in parameters.values()}:
        made = _made_with_the_rest(target)
        others = None if made is None else _arguments(made)
        return None if others is None else names | others
    return names


def _annotations(target: Callable[..., Any]) -> dict[str, Any]:
    """The types of what `target` takes, as far as they can be read."""
    function = target.__init__ if isinstance(target, type) else target
    try:
        found = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):  # of names that only type checkers import
        return {}
    made = _made_with_the_rest(target)
    return found if made is None else _annotations(made) | found


def _made_with_the_rest(target: Callable[..., Any]) -> type | None:
    """The class that a function of ours makes, with the ``**options`` that it takes."""
    if isinstance(target, type) or not str(target.__module__).startswith("stylenet."):
        return None
    made = typing.get_type_hints(target).get("return")
    return made if isinstance(made, type) else None


def _type_of(example: Any) -> Any:
    """The type of a shipped value, for keys that no annotation speaks of."""
    if isinstance(example, bool | int | float | str):
        return type(example)
    return Sequence if isinstance(example, list) else Any


def _options(wanted: Any) -> tuple[Any, ...]:
    """The types of a union; a type alone."""
    if typing.get_origin(wanted) in (Union, types.UnionType):
        return tuple(inner for part in typing.get_args(wanted) for inner in _options(part))
    return (wanted,)


_LISTS = (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping)


def _is(value: Any, wanted: Any) -> bool:
    """Whether `value` of a config can be of the type `wanted`."""
    if isinstance(value, Mapping) and "_target_" in value:  # an object to be built
        return True
    return any(_is_one(value, option) for option in _options(wanted))


def _is_one(value: Any, wanted: Any) -> bool:
    origin, arguments = typing.get_origin(wanted) or wanted, typing.get_args(wanted)
    if wanted is Any or isinstance(wanted, typing.TypeVar):
        return True
    if wanted is type(None):
        return value is None
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in arguments)
    if wanted in (bool, int, float, str):
        kinds = {float: (int, float)}.get(wanted, (wanted,))
        return isinstance(value, kinds) and (wanted is bool or not isinstance(value, bool))
    if origin is tuple and arguments and Ellipsis not in arguments:
        parts = isinstance(value, list) and len(value) == len(arguments)
        return parts and all(map(_is, value, arguments))
    if origin in _LISTS:
        inner = arguments[0] if arguments else Any
        return isinstance(value, list) and all(_is(part, inner) for part in value)
    if origin in _MAPPINGS:
        values = arguments[1] if len(arguments) == 2 else Any
        return isinstance(value, Mapping) and all(_is(part, values) for part in value.values())
    if wanted is Path:
        return isinstance(value, str)
    return False  # a class, whose objects come with a _target_


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "text",
    type(None): "null",
}


def _words(wanted: Any) -> str:
    found: list[str] = []
    for option in _options(wanted):
        origin = typing.get_origin(option) or option
        if origin is Literal:
            found += [str(each) for each in typing.get_args(option)]
        elif origin in _LISTS:
            found.append("a list")
        elif origin in _MAPPINGS:
            found.append("a mapping")
        else:
            found.append(_WORDS.get(option, "an object with a _target_"))
    return _listed(dict.fromkeys(found))


def _listed(words: Iterable[Any]) -> str:
    *others, last = map(str, words)
    return f"{', '.join(others)} or {last}" if others else last


def _shown(value: Any) -> str:
    """`value` as it is written in an override."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _select(config: Any, name: str) -> Any:
    """The value of a dotted key, or None."""
    for key in name.split("."):
        config = config.get(key) if isinstance(config, Mapping) else None
    return config
