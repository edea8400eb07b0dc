"""The command ``stylenet``: it runs the module of the command that is asked for."""

from __future__ import annotations

import difflib
import runpy
import sys

from stylenet.commands import completion
from stylenet.system.version import __version__

COMMANDS = {
    "train": "train a net in the style of a picture",
    "stylize": "stylise photos, folders, clips or a webcam with a trained model",
    "optimize": "stylise one photo without a net, by pixel optimisation",
    "export": "export a trained model: ONNX, a web page, TensorRT, Triton",
    "serve": "serve trained models over HTTP",
    "evaluate": "judge models: look, steadiness, speed",
    "report": "show what a sweep found, as a page",
    "prepare": "decode training photos ahead of time",
    "info": "tell what a model is",
    "push": "put a finished run on the Hugging Face hub",
    "styles": "list the shipped styles",
}

_USAGE = """\
usage: stylenet COMMAND [OPTIONS]

{commands}

stylenet COMMAND --help tells the options. stylenet --version tells the version.
eval "$(stylenet --completion)" in ~/.bashrc completes commands and settings by Tab.
For a start: stylenet stylize PHOTO --style great_wave -o OUT.png
Then a net of your own: stylenet train style=starry_night"""


def main() -> None:
    """Run the command line, as ``python -m stylenet.COMMAND`` would."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help", "help"):
        print(usage())
    elif name in ("-V", "--version"):
        print(f"stylenet {__version__}")
    elif name == "--completion":
        print(completion.SCRIPT.strip())
    elif name == "--complete":
        print("\n".join(completion.completions(" ".join(rest), COMMANDS)))
    elif name in COMMANDS:
        sys.argv = [f"stylenet {name}", *rest]
        runpy.run_module(f"stylenet.{name}", run_name="__main__", alter_sys=True)
    else:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        mend = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
        print(f"error: stylenet has no command {name}; {mend}", file=sys.stderr)
        sys.exit(2)


def usage() -> str:
    """The commands and what they do."""
    width = max(map(len, COMMANDS))
    return _USAGE.format(
        commands="\n".join(f"  {name:{width}}  {does}" for name, does in COMMANDS.items())
    )


if __name__ == "__main__":
    main()
