"""The help of training: the settings that people change, and the choices of every group."""

from __future__ import annotations

from collections.abc import Sequence

from stylenet.config.folder import FOLDER

_HELP = """\
usage: stylenet train [KEY=VALUE ...]

Train a net on photos, in the style of a picture. Without settings: the style starry_night, the
embedded sample photos, five minutes on two cores. Results go to a new folder below runs/.

settings that people change:
  style=NAME                 one of the shipped styles (see stylenet styles)
  style=custom style.image=PICTURE
                             the style of your own picture
  data=folder data.path=FOLDER
                             your own photos
  loss.style_weight=13.5     how strong the style is; twice as much is plainly bolder
  strokes=medium             how large the strokes are: fine, medium or bold
  trainer.max_steps=N        how long; experiment=hour takes about an hour on two cores
  data.size=N                side of the crops of photos, in pixels
  task.optimizer.lr=X        the learning rate
  data.batch_size=N          photos in a step
  name=NAME                  where the results go: a new folder below runs/NAME/
  run=FOLDER                 the very folder where they go
  init=RUN                   begin with the weights of a run
  ckpt=last                  go on with the newest run of this style, or with that in run=FOLDER
  -m KEY=A,B KEY=C,D         train all combinations, a sweep

groups of settings, and their choices:
{groups}

  stylenet train --cfg job   prints every setting, with the choices made on the command line
  stylenet train --hydra-help tells Hydra's own options
"""

_SHOWING = frozenset(
    {"--cfg", "-c", "--info", "-i", "--hydra-help", "--version", "--shell-completion", "-sc"}
)
"""Hydra's options that show something instead of running a training."""


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for help."""
    return any(argument in ("-h", "--help") for argument in arguments)


def only_shows(arguments: Sequence[str]) -> bool:
    """Whether a command line asks Hydra to show something, such as the config."""
    return any(argument.split("=")[0] in _SHOWING for argument in arguments)


def choices() -> dict[str, list[str]]:
    """The groups of settings, such as ``net``, and the choices of each."""
    groups: dict[str, list[str]] = {}
    for file in sorted(FOLDER.glob("*/**/*.yaml")):
        groups.setdefault(file.parent.relative_to(FOLDER).as_posix(), []).append(file.stem)
    return groups


def help_text() -> str:
    """The help of ``stylenet train``."""
    groups = choices()
    width = max(map(len, groups))
    rows = [f"  {group:{width}}  {', '.join(names)}" for group, names in groups.items()]
    return _HELP.format(groups="\n".join(rows))
