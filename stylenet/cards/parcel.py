"""What of a finished run goes to a hub: no picture without a known licence, no path of the user."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from stylenet.cards.card import card
from stylenet.cards.card_file import CARD, is_untouched, sealed
from stylenet.cards.facts import PREVIEW, facts_of
from stylenet.models.checkpoint import load_model, model_bytes
from stylenet.models.credits import notes, of_picture, of_preview
from stylenet.models.learnt import copies
from stylenet.runs.folder import MODEL_FILE, has
from stylenet.runs.placeless import without_folders
from stylenet.runs.saved_config import CONFIG, read_config
from stylenet.runs.sweeps import RESULT
from stylenet.system.errors import UserError, reason
from stylenet.system.untrusted import mapping


@dataclass(frozen=True)
class Parcel:
    """Files by name, and lines that say what stays behind or is not as stylenet wrote it."""

    files: dict[str, bytes]
    remarks: list[str]


def packed(run: Path, repo: str, *, with_pictures: bool) -> Parcel:
    """The files of a run for the repository `repo`.

    Of paths in the config, in ``model.pt`` and in the card, only the last part is left.

    Args:
        with_pictures: take pictures, too, whose licences are not known to allow it.

    Raises:
        UserError: the model or another file cannot be read.
    """
    model = load_model(run / MODEL_FILE)
    pictures, remarks = _pictures(run, model.config, with_pictures)
    config = without_folders(model.config)
    facts = replace(facts_of(run), preview=PREVIEW in pictures, repo=repo)
    files = {CARD: sealed(card(model.config, facts)), MODEL_FILE: model_bytes(model.net, config)}
    if has(run, CARD) and not is_untouched(run / CARD):
        files[CARD] = _content(run / CARD)
        remarks.append(f"{CARD} is yours; it is uploaded as it is")
    settings = without_folders(read_config(run) or config)
    files[CONFIG] = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).encode()
    if facts.result:
        files[RESULT] = yaml.safe_dump(dict(facts.result), sort_keys=False).encode()
    return Parcel(files | pictures, remarks)


def _pictures(
    run: Path, config: dict[str, Any], with_unknown: bool
) -> tuple[dict[str, bytes], list[str]]:
    """The pictures of a run that may be passed on, and why others stay behind."""
    files, remarks = {}, []
    for name, data, unknown in _found(run, config):
        if unknown and not with_unknown:
            what = f"the licence of {unknown} is not known to allow it"
            remarks.append(f"{name} stays here: {what}; --pictures uploads it")
        else:
            files[name] = data
    return files, remarks


def _found(run: Path, config: dict[str, Any]) -> Iterator[tuple[str, bytes, str]]:
    """Name and content of each picture of a run, and what in it has no licence to pass it on."""
    if has(run, PREVIEW):
        credits = of_preview(config)
        unknown = next((credit.name for credit in credits if not credit.shareable), "")
        yield PREVIEW, _content(run / PREVIEW), unknown
    preview = mapping(config, "style_picture").get("preview")
    known = {mapping(note).get("sha256"): of_picture(note) for note in [*notes(config), preview]}
    for copy, data in copies(run).items():
        credit = known.get(hashlib.sha256(data).hexdigest())
        if credit is not None:  # a picture that the run has not learnt stays here in silence
            yield copy.name, data, "" if credit.shareable else credit.name


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {file} ({reason(error)}); check its rights") from None
