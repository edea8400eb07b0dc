"""The tour notebook runs from top to bottom in a kernel of its own and ends with a picture."""

import base64
import io
from pathlib import Path

import nbformat
import numpy as np
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from PIL import Image

from stylenet.callbacks.curves import read_rows
from stylenet.checkpoint import MODEL_FILE, load_model

TOUR = Path(__file__).parents[1] / "notebooks" / "tour.ipynb"
STEPS = 4
SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tour")


@pytest.fixture(scope="module")
def code(folder: Path) -> list[nbformat.NotebookNode]:
    """The code cells, executed where all temporary files lie in `folder`."""
    notebook = nbformat.read(TOUR, as_version=4)
    # The first place Jupyter looks in: python3 is this interpreter, whatever the user installed.
    write_kernel_spec(folder / "jupyter" / "kernels" / "python3")
    (folder / "temporary").mkdir()
    (folder / "here").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("STYLENET_CACHE", str(folder / "cache"))
        patch.setenv("TMPDIR", str(folder / "temporary"))
        patch.setenv("TOUR_STEPS", str(STEPS))
        patch.setenv("TOUR_SIZE", str(SIZE))
        place = {"metadata": {"path": str(folder / "here")}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(cell: nbformat.NotebookNode) -> list[np.ndarray]:
    data = [output.data for output in cell.outputs if "data" in output]
    encoded = [one["image/png"] for one in data if "image/png" in one]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in encoded]


def test_the_tour_trains_a_model_that_loads(code: list[nbformat.NotebookNode], folder: Path):
    [model] = folder.glob(f"temporary/stylenet-*/*/{MODEL_FILE}")
    assert load_model(model).config["data"]["size"] == SIZE
    assert len(read_rows(model.parent / "losses.csv")) == STEPS


def test_the_tour_shows_style_curves_and_result(code: list[nbformat.NotebookNode]):
    style, curves, result = [shown for cell in code for shown in pictures(cell)]
    assert style.std() > 10
    assert curves.std() > 10
    original, stylized = np.split(result.astype(float), 2, axis=1)
    assert original.std() > 10
    assert np.abs(original - stylized).mean() > 1


def test_the_tour_writes_to_its_temporary_folder_only(
    code: list[nbformat.NotebookNode], folder: Path
):
    assert not list((folder / "here").iterdir())
    beside = {path.name for path in TOUR.parent.iterdir() if path.suffix}
    assert beside == {TOUR.name, "results.jpg"}


def test_the_tour_is_stored_without_outputs():
    cells = nbformat.read(TOUR, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
