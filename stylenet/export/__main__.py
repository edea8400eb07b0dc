"""Export a trained model as ONNX for other services, checked against the net it came from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from stylenet.checkpoint import load_model
from stylenet.errors import UserError, exit_on_user_error
from stylenet.export.onnx import to_onnx
from stylenet.export.parity import TOLERANCE, compare
from stylenet.images import write_atomically


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; user errors end it in one line and exit code 2."""
    options = _parser().parse_args(argv)
    with exit_on_user_error():
        export(options.model, options.out, options.io)


def export(source: Path, out: Path, io: str) -> None:
    """Write the model of a run to `out`, unless it differs from the net.

    Raises:
        UserError: `source` is no model, `out` cannot be written, or the two differ.
    """
    if out.suffix != ".onnx":
        raise UserError(f"{out} is no .onnx file; give a name such as {out}.onnx")
    model = load_model(source)
    content = to_onnx(model, io)
    differences = compare(content, model)
    print("onnxruntime beside PyTorch:", *differences, sep="\n")
    if not all(difference.tolerated for difference in differences):
        raise UserError(
            f"the export differs from its net by more than {TOLERANCE} of 255; {out} was not "
            "written; upgrade torch, onnx and onnxruntime"
        )
    write_atomically(out, lambda file: file.write(content))
    print(f"{out}: {len(content) / 1e6:.1f} MB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stylenet.export", description=__doc__)
    add = parser.add_argument
    add("model", type=Path, metavar="RUN_OR_FILE", help="a run, or its model.pt")
    add("-o", "--out", required=True, type=Path, metavar="MODEL.onnx", help="the file to write")
    help = (
        "bytes: uint8 (N, H, W, 3); float: float32 (N, 3, H, W) in [0, 1]; tiles: for pictures "
        "larger than memory allows, which stylize runs tile by tile (default: bytes)"
    )
    add("--io", choices=("bytes", "float", "tiles"), default="bytes", help=help)
    return parser


if __name__ == "__main__":
    main()
