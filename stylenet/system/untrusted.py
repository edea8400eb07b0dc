"""Making the content of untrusted files safe: names, lines, Markdown, plain values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from stylenet.system.errors import UserError

_MOST_PARTS = 100_000
_DEEPEST = 50
_LONGEST_NAME = 60  # letters of up to four bytes; a file's name may have 255 bytes
_LONGEST_LABEL = 300
_LARGEST_NUMBER = 2**63


def safe_name(text: object) -> str:
    """`text` as a name for folders, graphs and servers: only letters, digits, ``_`` and ``-``."""
    words = re.sub(r"[^\w-]+", "_", str(text)[:_LONGEST_LABEL])
    return words.strip("_-")[:_LONGEST_NAME] or "unnamed"


def label(text: object) -> str:
    """`text` for people: short, on one line, without control characters for a terminal."""
    words = " ".join(str(text)[:_LONGEST_LABEL].split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in words)


def code(text: object) -> str:
    """`label` as a code span of Markdown. Nothing within is markup, a link or HTML."""
    return f"`{label(text).replace('`', chr(39)) or 'unnamed'}`"


def fenced(text: str, language: str) -> str:
    """Lines as a block of code in Markdown, which nothing within can end."""
    shown = "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", shown)), 3)
    return f"{fence}{language}\n{shown}\n{fence}"


def bullets(heading: str, lines: Iterable[str]) -> str:
    """A section of Markdown with a list."""
    return f"## {heading}\n\n" + "\n".join(f"- {line}" for line in lines)


def mapping(value: object, *keys: str) -> dict[str, Any]:
    """The mapping below the nested `keys` of `value`; empty if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def check_plain(value: object) -> None:
    """Check that a file's content has only the containers, texts and numbers of a config.

    Raises:
        UserError: `value` holds something else, or too many parts to check.
    """
    for count, part in enumerate(parts(value)):
        number = type(part) is int and abs(part) < _LARGEST_NUMBER
        if not number and type(part) not in (dict, list, tuple, str, float, bool, type(None)):
            raise UserError(f"a config holds a {type(part).__name__}; train it again")
        if count > _MOST_PARTS:
            raise UserError("a config is too large; train it again")


def parts(value: object) -> Iterator[object]:
    """`value`, and all keys and values within its containers.

    Raises:
        UserError: the nesting is too deep, as in a container that holds itself.
    """
    left = [(value, 0)]
    while left:
        part, depth = left.pop()
        yield part
        if depth > _DEEPEST:
            raise UserError("a config is nested too deep; train it again")
        if isinstance(part, dict):
            inner: list[object] = [*part, *part.values()]
        else:
            inner = list(part) if isinstance(part, list | tuple | set) else []
        left += [(each, depth + 1) for each in inner]
