"""The yardstick: which L-BFGS iteration a loss equals, and curves that are found once."""

from pathlib import Path

import pytest

from stylenet.evaluation.judge import Judge
from stylenet.pixels.yardstick import Curves, equalled
from stylenet.system.errors import UserError


@pytest.mark.parametrize(
    ("loss", "iteration"), [(9.0, 0), (8.0, 0), (6.0, 0.5), (4.0, 1), (1.5, 2.5), (0.5, 4)]
)
def test_the_iteration_is_read_off_the_curve(loss: float, iteration: float):
    assert equalled([8.0, 4.0, 2.0, 1.0], loss) == pytest.approx(iteration)


def test_curves_are_found_once_and_kept_in_the_file(tmp_path: Path):
    file = tmp_path / "cache" / "lbfgs.json"
    assert Curves(file).get("photo a", lambda: [2.0, 1.0]) == [2.0, 1.0]
    again = Curves(file)
    assert again.get("photo a", lambda: pytest.fail("found again")) == [2.0, 1.0]
    assert again.get("photo b", lambda: [3.0]) == [3.0]


def test_a_damaged_file_of_curves_is_named(tmp_path: Path):
    file = tmp_path / "lbfgs.json"
    file.write_text("{")
    with pytest.raises(UserError, match=r"lbfgs\.json holds no L-BFGS curves; delete it"):
        Curves(file)


def test_the_optimised_loss_falls_from_that_of_the_photo(picture):
    curve = Judge().lbfgs(picture, picture[::-1].copy(), 3)
    assert len(curve) == 4
    assert curve[0] > curve[-1] > 0
