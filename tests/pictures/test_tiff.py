"""TIFFs by what their tags say: depth, sign, which value is white, planes, pages."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from stylenet.pictures.grey import read_grey
from stylenet.pictures.images import read_picture, to_picture
from stylenet.system.errors import UserError

GREY = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
COLOURS = np.stack([GREY, GREY[:, ::-1], np.repeat(GREY[:1, :48].T, 64, 1)], -1)


def tiff(values: np.ndarray, **options) -> io.BytesIO:
    content = io.BytesIO()
    tifffile.imwrite(content, values, **options)
    content.seek(0)
    return content


def scaled(values: np.ndarray, kind: type) -> np.ndarray:
    """8 bits as another type: from 0 to its most, or to 1."""
    if np.dtype(kind).kind == "f":
        return (values / 255).astype(kind)
    return values.astype(kind) * kind(np.iinfo(kind).max // 255)


def raw(bits: int, data: bytes, *, compression: int = 1, side: int = 16) -> io.BytesIO:
    """A grey TIFF of one strip, with any bytes for samples."""
    tags = {256: side, 257: side, 258: bits, 259: compression, 262: 1, 277: 1, 278: side}
    tags |= {273: 8 + 2 + 12 * 9 + 4, 279: len(data)}
    entries = b"".join(struct.pack("<2H2I", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    return io.BytesIO(b"II*\0\x08\0\0\0" + struct.pack("<H", 9) + entries + bytes(4) + data)


@pytest.mark.parametrize(
    "kind", [np.uint8, np.uint16, np.uint32, np.uint64, np.float16, np.float32, np.float64]
)
@pytest.mark.parametrize("white", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_any_depth_spans_the_full_range(kind, white, order):
    values = scaled(GREY if white == "minisblack" else 255 - GREY, kind)
    found = read_picture(tiff(values, photometric=white, byteorder=order))
    np.testing.assert_array_equal(found.rgb, np.repeat(GREY[..., None], 3, -1))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.float16, np.float32])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_colours_of_any_depth_and_order(kind, planes, compression):
    opaque = np.dstack([COLOURS, np.full_like(GREY, 200)])
    values = scaled(opaque, kind)
    values = values if planes == "contig" else np.moveaxis(values, -1, 0)
    options = {"planarconfig": planes, "compression": compression, "extrasamples": ["unassalpha"]}
    found = read_picture(tiff(values, photometric="rgb", **options))
    np.testing.assert_array_equal(found.rgb, COLOURS)
    assert np.unique(found.alpha) == [200]


def test_colours_multiplied_by_their_opacity_are_divided():
    half = np.dstack([np.full((48, 64, 3), 16384), np.full((48, 64), 32768)]).astype(np.uint16)
    for planes, values in (("contig", half), ("separate", np.moveaxis(half, -1, 0))):
        options = {"planarconfig": planes, "extrasamples": ["assocalpha"]}
        found = read_picture(tiff(values, photometric="rgb", **options))
        assert np.abs(found.rgb.astype(int) - 127).max() <= 1
        assert np.unique(found.alpha) == [128]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.float32, np.uint16])
def test_packed_grey_of_either_order_of_bytes(kind, order, tmp_path):
    """Of big-endian floats that libtiff unpacked, Pillow swaps the bytes once too often."""
    path = tmp_path / "packed.tif"
    options = {"photometric": "minisblack", "compression": "zlib", "byteorder": order}
    tifffile.imwrite(path, scaled(GREY, kind), **options)
    for found in (read_picture(path), to_picture(Image.open(path))):
        np.testing.assert_array_equal(found.rgb[..., 0], GREY)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("opacity", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("besides", [0, 1])
def test_planes_of_8_bits_with_opacity(compression, opacity, colours, besides):
    stored = [np.full((48, 64), 64, np.uint8)] * colours + [np.full((48, 64), 128, np.uint8)]
    options = {
        "photometric": "rgb" if colours == 3 else "minisblack",
        "extrasamples": [opacity, *["unspecified"] * besides],
    }
    planes = np.stack(stored + stored[:besides])
    for planar in ("separate", "contig"):
        values = planes if planar == "separate" else np.moveaxis(planes, 0, -1).copy()
        content = tiff(values, planarconfig=planar, compression=compression, **options)
        found = read_picture(content)
        assert np.unique(found.alpha) == [128]
        assert np.unique(found.rgb) == [127 if opacity == "assocalpha" else 64]


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("white", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_fewer_bits_span_the_full_range_where_a_tag_tells_their_most(bits, white, compression):
    most = 2**bits - 1
    values = np.rint((GREY if white == "minisblack" else 255 - GREY) / 255 * most)
    tag = (281, "H", 1, most, True)
    options = {"photometric": white, "compression": compression, "extratags": [tag]}
    found = read_picture(tiff(values.astype(np.uint16), **options))
    np.testing.assert_array_equal(found.rgb[..., 0], GREY)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_colours_of_fewer_bits_span_it_too(planes):
    values = np.rint(COLOURS / 255 * 4095).astype(np.uint16)
    values = values if planes == "contig" else np.moveaxis(values, -1, 0).copy()
    tag = (281, "H", 3, (4095,) * 3, True)
    options = {"photometric": "rgb", "planarconfig": planes}
    found = read_picture(tiff(values, extratags=[tag], **options))
    np.testing.assert_array_equal(found.rgb, COLOURS)
    with pytest.raises(UserError, match="picture is black: its values reach"):
        read_picture(tiff(values, **options))


def test_a_tag_that_values_exceed_counts_for_nothing():
    tag = (281, "H", 1, 255, True)
    found = read_picture(tiff(scaled(GREY, np.uint16), photometric="minisblack", extratags=[tag]))
    np.testing.assert_array_equal(found.rgb[..., 0], GREY)


def test_a_dark_photo_of_16_bits_is_no_black_one():
    dark = GREY.astype(np.uint16) // 14 * 257  # up to 18 of 255
    assert read_picture(tiff(dark, photometric="minisblack")).rgb.max() == 18
    assert read_picture(tiff(np.dstack([dark] * 3), photometric="rgb")).rgb.max() == 18
    eight = np.stack([GREY // 32, np.full_like(GREY, 255)])
    options = {"photometric": "minisblack", "planarconfig": "separate"}
    assert read_picture(tiff(eight, extrasamples=["unassalpha"], **options)).rgb.max() == 7


@pytest.mark.parametrize("white", ["minisblack", "miniswhite"])
def test_one_bit(white):
    bits = np.eye(32, dtype=bool)
    found = read_picture(tiff(bits, photometric=white))
    shown = bits if white == "minisblack" else ~bits
    np.testing.assert_array_equal(found.rgb[..., 0], 255 * shown)


def test_twelve_bits_span_the_full_range():
    values = np.linspace(0, 4095, 16 * 16).astype(int)
    pairs = values.reshape(-1, 2)
    packed = [(a >> 4, (a & 15) << 4 | b >> 8, b & 255) for a, b in pairs]
    found = read_picture(raw(12, np.array(packed, np.uint8).tobytes()))
    np.testing.assert_allclose(found.rgb[..., 0].ravel(), values / 4095 * 255, atol=1)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (GREY.astype(np.int8), "holds signed integers; save it as 8 or 16 bits"),
        (GREY.astype(np.int16), "holds signed integers"),
        (GREY.astype(np.int32), "holds signed integers"),
        (GREY.astype(np.uint16), "is black: its values reach 252 of 65535; stretch them"),
        ((GREY / 252 * 4095).astype(np.uint16), "is black: its values reach 4095 of 65535"),
        (GREY.astype(np.uint32), "is black: its values reach 252 of 4294967295; stretch them"),
        (GREY.astype(np.float32), r"holds floats from 0 to 252; scale them to \[0, 1\]"),
        (GREY.astype(np.float64) * -1, r"holds floats from -252 to -?0; scale them"),
        (GREY.astype(np.complex64), "holds complex numbers"),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_values_without_one_meaning_are_refused(values, told):
    with pytest.raises(UserError, match=f"picture {told}"):
        read_picture(tiff(values, photometric="minisblack"))


def test_a_strip_that_unpacks_to_more_than_its_size_is_refused():
    """Of 32 bits, as Pillow reads the others strip by strip itself."""
    bomb = zlib.compress(bytes(10_000_000), 9)
    with pytest.raises(UserError, match="unpacks to more than its size"):
        read_picture(raw(32, bomb, compression=8))


@pytest.mark.parametrize("tag", [273, 279])
def test_missing_parts_are_no_black_ones(tag, capfd):
    content = bytearray(raw(32, bytes(range(256)) * 4).getvalue())
    assert read_picture(io.BytesIO(bytes(content))).rgb.any()
    entry = content.index(struct.pack("<2HI", tag, 4, 1))
    content[entry + 8 : entry + 12] = bytes(4)
    with pytest.raises(UserError, match="picture is damaged"):
        read_picture(io.BytesIO(bytes(content)))
    assert capfd.readouterr().err == ""


def test_lab_becomes_srgb():
    muted = (COLOURS // 4 + 96).astype(np.uint8)
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(Image.fromarray(muted), *spaces, outputMode="LAB")
    content = io.BytesIO()
    lab.save(content, "TIFF")
    assert np.abs(read_picture(content).rgb - muted.astype(float)).max() <= 4


def pages(*kinds: tuple[np.ndarray, int]) -> io.BytesIO:
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as file:
        for values, kind in kinds:
            file.write(values, photometric="rgb", subfiletype=kind, metadata=None)
    content.seek(0)
    return content


@pytest.mark.parametrize("first", ["photo", "thumbnail"])
def test_a_thumbnail_beside_the_photo_is_no_frame(first):
    both = [(COLOURS, 0), (COLOURS[::4, ::4].copy(), 1)]
    found = read_picture(pages(*(both if first == "photo" else both[::-1])))
    np.testing.assert_array_equal(found.rgb, COLOURS)


def test_a_thumbnail_beside_wide_samples_is_none_either():
    wide = scaled(COLOURS, np.uint32)
    found = read_picture(pages((COLOURS[::4, ::4].copy(), 1), (wide, 0)))
    np.testing.assert_array_equal(found.rgb, COLOURS)


def test_two_pages_are_refused():
    with pytest.raises(UserError, match="has 2 frames; save the one you want"):
        read_picture(pages((COLOURS, 0), (255 - COLOURS, 0)))


def test_wide_samples_lie_as_their_orientation_says():
    content = tiff(scaled(GREY, np.uint32), photometric="minisblack", extratags=[(274, 3, 1, 6, 1)])
    np.testing.assert_array_equal(read_picture(content).rgb[..., 0], np.rot90(GREY, -1))


@pytest.mark.parametrize("white", ["minisblack", "miniswhite"])
def test_grey_values_are_those_of_the_picture(white, tmp_path):
    stored = scaled(GREY if white == "minisblack" else 255 - GREY, np.uint16)
    for kind in (stored, stored.astype(np.uint32) * 65537):
        path = tmp_path / f"{kind.dtype}.tif"
        path.write_bytes(tiff(kind, photometric=white).getvalue())
        np.testing.assert_array_equal(read_grey(path), scaled(GREY, np.uint16))
