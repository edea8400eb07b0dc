"""Export a trained model as ONNX for other services, checked against the net it came from."""

from __future__ import annotations

import argparse
from pathlib import Path

from stylenet.config.arguments import output_path, split_share


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(prog="stylenet export", description=__doc__)
    add = made.add_argument
    add(
        "model",
        type=Path,
        metavar="RUN_OR_FILE",
        help="a run, the name of its folder, or its model.pt",
    )
    help = (
        "the .onnx file to write (a model for any style gets a .style.onnx beside it), or a folder "
        "for --target tensorrt, triton and web"
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
        "engine; triton: a model repository of NVIDIA Triton; web: a page that stylises in the "
        "browser (default: onnx, a file)"
    )
    add("--target", choices=("onnx", "tensorrt", "triton", "web"), default="onnx", help=help)
    help = (
        "npm's onnxruntime-web, such as node_modules/onnxruntime-web, to copy into a web page "
        "(default: the page loads it from a CDN)"
    )
    add("--runtime", type=Path, metavar="FOLDER", help=help)
    return made
