"""Pictures in and out: every kind of file a user may have, and what goes wrong with them."""

import io
import os
import resource
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from drawn_png import chunk
from PIL import Image, ImageCms

from stylenet.pictures.folders import find_pictures
from stylenet.pictures.images import (
    Picture,
    has_transparency,
    output_suffix,
    read_picture,
    resize,
    write_atomically,
    write_picture,
)
from stylenet.pictures.transparency import SEEN
from stylenet.system.errors import UserError

ORIENTATION = 0x0112
# What a viewer does to the stored pixels for each EXIF orientation (EXIF 2.32, section 4.6.4 A).
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}
# The primaries of Display P3 under D50 as columns of XYZ, each sum of a row is D50's white.
P3_TO_XYZ = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
SRGB_TO_XYZ = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
GAMMA = 2.2


def profile(space: bytes, **tags: bytes) -> bytes:
    """A version-2 ICC monitor profile with the given tags (ICC.1:2001-04)."""
    tags = {"wtpt": xyz(0.9642, 1, 0.8249), **tags}
    offset, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name.encode(), offset + len(data), len(content))
        data += content.ljust(-(-len(content) // 4) * 4, b"\0")
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(
        ">I4sI4s4s4s12x4s28x3i48x",
        *(128 + len(body), b"", 0x02100000, b"mntr", space, b"XYZ ", b"acsp"),
        *(round(v * 65536) for v in (0.9642, 1, 0.8249)),
    )
    return header + body


def xyz(*values: float) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *(round(v * 65536) for v in values))


def gamma_curve(gamma: float) -> bytes:
    return struct.pack(">4s4xIH", b"curv", 1, round(gamma * 256))


def p3_profile() -> bytes:
    columns = {f"{name}XYZ": xyz(*column) for name, column in zip("rgb", P3_TO_XYZ.T, strict=True)}
    curves = {f"{name}TRC": gamma_curve(GAMMA) for name in "rgb"}
    return profile(b"RGB ", **columns, **curves)


def p3_to_srgb(rgb: np.ndarray) -> np.ndarray:
    linear = (rgb / 255) ** GAMMA @ P3_TO_XYZ.T @ np.linalg.inv(SRGB_TO_XYZ).T
    return encode(linear)


def encode(linear: np.ndarray) -> np.ndarray:
    """Linear light → sRGB bytes (IEC 61966-2-1)."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def file(image: Image.Image, kind: str = "PNG", **options) -> io.BytesIO:
    content = io.BytesIO()
    image.save(content, kind, **options)
    content.seek(0)
    return content


def read(image: Image.Image, kind: str = "PNG", **options) -> Picture:
    return read_picture(file(image, kind, **options))


@pytest.fixture
def rgba(picture) -> np.ndarray:
    """The drawn picture with a transparency that differs in each column."""
    alpha = np.broadcast_to(np.arange(picture.shape[1], dtype=np.uint8) * 2, picture.shape[:2])
    return np.dstack([picture, alpha])


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(picture, kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    stored = Image.fromarray(picture)
    upright = UPRIGHT[orientation](picture)
    np.testing.assert_array_equal(read(stored, kind, exif=exif, **options).rgb, upright)


def test_exif_orientation_turns_the_transparency_too(rgba):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    np.testing.assert_array_equal(
        read(Image.fromarray(rgba), exif=exif).alpha, np.rot90(rgba[..., 3], -1)
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_wide_gamut_profile_becomes_srgb(picture, mode):
    picture = (picture // 2 + 64).astype(np.uint8)  # inside sRGB after the conversion
    image = Image.fromarray(picture).convert(mode)
    got = read(image, icc_profile=p3_profile()).rgb
    assert np.abs(got - p3_to_srgb(picture)).max() <= 2
    assert np.abs(got - picture.astype(float)).max() > 10


def test_palette_profile_becomes_srgb(picture):
    palette = Image.fromarray((picture // 2 + 64).astype(np.uint8)).quantize(16)
    got = read(palette, icc_profile=p3_profile()).rgb
    assert np.abs(got - p3_to_srgb(np.asarray(palette.convert("RGB")))).max() <= 2


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_profile_becomes_srgb(picture, mode):
    grey = picture[..., 0]
    old_mac = profile(b"GRAY", kTRC=gamma_curve(1.75))
    got = read(Image.fromarray(grey).convert(mode), icc_profile=old_mac).rgb
    expected = encode(np.repeat((grey[..., None] / 255) ** 1.75, 3, -1))
    assert np.abs(got - expected).max() <= 3
    assert np.abs(expected - grey[..., None]).max() > 10


def test_srgb_profile_changes_nothing(picture):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(read(Image.fromarray(picture), icc_profile=srgb).rgb, picture)


@pytest.mark.parametrize("icc", [b"nonsense", profile(b"GRAY", kTRC=gamma_curve(1))])
def test_profile_that_does_not_fit_is_ignored(picture, icc):
    np.testing.assert_array_equal(read(Image.fromarray(picture), icc_profile=icc).rgb, picture)


def test_transparency_is_kept_and_so_are_colours_that_show(rgba):
    got = read(Image.fromarray(rgba))
    np.testing.assert_array_equal(got.alpha, rgba[..., 3])
    shows = got.alpha >= SEEN
    np.testing.assert_array_equal(got.rgb[shows], rgba[shows, :3])


def test_no_transparency_is_none(picture):
    assert read(Image.fromarray(picture)).alpha is None


def test_grey_with_alpha(rgba):
    got = read(Image.fromarray(rgba[..., [0, 3]], "LA"))
    np.testing.assert_array_equal(got.alpha, rgba[..., 3])
    shows = got.alpha >= SEEN
    np.testing.assert_array_equal(got.rgb[shows], np.repeat(rgba[..., :1], 3, -1)[shows])


def test_palette_with_a_transparent_colour():
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) % 4, "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    got = read(image, transparency=2)
    shown = [tuple(c) for c in got.rgb[0, :4]]
    assert shown[:2] + shown[3:] == [(255, 0, 0), (0, 255, 0), (9, 9, 9)]
    assert shown[2][2] < 10  # the blue that hides is not in what the others look like
    assert got.alpha[0].tolist() == [255, 255, 0, 255] * 2


def test_one_bit():
    bits = np.eye(8, dtype=bool)
    got = read(Image.fromarray(bits))
    np.testing.assert_array_equal(got.rgb, np.repeat(255 * bits[..., None], 3, -1))


def test_cmyk(picture):
    got = read(Image.fromarray(picture).convert("CMYK"), "JPEG", quality=100, subsampling=0)
    assert np.abs(got.rgb - picture.astype(float)).mean() < 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_spans_the_full_range(kind):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    assert read(Image.fromarray(values), kind).rgb[0, :, 0].tolist() == [0, 1, 128, 255]


def test_16_bit_grey_with_a_transparent_value():
    got = read(Image.fromarray(np.array([[0, 25700, 65535]], np.uint16)), transparency=25700)
    assert got.rgb[0, [0, 2], 0].tolist() == [0, 255]
    assert got.alpha.tolist() == [[255, 0, 255]]


def test_16_bit_rgb(picture, tmp_path):
    height, width, _ = picture.shape
    wide = (picture.astype(">u2") * 257).tobytes()
    rows = [b"\0" + wide[i : i + 6 * width] for i in range(0, len(wide), 6 * width)]
    header = struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)
    path = tmp_path / "wide.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(read_picture(path).rgb, picture)


def test_float_grey_is_taken_as_0_to_1_and_gaps_as_black():
    values = np.array([[-1, 0, 0.5, 1, 7, np.nan]], np.float32)
    assert read(Image.fromarray(values), "TIFF").rgb[0, :, 0].tolist() == [0, 0, 128, 255, 255, 0]


def test_a_phones_jpeg_with_a_preview_is_one_photo(picture):
    photo = Image.fromarray(picture)
    got = read(photo, "MPO", save_all=True, append_images=[photo.resize((16, 16))], quality=100)
    assert got.size == picture.shape[:2]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_several_frames_are_refused(picture, kind, tmp_path):
    path = tmp_path / f"moving.{kind.lower()}"
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match=r"moving.* has 2 frames; save the one you want as a PNG"):
        read_picture(path)


def test_a_still_gif_is_read(picture):
    assert read(Image.fromarray(picture), "GIF").size == picture.shape[:2]


EPS = file(Image.new("RGB", (8, 8)), "EPS").getvalue()  # to decode it is to run a program in it


@pytest.mark.parametrize("content", [b"", b"not a picture", EPS], ids=["empty", "text", "eps"])
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "style.jpg"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"style\.jpg is no picture stylenet can read; give a JPEG"):
        read_picture(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000"])
def test_truncated_files_are_refused(picture, kind):
    content = file(Image.fromarray(picture), kind).getvalue()
    with pytest.raises(UserError, match=r"picture is (damaged|no picture)"):
        read_picture(io.BytesIO(content[: len(content) // 2]))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000"])
def test_damaged_files_are_read_or_refused(picture, kind):
    good = file(Image.fromarray(picture[:16, :16]), kind).getvalue()
    rng = np.random.default_rng(0)
    for _ in range(150):
        bad = np.frombuffer(good, np.uint8).copy()
        bad[rng.integers(0, min(len(bad), 300), 4)] = rng.integers(0, 256, 4)
        with suppress(UserError):
            read_picture(io.BytesIO(bad.tobytes()))


def bomb(path, side):
    header = struct.pack(">2I5B", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    return path


@pytest.mark.parametrize("side", [13_000, 30_000])  # Pillow warns of the first, refuses the second
def test_asking_for_transparency_says_nothing_of_a_bomb(tmp_path, side, recwarn):
    assert not has_transparency(bomb(tmp_path / "bomb.png", side))
    assert not recwarn.list


def test_decompression_bomb_is_refused(tmp_path):
    path = bomb(tmp_path / "bomb.png", 30_000)
    with pytest.raises(UserError, match=r"bomb\.png is too large to decode safely; shrink it"):
        read_picture(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot open .*gone\.png \(No such file.*check the path"):
        read_picture(tmp_path / "gone.png")
    with pytest.raises(UserError, match=r"cannot open .* \(Is a directory\)"):
        read_picture(tmp_path)


def test_too_small_a_picture_is_refused(tmp_path):
    path = tmp_path / "dot.png"
    Image.new("RGB", (1, 1)).save(path)
    assert read_picture(path).size == (1, 1)
    with pytest.raises(UserError, match=r"dot\.png is 1x1 pixels; give one of at least 32x32"):
        read_picture(path, min_side=32)


def test_find_pictures_searches_the_tree_but_nothing_hidden(tmp_path):
    for name in ("b.PNG", "a.jpg", "sub/c.webp", "notes.txt", ".hidden.png", ".thumbs/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert found == ["a.jpg", "b.PNG", "sub/c.webp"]


def test_find_pictures_finds_broken_links_if_asked_but_no_pipes(tmp_path):
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "round.jpg").symlink_to("round.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    found = find_pictures(tmp_path, unreadable=True)
    assert [path.name for path in found] == ["gone.jpg", "round.jpg"]
    assert find_pictures(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root opens every folder")
def test_find_pictures_names_folders_that_cannot_be_opened(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    assert find_pictures(tmp_path, unreadable=True) == [tmp_path / "closed"]
    with pytest.raises(UserError, match="Permission denied"):
        read_picture(tmp_path / "closed")


@pytest.mark.parametrize(
    ("shape", "longer", "expected"),
    [((96, 128), 64, (48, 64)), ((128, 96), 256, (256, 192)), ((3, 300), 100, (1, 100))],
)
def test_resize_sets_the_longer_side(shape, longer, expected):
    flat = Picture(np.full((*shape, 3), 90, np.uint8), np.full(shape, 30, np.uint8))
    got = resize(flat, longer)
    assert got.size == got.alpha.shape == expected
    assert np.unique(got.rgb) == [90]
    assert np.unique(got.alpha) == [30]


def test_resize_to_the_same_size_changes_nothing(picture):
    np.testing.assert_array_equal(resize(Picture(picture), 128).rgb, picture)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF", ".bmp"])
def test_written_pictures_read_back_the_same(picture, suffix, tmp_path):
    path = tmp_path / f"new/folder/a{suffix}"
    write_picture(Picture(picture), path)
    np.testing.assert_array_equal(read_picture(path).rgb, picture)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_lossy_pictures_read_back_alike(picture, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    write_picture(Picture(picture), path)
    assert np.abs(read_picture(path).rgb - picture.astype(float)).mean() < 4


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_written_transparency_reads_back_the_same(rgba, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    write_picture(Picture(rgba[..., :3], rgba[..., 3]), path)
    np.testing.assert_array_equal(read_picture(path).alpha, rgba[..., 3])


def test_transparency_is_never_dropped(rgba, tmp_path):
    with pytest.raises(UserError, match=r"a\.jpg cannot hold transparency; save as \.png"):
        write_picture(Picture(rgba[..., :3], rgba[..., 3]), tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())


def test_unknown_suffix_is_refused(picture, tmp_path):
    with pytest.raises(UserError, match=r"a\.xyz has no picture suffix .*use one of \.bmp \.jfif"):
        write_picture(Picture(picture), tmp_path / "a.xyz")


def test_too_large_for_the_format_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.webp cannot hold 17000x1 pixels .*save as \.png"):
        write_picture(Picture(np.zeros((1, 17_000, 3), np.uint8)), tmp_path / "a.webp")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "mode", "expected"),
    [
        ("a.JPG", "RGB", ".jpg"),
        ("a.png", "RGBA", ".png"),
        ("a.tif", "RGBA", ".tif"),
        ("a.gif", "P", ".png"),
        ("a.bmp", "RGB", ".bmp"),
        ("a.jpg", "RGBA", ".png"),
    ],
)
def test_output_suffix_is_the_photos_where_it_holds_the_result(name, mode, expected, tmp_path):
    Image.new(mode, (8, 8)).save(tmp_path / name, "PNG")  # whatever its name says
    assert output_suffix(tmp_path / name) == expected


def test_output_suffix_of_a_file_that_cannot_be_read(tmp_path):
    assert output_suffix(tmp_path / "gone.jpg") == ".jpg"
    assert output_suffix(tmp_path / "gone") == ".png"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_interrupted_write_leaves_the_old_file_and_nothing_else(error, tmp_path):
    path = tmp_path / "model.pt"
    path.write_text("old")

    def fail(stream):
        stream.write(b"half")
        raise error

    with pytest.raises(error):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_place_below_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*a\.png \(Not a directory\)"):
        write_atomically(tmp_path / "file/sub/a.png", lambda stream: stream.write(b"x"))


def test_longest_file_name_can_be_written(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    write_atomically(path, lambda stream: stream.write(b"x"))
    assert path.read_bytes() == b"x"


def test_written_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_atomically(tmp_path / "atomic", lambda stream: stream.write(b"x"))
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_full_disk_is_named_and_leaves_nothing(picture, tmp_path):
    """A limit on the file size stands in for the disk: the write fails part of the way."""
    Image.fromarray(picture).save(tmp_path / "in.png")
    script = (
        "import sys; from pathlib import Path; from stylenet.pictures.images import *\n"
        "from stylenet.system.errors import exit_on_user_error\n"
        "with exit_on_user_error():\n"
        "    write_picture(read_picture(Path(sys.argv[1])), Path(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "in.png", tmp_path / "out/a.bmp"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write ")
    assert "a.bmp (File too large); free space or choose another place\n" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(Path(tmp_path, "out").iterdir())
