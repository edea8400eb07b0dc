"""Damaged files of every kind are refused in one line, or do what the whole file does."""

from pathlib import Path

import pytest
from fuzz import verdicts
from fuzz.damage import KINDS, Damage
from hypothesis import given, settings
from hypothesis import strategies as st

DAMAGE = st.builds(
    Damage,
    st.sampled_from(KINDS),
    st.floats(0, 1, exclude_max=True),
    st.integers(1, 4096),
    st.integers(0, 2**32 - 1),
)
FILES = verdicts.drawn_files()

examples = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("suffix", FILES)
def test_damaged_pictures(suffix: str, tmp_path_factory: pytest.TempPathFactory):
    judge = verdicts.pictures(tmp_path_factory.mktemp("pictures"), suffix)
    assert judge(FILES[suffix]) is None

    @examples
    @given(DAMAGE)
    def holds(damage: Damage):
        assert judge(damage(FILES[suffix])) is None

    holds()


def test_damaged_models(run: Path):
    hold(verdicts.models(run / "model.pt", ".pt"), run / "model.pt")


def test_damaged_exports(run: Path):
    whole = run.parent / "model.onnx"
    hold(verdicts.models(whole, ".onnx"), whole)


def test_damaged_checkpoints(run: Path):
    hold(verdicts.checkpoints(run / "last.ckpt"), run / "last.ckpt")


def hold(judge: verdicts.Judge, whole: Path) -> None:
    """`judge` finds nothing wrong with the `whole` file, nor with damaged ones."""
    data = whole.read_bytes()
    assert judge(data) is None

    @examples
    @given(DAMAGE)
    def holds(damage: Damage):
        assert judge(damage(data)) is None

    holds()
