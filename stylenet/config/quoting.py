"""Quoting for Hydra's grammar of values: which texts need quotes, and how to quote them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

_INTERPOLATION = re.compile(r"(\\*)\$\{")


def parsed(override: str) -> Override | None:
    """The parsed override of ``KEY=VALUE``, or None if Hydra cannot read it."""
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None


def assignment(key: str, text: str) -> str:
    """The override that sets `key` to exactly `text`, quoted only if Hydra needs quotes.

    A shell needs further quotes, which `shlex.join` adds.
    """
    plain = f"{key}={text}"
    return plain if _value(plain) == text else f"{key}={_quoted(text)}"


def quoted_for_shell(override: str) -> str:
    """Quote an `override` that Hydra misunderstands, as a user must type it in a shell.

    In a list, ``[…]``, only the entries that need quotes get them. ``~/`` becomes the home
    folder, because a shell does not expand it behind ``=``.
    """
    key, _, text = override.partition("=")
    if text.startswith("[") and text.endswith("]"):
        entries = [_home(entry.strip()) for entry in text[1:-1].split(",")]
        listed = f"{key}=[{','.join(map(_entry, entries))}]"
        if isinstance(_value(listed), list) and listed != override:
            return shlex.quote(listed)
    return shlex.quote(assignment(key, _home(text)))


def _quoted(text: str) -> str:
    escaped = _INTERPOLATION.sub(lambda found: found[1] * 2 + r"\${", text)
    quoted: str = QuotedString(escaped, Quote.double).with_quotes()
    return quoted


def _entry(text: str) -> str:
    return text if _value(f"key=[{text}]") == [text] else _quoted(text)


def _home(text: str) -> str:
    return str(Path(text).expanduser()) if text.startswith("~/") else text


def _value(override: str) -> Any:
    """The value that `override` sets. If it is a sweep or cannot be resolved: the `Override`."""
    read = parsed(override)
    if read is None or read.is_sweep_override():
        return read
    try:
        cfg = OmegaConf.create({"key": read.value()})
        content = OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException:
        return read
    assert isinstance(cfg, DictConfig)
    assert isinstance(content, dict)
    return content["key"]
