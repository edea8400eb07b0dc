"""Where an export goes: a file, a folder for TensorRT, a repository of Triton's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stylenet.cards.card_file import CARD, SUFFIX
from stylenet.export import tensorrt
from stylenet.export.cards import Tell, metadata_of
from stylenet.export.precision import Export
from stylenet.export.triton import Served
from stylenet.pictures.images import write_atomically
from stylenet.runs.folder import MODEL_FILE, has
from stylenet.runtime.pair import STYLE_SUFFIX
from stylenet.system.errors import UserError
from stylenet.system.untrusted import safe_name

Make = Callable[[], bytes]
"""Exports and proves the model. It is called after the place for the model is checked."""


def outputs(out: Path, target: str) -> list[Path]:
    """Files that an export may write or replace."""
    if target == "onnx":
        if out.suffix != ".onnx":  # refused later, in words of its own
            return [out]
        return [out, out.with_suffix(STYLE_SUFFIX), out.with_suffix(SUFFIX)]
    names = ("model.onnx", "model.plan", "build.sh", "timing.cache", "config.pbtxt", CARD)
    places = [f"{depth}{name}" for depth in ("", "*/", "*/1/") for name in names]
    return [path for place in places for path in out.glob(place)]


def write_onnx(out: Path, wanted: Export, make: Make, tell: Tell) -> None:
    """Write an ``.onnx`` file, and its card beside it.

    Raises:
        UserError: another suffix, a place that cannot be written, or a graph against TensorRT's
            rules.
    """
    check_file(out)
    content = make()
    if wanted.for_tensorrt:
        _check(content)
    write(out, content)
    tell(out.with_suffix(SUFFIX), out.name, content)


def check_file(out: Path) -> None:
    """Refuse a name that does not end in ``.onnx``.

    Raises:
        UserError: another suffix.
    """
    if out.suffix != ".onnx":
        raise UserError(f"{out} is no .onnx file; give a name such as {out}.onnx")


def write_engine(out: Path, wanted: Export, make: Make, tell: Tell) -> None:
    """Write a folder with the graph, its card, a script that builds the engine, and the engine.

    Raises:
        UserError: the graph is against TensorRT's rules. Or TensorRT is not installed; all but the
            engine is written all the same.
    """
    check_folder(out)
    content = make()
    _check(content)
    profile = tensorrt.Profile()
    write(out / "model.onnx", content)
    write(out / "build.sh", tensorrt.build_script(profile, wanted.io).encode())
    (out / "build.sh").chmod(0o755)
    tell(out / CARD, "model.onnx", content)
    plan = tensorrt.build(content, wanted.io, profile, out / "timing.cache")
    write(out / "model.plan", plan)
    least, best, _ = profile.shapes(wanted.io)
    for shape in (least, best):
        print(f"{shape}: {tensorrt.latency(plan, shape, wanted.io)}")


def write_repository(out: Path, wanted: Export, make: Make, tell: Tell) -> None:
    """Write a folder for ``tritonserver --model-repository``; for TensorRT, with a build script.

    The card lies in the model's folder, as a repository may hold several models.

    Raises:
        UserError: a model for tiles or for clips, or a graph against TensorRT's rules.
    """
    check_folder(out)
    if wanted.io == "tiles":
        raise UserError("Triton serves whole pictures; use --io bytes or float")
    content = make()
    facts = metadata_of(content)
    if facts["io"] != wanted.io:
        raise UserError(f"Triton gets per-frame nets; export a {facts['io']} net as a file")
    name = f"stylenet_{safe_name(facts['style'])}"
    served = Served(name, wanted.io, engine=wanted.for_tensorrt)
    folder = out / served.name
    if wanted.for_tensorrt:
        _check(content)
        script = tensorrt.build_script(tensorrt.Profile(), wanted.io)
        write(folder / "1" / "build.sh", script.encode())
        (folder / "1" / "build.sh").chmod(0o755)
    write(folder / "1" / "model.onnx", content)
    write(folder / "config.pbtxt", served.config().encode())
    tell(folder / CARD, "1/model.onnx", content)
    if wanted.for_tensorrt:
        print(f"run {folder}/1/build.sh on the server's kind of GPU to make {served.file}")


def _check(content: bytes) -> None:
    import onnx

    from stylenet.export.conformance import violations

    found = violations(onnx.load_from_string(content))
    if found:
        raise UserError(f"TensorRT would not take the graph: {'; '.join(found)}")
    print("TensorRT: the graph conforms")


def check_folder(out: Path) -> None:
    """Refuse a file, a name of a file, and a run, where a folder is to be written.

    Raises:
        UserError: it is one.
    """
    if out.suffix in (".onnx", ".plan") or out.is_file():
        raise UserError(f"{out} is a file; this target writes a folder; give a folder's name")
    if has(out, MODEL_FILE):
        raise UserError(f"{out} is a run, whose card would be replaced; choose another folder")


def write(path: Path, content: bytes) -> None:
    """Write a file, and say so.

    Raises:
        UserError: it cannot be written.
    """
    write_atomically(path, lambda file: file.write(content))
    print(f"{path}: {len(content) / 1e6:.2f} MB")
