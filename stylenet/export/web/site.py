"""Writing a page that stylises pictures in the browser: the model, the page, the runtime."""

from __future__ import annotations

import os
from pathlib import Path

from stylenet.cards.card_file import CARD
from stylenet.export.cards import teller
from stylenet.export.deploy import check_folder, write
from stylenet.export.precision import Export, proven
from stylenet.export.several import proven_several
from stylenet.export.web.page import MARK, SOURCES, page_files
from stylenet.export.web.runtime import COPIED, read_runtime
from stylenet.models.checkpoint import TrainedModel
from stylenet.nets.traits import traits
from stylenet.pictures.images import write_atomically
from stylenet.runtime.model import open_model
from stylenet.system.errors import UserError
from stylenet.system.special_files import refuse_special


def write_site(out: Path, model: TrainedModel, wanted: Export, runtime: Path | None) -> None:
    """Write a folder with a page, once the model is proven; the page appears last.

    Args:
        out: the folder. A page from an earlier export is replaced.
        model: of one style, or of several, for photos.
        wanted: the export that the user asks for.
        runtime: a folder of npm's ``onnxruntime-web`` to copy from. None leaves its files to a CDN.

    Raises:
        UserError: the model is for any style or for clips, another form than float32 for bytes is
            wanted, the folder has another page, the runtime's files are not the right ones, or a
            file cannot be written.
    """
    told = traits(model.net)
    if told.takes_style or told.sees_clips:
        kind = "any style" if told.takes_style else "clips"
        raise UserError(
            f"a web page takes models of one style or of several, not for {kind}; use another"
            " --target"
        )
    if wanted != Export():
        raise UserError(
            "a web page takes fp32 for whole pictures in bytes; leave out --io, --precision, --for"
            " and --photos"
        )
    check_folder(out)
    _refuse_other_files(out)
    copied = {} if runtime is None else read_runtime(runtime)
    content = proven_several(model) if told.styles else proven(model, wanted)
    write(out / "model.onnx", content)
    for name, part in copied.items():
        write(out / COPIED / name, part)
    page = page_files(open_model(content, device="cpu"), copied=bool(copied))
    for name, text in page.items():
        _write_quietly(out / name, text)
    teller(model)(out / CARD, "model.onnx", content)
    print(f"{out / 'index.html'}: {len(page['index.html']) / 1e3:.1f} kB")


def _write_quietly(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))


def _refuse_other_files(out: Path) -> None:
    """Refuse a folder with files of these names that are not from here.

    Raises:
        UserError: there is one.
    """
    page = out / "index.html"
    ours = is_ours(page)
    for path in [page, out / "model.onnx", *(out / name for name in SOURCES)]:
        if os.path.lexists(path) and not ours:
            raise UserError(f"{path} is not of a page from here; choose a new folder")


def is_ours(page: Path) -> bool:
    """Whether a file is a page from here."""
    try:
        refuse_special(page)
        return MARK.encode() in page.read_bytes()
    except (OSError, UserError):  # missing, a folder, a pipe, no rights: not from here
        return False
