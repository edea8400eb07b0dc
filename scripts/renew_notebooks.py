#!/usr/bin/env python
"""Execute the notebooks and store them with their outputs, small enough for a repository.

    python scripts/renew_notebooks.py

Pictures stay as JPEG where Jupyter offers JPEG beside PNG. What programs say on stderr is left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"


def kept(output: nbformat.NotebookNode) -> bool:
    """Whether an output is worth storing."""
    return bool(output.output_type != "stream" or output.name == "stdout")


def renew(path: Path) -> None:
    """Execute a notebook in an empty folder, and write it over itself."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=1200, resources=place).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.outputs = [output for output in cell.get("outputs", []) if kept(output)]
        for output in cell.outputs:
            if "image/jpeg" in output.get("data", {}):
                del output.data["image/png"]
        if cell.cell_type != "code":
            del cell["outputs"]
    nbformat.write(notebook, path)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    """Renew every notebook."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for path in sorted(FOLDER.glob("*.ipynb")):
        renew(path)


if __name__ == "__main__":
    main()
