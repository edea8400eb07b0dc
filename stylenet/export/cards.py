"""The card beside an exported model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from stylenet.cards.card import card
from stylenet.cards.card_file import write_card
from stylenet.cards.facts import Facts, facts_of
from stylenet.models.checkpoint import TrainedModel

Tell = Callable[[Path, str, bytes], None]
"""Writes a card: to a path, about a file's name and the bytes of its ONNX graph."""


def teller(model: TrainedModel) -> Tell:
    """What writes the card of an export of `model`.

    It does not replace what a user wrote; see `write_card`.
    """
    facts = Facts() if model.folder is None else facts_of(model.folder)

    def tell(path: Path, file: str, content: bytes) -> None:
        exported = replace(facts, file=file, exported=metadata_of(content), preview=False)
        if write_card(path, card(model.config, exported)):
            print(f"{path}: its card")

    return tell


def metadata_of(content: bytes) -> dict[str, str]:
    """The metadata of an exported graph, without ``stylenet.`` before the names."""
    import onnx

    properties = onnx.load_from_string(content).metadata_props
    return {entry.key.removeprefix("stylenet."): entry.value for entry in properties}
