"""The notebooks run from top to bottom in kernels of their own and show what they promise."""

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from PIL import Image

from stylenet.models.checkpoint import load_model
from stylenet.runs.curves import read_rows
from stylenet.runs.folder import MODEL_FILE

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = ["quickstart", "serve", "sweep"]
STEPS = 4
SIZE = 64
LARGEST = 500_000  # bytes of a notebook


@dataclass
class Executed:
    """A notebook after all its cells ran where temporary files lie in `folder`."""

    folder: Path
    cells: list[nbformat.NotebookNode]

    def pictures(self) -> list[np.ndarray]:
        """Every picture that a cell shows."""
        data = [o.data for cell in self.cells for o in cell.outputs if "data" in o]
        encoded = [one["image/png"] for one in data if "image/png" in one]
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in encoded]

    def said(self) -> str:
        """All that is printed."""
        return "".join(o.text for cell in self.cells for o in cell.outputs if "text" in o)


def execute(name: str, folder: Path, cache: Path) -> Executed:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    # The first place Jupyter looks in: python3 is this interpreter, whatever the user installed.
    write_kernel_spec(folder / "jupyter" / "kernels" / "python3")
    (folder / "temporary").mkdir()
    (folder / "here").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("STYLENET_CACHE", str(cache))
        patch.setenv("TMPDIR", str(folder / "temporary"))
        patch.setenv("NOTEBOOK_STEPS", str(STEPS))
        patch.setenv("NOTEBOOK_SIZE", str(SIZE))
        place = {"metadata": {"path": str(folder / "here")}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    return Executed(folder, [cell for cell in notebook.cells if cell.cell_type == "code"])


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Executed]:
    cache = tmp_path_factory.mktemp("cache")
    return {name: execute(name, tmp_path_factory.mktemp(name), cache) for name in NAMES}


def models(executed: Executed) -> list[Path]:
    """The models of all runs."""
    found = executed.folder.glob(f"temporary/stylenet-*/runs/*/*/{MODEL_FILE}")
    return sorted({path.resolve() for path in found})  # the link `latest` leads to one, too


@pytest.mark.slow
def test_the_quickstart_trains_a_model_that_loads(executed: dict[str, Executed]):
    [model] = models(executed["quickstart"])
    assert load_model(model).config["data"]["size"] == SIZE
    assert len(read_rows(model.parent / "losses.csv")) == STEPS


def test_the_quickstart_shows_starter_preview_curves_result_and_export(
    executed: dict[str, Executed],
):
    starter, preview, curves, result, exported = executed["quickstart"].pictures()
    assert preview.std() > 10
    assert curves.std() > 10
    for row, count in ((starter, 3), (result, 2), (exported, 2)):
        original, *stylized = np.split(row[:, : row.shape[1] // count * count], count, axis=1)
        assert original.std() > 10
        for picture in stylized:
            assert np.abs(original.astype(float) - picture).mean() > 1


PICTURES = ("results.jpg", "styles.jpg", "methods.jpg")
"""Of the README."""


def test_the_sweep_has_a_run_for_each_weight_and_shows_them(executed: dict[str, Executed]):
    sweep = executed["sweep"]
    assert len(models(sweep)) == 3
    for weight in ("4", "8", "16"):
        assert f"style weight {weight:>3}: content" in sweep.said()
    plot, joined = sweep.pictures()
    assert plot.std() > 10
    photo, *stylized = np.split(joined.astype(float), 4, axis=1)
    assert all(np.abs(photo - picture).mean() > 1 for picture in stylized)


def test_the_service_answers_with_what_the_net_makes(executed: dict[str, Executed]):
    said = executed["serve"].said()
    assert int(said.split("largest difference: ")[1].split()[0]) <= 1
    assert "as before: True" in said
    assert "422 the photo is no picture stylenet can read" in said
    assert "ended with 0" in said


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_writes_to_its_temporary_folder_only(name: str, executed: dict[str, Executed]):
    assert not list((executed[name].folder / "here").iterdir())
    beside = {path.name for path in FOLDER.iterdir() if path.suffix}
    assert beside == {*(f"{name}.ipynb" for name in NAMES), *PICTURES}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_with_small_pictures_and_no_path_of_its_maker(name: str):
    path = FOLDER / f"{name}.ipynb"
    outputs = [
        o for cell in nbformat.read(path, as_version=4).cells for o in cell.get("outputs", [])
    ]
    assert any("image/jpeg" in output.get("data", {}) for output in outputs)
    assert path.stat().st_size < LARGEST
    said = "".join(output.get("text", "") for output in outputs)
    assert not re.search(r"(?<!\S)/\w", said)
    assert "error" not in {output.output_type for output in outputs}
