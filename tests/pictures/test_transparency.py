"""What a viewer does not see leaves no trace."""

import io

import numpy as np
import pytest
from drawn_png import chunk, png
from PIL import Image, ImageFilter

from stylenet.pictures.images import Picture, read_picture, resize
from stylenet.pictures.transparency import SEEN, show_through
from stylenet.runtime.stylizer import Stylizer

GREEN = (20, 120, 60)
MAGENTA = (255, 0, 255)


def half_hidden(hidden: tuple[int, int, int], mode: str = "RGBA", opacity: int = 0) -> Image.Image:
    """Green on the left; on the right something that hardly shows, or does not."""
    rgba = np.empty((64, 96, 4), np.uint8)
    rgba[:, :48] = (*GREEN, 255)
    rgba[:, 48:] = (*hidden, opacity)
    return Image.fromarray(rgba).convert(mode)


def saved(image: Image.Image, kind: str = "PNG", **options) -> io.BytesIO:
    content = io.BytesIO()
    image.save(content, kind, **options)
    content.seek(0)
    return content


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})],
)
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_hidden_colours_leave_no_trace(kind, options, mode):
    black, magenta = (
        read_picture(saved(half_hidden(hidden, mode), kind, **options))
        for hidden in ((0, 0, 0), MAGENTA)
    )
    np.testing.assert_array_equal(black.rgb, magenta.rgb)
    assert np.ptp(magenta.rgb.reshape(-1, 3), axis=0).max() <= 1  # green goes on
    np.testing.assert_array_equal(magenta.alpha, half_hidden(MAGENTA).getchannel("A"))


@pytest.mark.parametrize("shorter_side", [None, 8])
def test_nor_do_they_when_the_picture_comes_smaller(shorter_side):
    found = read_picture(saved(half_hidden(MAGENTA)), shorter_side=shorter_side)
    assert np.abs(found.rgb - np.array(GREEN)).max() <= 1


def keyed(depth: int, colour: int, row: bytes, key: bytes) -> Picture:
    return read_picture(png(2, 1, depth, colour, [row], chunk(b"tRNS", key)))


@pytest.mark.parametrize(
    ("depth", "colour", "row", "key"),
    [
        (1, 0, b"\x40", b"\0\1"),
        (2, 0, b"\x30", b"\0\3"),
        (4, 0, b"\x0f", b"\0\x0f"),
        (8, 0, b"\x00\xff", b"\0\xff"),
        (16, 0, b"\0\0\xff\xff", b"\xff\xff"),
        (8, 2, b"\0\0\0\xff\xff\xff", b"\0\xff\0\xff\0\xff"),
        (16, 2, bytes(6) + b"\xff" * 6, b"\xff" * 6),
    ],
)
def test_a_colour_that_stands_for_no_pixel_hides_at_any_depth(depth, colour, row, key):
    found = keyed(depth, colour, row, key)
    assert found.alpha.tolist() == [[255, 0]]
    assert found.rgb.max() == 0


def test_a_palettes_hidden_entry_leaves_no_trace():
    for hidden in ((0, 0, 0), MAGENTA):
        image = Image.fromarray((np.arange(64 * 64) % 64 > 31).reshape(64, 64).astype(np.uint8))
        image = image.convert("P")
        image.putpalette([*GREEN, *hidden])
        for kind in ("PNG", "GIF"):
            found = read_picture(saved(image, kind, transparency=1))
            assert np.abs(found.rgb - np.array(GREEN)).max() <= 1


@pytest.mark.parametrize("opacity", [1, 3, 8])
def test_what_hardly_shows_hardly_counts(opacity):
    found = read_picture(saved(half_hidden(MAGENTA, opacity=opacity))).rgb[:, 48:].astype(int)
    assert np.abs(found - np.array(GREEN)).max() <= 255 * opacity / SEEN + 1


@pytest.mark.parametrize("opacity", [20, SEEN, 128])
def test_a_photo_that_is_transparent_all_over_keeps_its_contrast(picture, opacity):
    alpha = np.full(picture.shape[:2], opacity, np.uint8)
    found = read_picture(saved(Image.fromarray(np.dstack([picture, alpha]))))
    np.testing.assert_array_equal(found.rgb, picture)


def test_a_picture_that_shows_nothing_is_white():
    found = read_picture(saved(Image.new("RGBA", (40, 50), (*MAGENTA, 0))))
    assert found.rgb.min() == 255


def test_surroundings_are_near_and_reach_far(picture):
    """A hole takes the colours of its own rim, and a far corner some colours too."""
    rgb = np.full((200, 600, 3), 40, np.uint8)
    rgb[:, 300:] = 200
    alpha = np.zeros((200, 600), np.uint8)
    alpha[80:120, :50] = alpha[80:120, 550:] = 255
    rgb[alpha == 0] = MAGENTA
    show_through(rgb, alpha)
    assert rgb[:, :60].max() < 120 < rgb[:, 540:].min()
    assert 40 <= rgb.min() <= rgb.max() <= 200


def test_resizing_leaks_nothing():
    found = resize(read_picture(saved(half_hidden(MAGENTA))), 37)
    assert np.abs(found.rgb - np.array(GREEN)).max() <= 2


def test_the_result_shows_none_of_it_and_keeps_the_transparency():
    """The net here sees far: every pixel takes part of those around."""

    def net(rgb):
        return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(8)))

    stylizer = Stylizer(net)
    black, magenta = (stylizer(half_hidden(hidden)) for hidden in ((0, 0, 0), MAGENTA))
    np.testing.assert_array_equal(black.alpha, magenta.alpha)
    np.testing.assert_array_equal(black.rgb, magenta.rgb)
    assert np.abs(magenta.rgb[:, :48] - np.array(GREEN)).max() <= 1
