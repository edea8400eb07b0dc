"""Checkpoints know their own sum: what is damaged is not opened, what is whole is as it was."""

import io
import zipfile

import pytest
import torch

from stylenet.callbacks.seal import DamagedError, from_bytes, to_bytes


@pytest.fixture
def checkpoint() -> dict[str, object]:
    return {"step": 3, "state_dict": {"weight": torch.arange(600.0)}, "states": [{"m": [1.5]}]}


def is_the_same(found: object, checkpoint: dict[str, object]) -> bool:
    assert isinstance(found, dict)
    weight = found.pop("state_dict")["weight"]
    return torch.equal(weight, torch.arange(600.0)) and found == {
        name: value for name, value in checkpoint.items() if name != "state_dict"
    }


def test_a_sealed_checkpoint_is_a_zip_that_torch_reads(checkpoint: dict[str, object]):
    data = to_bytes(checkpoint)
    assert is_the_same(from_bytes(data, "cpu"), checkpoint)
    assert is_the_same(torch.load(io.BytesIO(data), weights_only=True), checkpoint)
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        assert parts.testzip() is None
        assert parts.comment.startswith(b"sha256 ")


def test_a_checkpoint_of_an_earlier_version_is_read(checkpoint: dict[str, object]):
    file = io.BytesIO()
    torch.save(checkpoint, file)
    assert is_the_same(from_bytes(file.getvalue(), "cpu"), checkpoint)


@pytest.mark.parametrize("sealed", [True, False])
def test_no_damage_goes_unnoticed(checkpoint: dict[str, object], sealed: bool):
    """Of any byte: refused, or without effect (what a zip pads with, where there is no sum)."""
    file = io.BytesIO()
    torch.save(checkpoint, file)
    data = to_bytes(checkpoint) if sealed else file.getvalue()
    for place in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        try:
            found = from_bytes(bytes(damaged), "cpu")
        except DamagedError:
            continue
        assert is_the_same(found, checkpoint)


def test_a_part_of_a_checkpoint_is_none(checkpoint: dict[str, object]):
    data = to_bytes(checkpoint)
    for length in range(0, len(data), 97):
        with pytest.raises(DamagedError):
            from_bytes(data[:length], "cpu")
