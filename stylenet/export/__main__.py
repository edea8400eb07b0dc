"""Export a trained model as ONNX for other services, checked against the net it came from."""

from __future__ import annotations

import sys

from stylenet.commands.export import parser
from stylenet.system.errors import interrupted
from stylenet.system.loading import say_loading

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    parser().parse_args()  # shows help, and mistakes, at once
    say_loading()

import argparse
import shlex
from collections.abc import Sequence

from stylenet.export.cards import teller
from stylenet.export.deploy import outputs, write_engine, write_onnx, write_repository
from stylenet.export.pair import write_pair
from stylenet.export.precision import Export, proven
from stylenet.export.several import write_several
from stylenet.export.web.site import write_site
from stylenet.models.checkpoint import TrainedModel, in_mixture, load_model, one_way
from stylenet.nets.traits import Traits, traits
from stylenet.pictures.outputs import model_file, refuse_overwriting
from stylenet.runs.found import found_model
from stylenet.runtime.mixture import weights_of
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.program import program, say_next
from stylenet.system.threads import share_cpus

TARGETS = {"onnx": write_onnx, "tensorrt": write_engine, "triton": write_repository}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; user errors end it in one line and exit code 2."""
    options = parser().parse_args(argv)
    share_cpus()
    with exit_on_user_error():
        wanted = Export(
            io=options.io,
            precision=options.precision,
            for_tensorrt=options.platform == "tensorrt" or options.target == "tensorrt",
            photos=options.photos,
        )
        wanted.check()
        if options.runtime is not None and options.target != "web":
            raise UserError("--runtime is for a web page; add --target web, or leave it out")
        options.model = found_model(options.model)
        refuse_overwriting(outputs(options.out, options.target), [model_file(options.model)])
        model = one_way(load_model(options.model), options.direction)
        if options.style:
            model = _mixed(model, options)
        told = traits(model.net)
        if options.target == "web":
            write_site(options.out, model, wanted, options.runtime)
        elif told.styles:
            write_several(options.out, model, wanted, options.target)
        elif told.takes_style:
            write_pair(options.out, model, wanted, options.target)
        else:
            TARGETS[options.target](
                options.out, wanted, lambda: proven(model, wanted), teller(model)
            )
        _say_what_next(options, told)


def _mixed(model: TrainedModel, options: argparse.Namespace) -> TrainedModel:
    """The plain model of the mixture that the user asks for."""
    styles = traits(model.net).styles
    if not styles:
        raise UserError(f"{options.model} has not learnt several styles; leave out --style")
    return in_mixture(model, weights_of(styles, options.style))


def _say_what_next(options: argparse.Namespace, told: Traits) -> None:
    """Tell the command that uses the export."""
    out = shlex.quote(str(options.out))
    style = " --style PICTURE" if told.takes_style else " --style NAME" if told.styles else ""
    ways = {
        "onnx": f"{program()} stylize PHOTO_OR_FOLDER --model {out}{style} -o stylized/",
        "triton": f"tritonserver --model-repository={out}",
        "web": f"python -m http.server -d {out}  # then open http://localhost:8000",
    }
    if options.target in ways:
        say_next(ways[options.target])


if __name__ == "__main__":
    main()
