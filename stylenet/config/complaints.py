"""What Hydra says of a command line that it cannot take, in one line with the mend."""

from __future__ import annotations

import re
import shlex
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stylenet.config.annotations import find, takes
from stylenet.config.quoting import parsed, quoted_for_shell
from stylenet.config.shipped import KEYS, choices, initialised, reference
from stylenet.config.spelling import (
    USUAL_NAMES,
    did_you_mean,
    dotted,
    near_keys,
    near_words,
)
from stylenet.system.errors import UserError, find_user_error

_COMPOSING = (HydraException, OmegaConfBaseException)

_NO_CHOICE = "Config group override must be a string or a list"
"""Hydra's words, in a plain ValueError, for ``style=null``."""

_LOST = re.compile(r"Could not (?:load|find) '(.+?)'")

_ENDS = (
    *("full_key", "Config search path", "To append to your", "See https://hydra.cc"),
    ", set env var HYDRA_FULL_ERROR",
)
"""Where what helps ends, in Hydra's words: it repeats, and advises to add what is unknown."""

_SHOWN = 12
"""Keys that are listed where none is near."""


@contextmanager
def composing(overrides: Sequence[str], job: Callable[..., Any] | None = None) -> Iterator[None]:
    """Turn what Hydra or OmegaConf say of `overrides` into a `UserError`.

    Args:
        overrides: of the command line.
        job: what Hydra runs with the config; errors from within it are left as they are.
    """
    _refuse_odd_choices(overrides)
    try:
        yield
    except (*_COMPOSING, ValueError) as error:
        if not isinstance(error, _COMPOSING) and _NO_CHOICE not in str(error):
            raise
        frames = traceback.walk_tb(error.__traceback__)
        if job is not None and any(frame.f_code is job.__code__ for frame, _ in frames):
            raise
        # Raised by a resolver of ours, and wrapped.
        user_error = find_user_error(error) or find_user_error(error.__context__)
        raise user_error or UserError(_said(error, overrides)) from error


def _refuse_odd_choices(overrides: Sequence[str]) -> None:
    """Name a list of choices that holds other things than names, over which Hydra stumbles."""
    for override in overrides:
        read = parsed(override)
        if read is None or read.is_delete() or read.is_sweep_override():
            continue
        named = read.value()
        if not isinstance(named, list) or (named and all(isinstance(n, str) for n in named)):
            continue
        with initialised():
            if choices(str(read.key_or_group)):
                group = read.key_or_group
                raise UserError(f"{override}: {group} takes the name of a choice; see --help")


def refuse_dashes(arguments: Sequence[str]) -> None:
    """Name the mend of ``--style NAME``, of which Hydra would say how it is used, at length.

    Args:
        arguments: of the command line.

    Raises:
        UserError: one of them is a setting behind dashes.
    """
    for argument in arguments:
        name = re.match(r"--([\w./]+)", argument)
        if name and (name[1].split(".")[0] in KEYS - {"run"} or name[1] in USUAL_NAMES):
            key = USUAL_NAMES.get(name[1], name[1])
            value = argument.partition("=")[2] or "VALUE"
            raise UserError(f"{argument}: settings have no dashes here; write {key}={value}")


def _said(error: Exception, overrides: Sequence[str]) -> str:
    """What `error` says of `overrides`, with the mend."""
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    if isinstance(error, MissingConfigException):
        lost = error.missing_cfg_file or _LOST.search(str(error))
        return _no_choice(lost if isinstance(lost, str) else lost[1]) if lost else one_line(error)
    if isinstance(error, OmegaConfBaseException):
        return _unresolved(error, overrides)
    return _misplaced(error, overrides)


def _unresolved(error: Exception, overrides: Sequence[str]) -> str:
    """A value that another is made of, and cannot be."""
    text = one_line(error)
    named = re.search(r"dereferencing interpolation '\$\{([\w.]+)\}'", text)
    for override in reversed(overrides):  # the last of several for a key counts
        if "${" in override:
            return f"{_flat(override)}: {text}; ${{…}} looks a value up, so no name may have it"
        if named and _parsed_key(override) == named[1]:
            hint = f"; as a name it is written {quoted_for_shell(override)}"
            given = override.partition("=")[2]
            return f"{_flat(override)} should be text{hint if given != 'null' else ''}"
    return f"config: {text}"


def _unreadable(override: str) -> str:
    key, equals, _ = override.partition("=")
    shown = _flat(override)
    if not equals:
        return (
            f"{shown} sets nothing; write KEY=VALUE, such as style=udnie or task.optimizer.lr=1e-3"
        )
    if not key or parsed(f"{key}=1") is None:
        return f"{shown}: {_flat(key) or 'nothing'} is no key; write KEY=VALUE, such as style=udnie"
    return (
        f"{shown} cannot be read, as {key} has characters that need quotes;"
        f" write {_flat(quoted_for_shell(override))}"
    )


def _no_choice(file: str) -> str:
    """That there is no such file in a config group."""
    group, _, choice = file.rpartition("/")
    with initialised():
        options = choices(group)
    near = did_you_mean(f"{group}={name}" for name in near_words(choice, options))
    there = f"There are {', '.join(options)}" if options else "There is no such group"
    return f"{group}={choice}: there is no such {group}{near or '.'} {there}"


def _misplaced(error: Exception, overrides: Sequence[str]) -> str:
    """An override that cannot be where it is."""
    text = one_line(error)
    several = re.match(r"Ambiguous value for argument '(.*)' 1\.", text)
    if several:
        override = next((o for o in overrides if _flat(o) == several[1]), several[1])
        listed = shlex.quote("{}=[{}]".format(*override.partition("=")[::2]))
        return (
            f"{several[1]}: several values are a sweep, which takes -m; a value with a comma is"
            f" written {_flat(quoted_for_shell(override))}, a list {listed}"
        )
    if _NO_CHOICE in text:
        return _no_group(overrides) or f"config: {text}"
    unknown = re.search(r"Could not (?:override|delete from config\.) '(.*?)'", text)
    if unknown:
        key = unknown[1]
        given = next((o for o in overrides if _parsed_key(o) == key), None)
        return _unknown(key, given, overrides)
    there = re.match(r"Could not append to config\. An item is already at '(.*?)'", text)
    if there:
        return f"+{there[1]}: {there[1]} is there already; leave out the +"
    return f"config: {text}"


def _no_group(overrides: Sequence[str]) -> str | None:
    for override in overrides:
        read = parsed(override)
        if read is None or read.is_delete() or read.is_sweep_override():
            continue
        if not read.key_or_group:
            return _unreadable(override)
        if not isinstance(read.value(), str | list):
            with initialised():
                options = choices(str(read.key_or_group))
            if options:
                choose = f"choose one of {', '.join(options)}"
                return f"{read.input_line} is no choice; leave it out, or {choose}"
    return None


def _unknown(key: str, override: str | None, overrides: Sequence[str]) -> str:
    """That there is no `key`, and which there is."""
    value = "" if override is None or "=" not in override else override.partition("=")[2]
    ending = f"={value}" if value else ""
    shown = _flat(override or key)
    taker = _takes(key, overrides)
    if taker:
        return f"{shown}: the config has no {key} yet, which {taker} takes; a plus sign adds it"
    known = _known(overrides)
    near = [f"{name}{ending}" for name in near_keys(key, known)]
    if near:
        return f"{shown}: there is no {key}{_flat(did_you_mean(near))}"
    inside = [name for name in known if name.startswith(f"{key.rpartition('.')[0]}.")]
    listed = [name for name in inside if name.count(".") == key.count(".")] or [
        name for name in known if "." not in name
    ]
    return f"{shown}: there is no {key}; there are {', '.join(listed[:_SHOWN])}"


def _takes(key: str, overrides: Sequence[str]) -> str | None:
    """The name of the class that takes the value of `key`, which the config does not have."""
    parent, _, leaf = key.rpartition(".")
    with initialised():
        target = OmegaConf.select(OmegaConf.create(reference(overrides)), f"{parent}._target_")
    found = find(str(target)) if target else None
    return found.__name__ if found is not None and leaf in (takes(found) or ()) else None


def _parsed_key(override: str) -> str | None:
    """The key or group of ``KEY=VALUE``, without signs before it; None where it cannot be read."""
    read = parsed(override)
    return None if read is None else str(read.key_or_group)


def _known(overrides: Sequence[str]) -> list[str]:
    """Every key that training has with the choices of `overrides`."""
    with initialised():
        return dotted(reference(overrides, resolved=False))


def one_line(error: Exception) -> str:
    """What `error` says, without repetitions, and without advice to add what is unknown."""
    text = str(error)
    for end in _ENDS:
        text = text.split(end)[0]
    return _flat(text)


def _flat(text: str) -> str:
    return " ".join(text.split())
