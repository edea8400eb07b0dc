"""The format of an answer, by what the client accepts."""

import pytest

from stylenet.service.formats import chosen_format
from stylenet.service.problems import ProblemError

BROWSER = "text/html,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "own", "expected"),
    [
        ("", "JPEG", "JPEG"),
        ("*/*", "WEBP", "WEBP"),
        ("image/*", "PNG", "PNG"),
        ("*/*", "TIFF", "PNG"),
        ("*/*", None, "PNG"),
        ("image/webp", "JPEG", "WEBP"),
        ("IMAGE/PNG", "JPEG", "PNG"),
        ("image/jpeg;q=0.4, image/png;q=0.6", "JPEG", "PNG"),
        ("image/*;q=0.5, image/png", "JPEG", "PNG"),
        ("*/*, image/jpeg;q=0", "JPEG", "PNG"),
        (BROWSER, "JPEG", "WEBP"),
    ],
)
def test_the_client_chooses_and_then_the_photo(accept: str, own: str | None, expected: str):
    assert chosen_format(accept, own, transparent=False) == expected


def test_transparency_never_goes_into_a_jpeg():
    assert chosen_format("image/jpeg, image/webp;q=0.1", "PNG", transparent=True) == "WEBP"
    with pytest.raises(ProblemError, match="comes as image/png, image/webp"):
        chosen_format("image/jpeg", "PNG", transparent=True)


def test_a_client_that_takes_no_picture_is_told():
    with pytest.raises(ProblemError, match="comes as image/png, image/jpeg, image/webp") as told:
        chosen_format("text/html", None, transparent=False)
    assert told.value.status == 406
