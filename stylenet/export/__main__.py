"""Export a trained model as ONNX for other services, checked against the net it came from."""

from __future__ import annotations

import sys

from stylenet.system.errors import interrupted

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted

import argparse
from collections.abc import Sequence
from pathlib import Path

from stylenet.config.arguments import output_path
from stylenet.export.deploy import outputs, write_engine, write_onnx, write_repository
from stylenet.export.pair import write_pair
from stylenet.export.precision import Export, proven
from stylenet.export.several import write_several
from stylenet.models.checkpoint import in_mixture, load_model, one_way
from stylenet.nets.traits import traits
from stylenet.pictures.outputs import model_file, refuse_overwriting
from stylenet.runtime.mixture import weights_of
from stylenet.styles.picture import split_share
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.threads import share_cpus

TARGETS = {"onnx": write_onnx, "tensorrt": write_engine, "triton": write_repository}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; user errors end it in one line and exit code 2."""
    options = _parser().parse_args(argv)
    share_cpus()
    with exit_on_user_error():
        wanted = Export(
            io=options.io,
            precision=options.precision,
            for_tensorrt=options.platform == "tensorrt" or options.target == "tensorrt",
            photos=options.photos,
        )
        wanted.check()
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
        TARGETS[options.target](options.out, wanted, lambda: proven(model, wanted))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stylenet.export", description=__doc__)
    add = parser.add_argument
    add("model", type=Path, metavar="RUN_OR_FILE", help="a run, or its model.pt")
    help = (
        "the .onnx file to write (a model for any style gets a .style.onnx beside it), or a folder "
        "for --target tensorrt and triton"
    )
    add("-o", "--out", required=True, type=output_path, metavar="OUT", help=help)
    help = (
        "bytes: uint8 (N, H, W, 3); float: float32 (N, 3, H, W) in [0, 1]; tiles: for pictures "
        "larger than memory allows, which stylize runs tile by tile (default: bytes)"
    )
    add("--io", choices=("bytes", "float", "tiles"), default="bytes", help=help)
    help = "the graph's precision: fp16 for GPUs, int8 for CPUs and GPUs (default: fp32)"
    add("--precision", choices=("fp32", "fp16", "int8"), default="fp32", help=help)
    help = "the platform that decides the kind of eight bits and the graph's rules (default: cpu)"
    add("--for", dest="platform", choices=("cpu", "tensorrt"), default="cpu", help=help)
    help = "photos to calibrate int8 on (default: embedded ones)"
    add("--photos", metavar="FOLDER", help=help)
    help = (
        "the one style of a task=multistyle model to export; give it several times, as NAME:SHARE, "
        "for a fixed mixture (default: all styles, to be chosen at run time)"
    )
    add("--style", type=split_share, action="append", default=[], metavar="NAME", help=help)
    help = "of a run that learnt both: forth (A2B, photo to painting; default) or back (B2A)"
    add("--direction", choices=("forth", "back"), default="forth", help=help)
    help = (
        "tensorrt: a folder with the graph, a build script and, where TensorRT is installed, the "
        "engine; triton: a model repository of NVIDIA Triton (default: onnx, a file)"
    )
    add("--target", choices=tuple(TARGETS), default="onnx", help=help)
    return parser


if __name__ == "__main__":
    main()
