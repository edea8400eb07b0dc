"""Sums at the end of files: what is damaged is told, what is whole opens everywhere."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stylenet.models import sealed
from stylenet.system import integrity

CONTENT = {"config": {"seed": 0}, "weights": {"a": torch.arange(6.0).view(2, 3)}}


def older() -> bytes:
    """As earlier versions wrote it."""
    file = io.BytesIO()
    torch.save(CONTENT, file)
    return file.getvalue()


@pytest.mark.parametrize("data", [sealed.dump(CONTENT), older()], ids=["summed", "older"])
def test_what_was_written_comes_back(data: bytes):
    found = sealed.parse(data)
    assert found["config"] == CONTENT["config"]
    assert torch.equal(found["weights"]["a"], CONTENT["weights"]["a"])


def test_other_programs_read_it(tmp_path: Path):
    (tmp_path / "model.pt").write_bytes(sealed.dump(CONTENT))
    for mapped in (False, True):
        found = torch.load(tmp_path / "model.pt", weights_only=True, mmap=mapped)
        assert torch.equal(found["weights"]["a"], CONTENT["weights"]["a"])


def test_every_changed_byte_is_told_of_a_file_with_a_sum():
    whole = sealed.dump(CONTENT)
    mark = whole.rindex(b"stylenet sha256")  # and then zip's own sums are looked at
    for place in range(len(whole) - 64):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        if mark <= place < len(whole) - 64:
            found = sealed.parse(bytes(damaged))
            assert torch.equal(found["weights"]["a"], CONTENT["weights"]["a"])
        else:
            with pytest.raises(integrity.DamagedError):
                sealed.parse(bytes(damaged))


def test_changed_weights_are_told_of_an_older_file():
    whole = older()
    place = whole.index(CONTENT["weights"]["a"].numpy().tobytes())
    for offset in range(24):
        damaged = bytearray(whole)
        damaged[place + offset] ^= 64
        with pytest.raises(integrity.DamagedError):
            sealed.parse(bytes(damaged))


def test_a_file_that_would_grow_when_opened_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**6))
    with pytest.raises(integrity.DamagedError, match="compressed"):
        sealed.parse(file.getvalue())


def cut(data: bytes, place: int) -> bytes:
    return data[:place]


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]


@pytest.mark.parametrize("damage", [cut, flipped])
@pytest.mark.parametrize("data", [sealed.dump(CONTENT), older()], ids=["summed", "older"])
def test_damage_is_told_or_without_effect(data: bytes, damage: Callable[[bytes, int], bytes]):
    for place in range(0, len(data), 7):
        try:
            found = sealed.parse(damage(data, place))
        except integrity.DamagedError:
            continue
        assert found["config"] == CONTENT["config"]
        assert torch.equal(found["weights"]["a"], CONTENT["weights"]["a"])


def test_a_part_that_is_said_to_be_a_folder_is_damage():
    whole = older()
    for place in range(whole.index(b"PK\x01\x02"), len(whole) - 42):
        if whole[place : place + 4] == b"PK\x01\x02":
            attributes = place + 38
            with pytest.raises(integrity.DamagedError, match="attributes"):
                sealed.parse(whole[:attributes] + b"\x10" + whole[attributes + 1 :])
