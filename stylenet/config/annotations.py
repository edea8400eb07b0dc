"""The parameters and types that a class or function declares, and which config values fit them."""

from __future__ import annotations

import collections.abc
import inspect
import pydoc
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union


def find(target: str) -> Callable[..., Any] | None:
    """The class or function of a ``_target_``; None if it is missing or its module fails."""
    try:
        found = pydoc.locate(target)
    except pydoc.ErrorDuringImport:
        return None
    return found if callable(found) else None


def takes(target: Callable[..., Any]) -> set[str] | None:
    """The names of the parameters of `target`; None if it takes any name."""
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):  # written in C, without a signature
        return None
    names = set(parameters)
    if inspect.Parameter.VAR_KEYWORD in {each.kind for each in parameters.values()}:
        made = class_of_options(target)
        others = None if made is None else takes(made)
        return None if others is None else names | others
    return names


def types_of(target: Callable[..., Any]) -> dict[str, Any]:
    """The types of the parameters of `target`, as far as they can be read."""
    function: Any = getattr(target, "__init__") if isinstance(target, type) else target  # noqa: B009
    try:
        found = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):  # names imported only for type checkers
        return {}
    made = class_of_options(target)
    return found if made is None else types_of(made) | found


def class_of_options(target: Callable[..., Any]) -> type | None:
    """The class to which a function of stylenet passes its ``**options``: its return type."""
    if isinstance(target, type) or not str(target.__module__).startswith("stylenet."):
        return None
    made = typing.get_type_hints(target).get("return")
    return made if isinstance(made, type) else None


def type_of(example: Any) -> Any:
    """The type of a shipped value, for keys without an annotation."""
    if isinstance(example, bool | int | float | str):
        return type(example)
    return collections.abc.Sequence if isinstance(example, list) else Any


def options(wanted: Any) -> tuple[Any, ...]:
    """The types of a union, or the type itself."""
    if typing.get_origin(wanted) in (Union, types.UnionType):
        return tuple(inner for part in typing.get_args(wanted) for inner in options(part))
    return (wanted,)


_LISTS = (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping)


def is_a(value: Any, wanted: Any) -> bool:
    """Whether the config's `value` fits the type `wanted`."""
    if isinstance(value, Mapping) and "_target_" in value:  # an object to be built
        return True
    return any(_is_one(value, option) for option in options(wanted))


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
        return parts and all(map(is_a, value, arguments))
    if origin in _LISTS:
        inner = arguments[0] if arguments else Any
        return isinstance(value, list) and all(is_a(part, inner) for part in value)
    if origin in _MAPPINGS:
        values = arguments[1] if len(arguments) == 2 else Any
        return isinstance(value, Mapping) and all(is_a(part, values) for part in value.values())
    if wanted is Path:
        return isinstance(value, str)
    return False  # a class; its objects need a _target_


def parts(value: Any, wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    """Key, value and wanted type of each part, if `value` and `wanted` are lists or mappings."""
    for option in options(wanted):
        origin, inner = typing.get_origin(option) or option, typing.get_args(option)
        if origin in _MAPPINGS and isinstance(value, Mapping) and len(inner) == 2:
            yield from ((str(key), part, inner[1]) for key, part in value.items())
        elif origin in _LISTS and origin is not tuple and isinstance(value, list) and inner:
            yield from ((str(number), part, inner[0]) for number, part in enumerate(value))


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "text",
    type(None): "null",
}


def in_words(wanted: Any) -> str:
    """A type in the words of a message, such as ``a whole number or null``."""
    found: list[str] = []
    for option in options(wanted):
        origin = typing.get_origin(option) or option
        if origin is Literal:
            found += [_as_yaml(each) for each in typing.get_args(option)]
        elif origin in _LISTS:
            found.append("a list")
        elif origin in _MAPPINGS:
            found.append("a mapping")
        else:
            found.append(_WORDS.get(option, "an object with a _target_"))
    return listed(dict.fromkeys(found))


def _as_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def listed(words: Iterable[Any]) -> str:
    """The words as ``a, b or c``."""
    *others, last = map(str, words)
    return f"{', '.join(others)} or {last}" if others else last
