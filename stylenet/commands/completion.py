"""Tab completion in a shell: of commands, of their options, and of the choices of training."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from stylenet.commands.train import choices

SCRIPT = r"""
_stylenet() {
  local IFS=$'\n'
  COMPREPLY=($(stylenet --complete "${COMP_LINE:0:$COMP_POINT}"))
  if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _stylenet stylenet
"""
"""For bash; and for zsh, after ``autoload -U bashcompinit && bashcompinit``."""


def completions(line: str, commands: Iterable[str]) -> list[str]:
    """What may stand for the last word of a command line.

    The shell takes what follows a ``=`` for a word of its own, so only that part is returned.
    """
    _, *words = line.split(" ")
    *before, word = words or [""]
    if not before:
        found = [*commands, "--help", "--version"]
    elif before[0] == "train":
        found = _of_training(word)
    else:
        found = _options(before[0]) if before[0] in commands else []
    return [each[word.rfind("=") + 1 :] for each in found if each.startswith(word)]


def _of_training(word: str) -> list[str]:
    group, given, _ = word.partition("=")
    found = choices()
    if given:
        return [f"{group}={name}" for name in found.get(group, [])]
    return [*(f"{name}=" for name in found), "--help", "--cfg", "-m"]


def _options(command: str) -> list[str]:
    try:
        parser = import_module(f"stylenet.commands.{command}").parser()
    except ModuleNotFoundError:  # a command without options
        return []
    return [name for action in parser._actions for name in action.option_strings if len(name) > 2]
