"""Export a trained model as ONNX for other services, checked against the net it came from."""

from __future__ import annotations

import sys

from stylenet.commands.export import parser
from stylenet.system.errors import interrupted

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    parser().parse_args()  # shows help, and mistakes, at once

from collections.abc import Sequence

from stylenet.export.cards import teller
from stylenet.export.deploy import outputs, write_engine, write_onnx, write_repository
from stylenet.export.pair import write_pair
from stylenet.export.precision import Export, proven
from stylenet.export.several import write_several
from stylenet.models.checkpoint import in_mixture, load_model, one_way
from stylenet.nets.traits import traits
from stylenet.pictures.outputs import model_file, refuse_overwriting
from stylenet.runs.found import found_model
from stylenet.runtime.mixture import weights_of
from stylenet.system.errors import UserError, exit_on_user_error
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
        options.model = found_model(options.model)
        refuse_overwriting(outputs(options.out, options.target), [model_file(options.model)])
        model = one_way(load_model(options.model), options.direction)
        told = traits(model.net)
        if told.styles:
            if not options.style:
                write_several(options.out, model, wanted, options.target)
                return
            model = in_mixture(model, weights_of(told.styles, options.style))
        elif options.style:
            raise UserError(f"{options.model} has not learnt several styles; leave out --style")
        if told.takes_style:
            write_pair(options.out, model, wanted, options.target)
            return
        TARGETS[options.target](options.out, wanted, lambda: proven(model, wanted), teller(model))


if __name__ == "__main__":
    main()
