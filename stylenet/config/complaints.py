"""Hydra's errors on a command line, rewritten to one line that names the mend."""

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

from stylenet.config.annotations import class_of_options, find, takes
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
"""Hydra's message for ``style=null``. It is a plain ValueError."""

_MISSING_FILE = re.compile(r"Could not (?:load|find) '(.+?)'")

_UNHELPFUL = (
    *("full_key", "Config search path", "To append to your", "See https://hydra.cc"),
    ", set env var HYDRA_FULL_ERROR",
)
"""Phrases of Hydra's that end the helpful part of a message. The rest repeats it, or advises to add
an unknown key."""

_MOST_LISTED = 12
"""The most keys that a message lists if none is near."""


@contextmanager
def composing(overrides: Sequence[str], job: Callable[..., Any] | None = None) -> Iterator[None]:
    """Turn an error of Hydra or OmegaConf on `overrides` into a `UserError`.

    Args:
        overrides: from the command line.
        job: the function that Hydra runs with the config. Errors inside it are left as they are.
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
        raise _of_a_resolver(error) or UserError(_message(error, overrides)) from error


def _of_a_resolver(error: BaseException) -> UserError | None:
    """The error of a resolver of stylenet, which OmegaConf wraps once or several times."""
    wrapped: BaseException | None = error
    while wrapped is not None:
        if found := find_user_error(wrapped):
            return found
        wrapped = wrapped.__context__
    return None


def _refuse_odd_choices(overrides: Sequence[str]) -> None:
    """Refuse a list of choices that holds anything but names, because Hydra fails on it."""
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
    """Refuse ``--style NAME`` with the right spelling. Hydra would print its whole usage.

    Args:
        arguments: from the command line.

    Raises:
        UserError: an argument is a setting with dashes.
    """
    for argument in arguments:
        name = re.match(r"--([\w./]+)", argument)
        if name and (name[1].split(".")[0] in KEYS - {"run"} or name[1] in USUAL_NAMES):
            key = USUAL_NAMES.get(name[1], name[1])
            value = argument.partition("=")[2] or "VALUE"
            raise UserError(f"{argument}: settings have no dashes here; write {key}={value}")


def _message(error: Exception, overrides: Sequence[str]) -> str:
    """The message for `error` on `overrides`, with the mend."""
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    if isinstance(error, MissingConfigException):
        lost = error.missing_cfg_file or _MISSING_FILE.search(str(error))
        return _no_choice(lost if isinstance(lost, str) else lost[1]) if lost else one_line(error)
    if isinstance(error, OmegaConfBaseException):
        return _unresolved(error, overrides)
    return _inapplicable(error, overrides)


def _unresolved(error: Exception, overrides: Sequence[str]) -> str:
    """The message for a value that cannot be resolved."""
    text = one_line(error)
    named = re.search(r"dereferencing interpolation '\$\{([\w.]+)\}'", text)
    for override in reversed(overrides):  # the last of several for a key counts
        if "${" in override:
            return (
                f"{_on_one_line(override)}: {text}; ${{…}} looks up a value, so no name may hold it"
            )
        if named and _parsed_key(override) == named[1]:
            hint = f"; as a name it is written {quoted_for_shell(override)}"
            given = override.partition("=")[2]
            return f"{_on_one_line(override)} should be text{hint if given != 'null' else ''}"
    return f"config: {text}"


def _unreadable(override: str) -> str:
    key, equals, _ = override.partition("=")
    shown = _on_one_line(override)
    if not equals:
        return (
            f"{shown} sets nothing; write KEY=VALUE, such as style=udnie or task.optimizer.lr=1e-3"
        )
    if not key or parsed(f"{key}=1") is None:
        named = _on_one_line(key) or "nothing"
        return f"{shown}: {named} is no key; write KEY=VALUE, such as style=udnie"
    return (
        f"{shown} cannot be read, as {key} has characters that need quotes;"
        f" write {_on_one_line(quoted_for_shell(override))}"
    )


def _no_choice(file: str) -> str:
    """The message for a choice that is missing in its config group."""
    group, _, choice = file.rpartition("/")
    with initialised():
        options = choices(group)
    near = did_you_mean(f"{group}={name}" for name in near_words(choice, options))
    there = f"There are {', '.join(options)}" if options else "There is no such group"
    return f"{group}={choice}: there is no such {group}{near or '.'} {there}"


def _inapplicable(error: Exception, overrides: Sequence[str]) -> str:
    """The message for an override that Hydra can read but not apply."""
    text = one_line(error)
    several = re.match(r"Ambiguous value for argument '(.*)' 1\.", text)
    if several:
        override = next((o for o in overrides if _on_one_line(o) == several[1]), several[1])
        listed = shlex.quote("{}=[{}]".format(*override.partition("=")[::2]))
        return (
            f"{several[1]}: several values are a sweep, which takes -m; a value with a comma is"
            f" written {_on_one_line(quoted_for_shell(override))}, a list {listed}"
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
    """The message for an unknown `key`, with the nearest known keys."""
    value = "" if override is None or "=" not in override else override.partition("=")[2]
    ending = f"={value}" if value else ""
    shown = _on_one_line(override or key)
    taker = _class_that_takes(key, overrides)
    if taker:
        return f"{shown}: the config has no {key} yet, which {taker} takes; a plus sign adds it"
    known = _known_keys(overrides)
    near = [f"{name}{ending}" for name in near_keys(key, known)]
    if near:
        return f"{shown}: there is no {key}{_on_one_line(did_you_mean(near))}"
    inside = [name for name in known if name.startswith(f"{key.rpartition('.')[0]}.")]
    listed = [name for name in inside if name.count(".") == key.count(".")] or [
        name for name in known if "." not in name
    ]
    return f"{shown}: there is no {key}; there are {', '.join(listed[:_MOST_LISTED])}"


def _class_that_takes(key: str, overrides: Sequence[str]) -> str | None:
    """The name of the class that takes `key`, if the config names one."""
    parent, _, leaf = key.rpartition(".")
    with initialised():
        target = OmegaConf.select(OmegaConf.create(reference(overrides)), f"{parent}._target_")
    found = find(str(target)) if target else None
    if found is None or leaf not in (takes(found) or ()):
        return None
    made = class_of_options(found)
    if made is not None and leaf in (takes(made) or ()):
        return made.__name__
    return found.__name__


def _parsed_key(override: str) -> str | None:
    """The key or group of ``KEY=VALUE``, without leading signs; None if it cannot be read."""
    read = parsed(override)
    return None if read is None else str(read.key_or_group)


def _known_keys(overrides: Sequence[str]) -> list[str]:
    """Every key of the training config with the choices of `overrides`."""
    with initialised():
        return dotted(reference(overrides, resolved=False))


def one_line(error: Exception) -> str:
    """The message of `error`, without repetitions and without advice to add an unknown key."""
    text = str(error)
    for end in _UNHELPFUL:
        text = text.split(end)[0]
    return _on_one_line(text)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
