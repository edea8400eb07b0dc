"""What makes two commands the same job."""

from pathlib import Path

import pytest

from stylenet.batch.job import job_of
from stylenet.commands.stylize import parser


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    return path


def job(*arguments: object) -> str:
    words = ["photos", "-o", "out", "--engine", "ray", *map(str, arguments)]
    return job_of(parser().parse_args(words))


def test_the_place_of_a_model_and_the_number_of_workers_do_not_matter(model, tmp_path):
    first = job("--model", model)
    assert job("--model", model, "--workers", 3) == first
    assert job("--model", model.rename(tmp_path / "moved.onnx")) == first


@pytest.mark.parametrize(
    "more",
    [
        *(["--size", 64], ["--strength", 0.5], ["--stroke-scale", 2], ["--preserve-color"]),
        *(["--bilateral", 0.1], ["--stretch"], ["--sharpen", 1], ["--tile", 64], ["--fast"]),
        *(["--style", "udnie"], ["--style", "udnie:2"], ["--alpha", 0.5], ["--direction", "back"]),
        *(["--mask", "mask.png"], ["--keep", "mask.png"], ["--feather", 1], ["--device", "cpu"]),
    ],
)
def test_every_option_that_changes_pixels_makes_another_job(model, more):
    assert job("--model", model, *more) != job("--model", model)


def test_the_content_of_models_styles_and_masks_matters(model, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    files = [model, tmp_path / "model.style.onnx", tmp_path / "style.png", masks / "photo.png"]
    words = ["--model", model, "--style", files[2], "--mask", masks]
    seen = set()
    for file in files:
        seen.add(job(*words))
        file.write_bytes(b"other bytes")
        seen.add(job(*words))
    assert len(seen) == 5
