"""Picture files that are hostile or odd: what decoding may take, and which way is up."""

import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from drawn_png import chunk, png
from PIL import Image, ImageCms

from stylenet.pictures.decoding import MOST_BYTES, Room, memory
from stylenet.pictures.formats import DECODERS
from stylenet.pictures.images import read_picture
from stylenet.system.errors import UserError

ORIENTATION, X_RESOLUTION, IMAGE_WIDTH = 0x0112, 0x011A, 0x0100
SHORT, ASCII, FLOAT = 3, 2, 11


def gif_screen(width: int, height: int) -> io.BytesIO:
    """A GIF of one small frame on a screen of any size."""
    small = io.BytesIO()
    Image.new("P", (8, 8)).save(small, "GIF")
    content = bytearray(small.getvalue())
    content[6:10] = struct.pack("<2H", width, height)
    return io.BytesIO(bytes(content))


def jpeg_of(width: int, height: int, **options) -> io.BytesIO:
    """The header of a JPEG that says it is of a size."""
    small = io.BytesIO()
    Image.new("RGB", (16, 16)).save(small, "JPEG", **options)
    content = bytearray(small.getvalue())
    frame = content.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">2H", height, width)
    return io.BytesIO(bytes(content))


def tiff_of_one_strip(side: int) -> io.BytesIO:
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "TIFF", compression="tiff_lzw")
    data = bytearray(content.getvalue())
    (count,) = struct.unpack_from("<H", data, struct.unpack_from("<I", data, 4)[0])
    start = struct.unpack_from("<I", data, 4)[0] + 2
    for entry in range(start, start + 12 * count, 12):
        tag, kind = struct.unpack_from("<2H", data, entry)
        if tag in (256, 257, 278):
            struct.pack_into("<H" if kind == SHORT else "<I", data, entry + 8, side)
    return io.BytesIO(bytes(data))


BOMBS = {
    "16-bit PNG": lambda: png(13370, 13370, 16, 0, [b""]),
    "16-bit RGBA PNG": lambda: png(10000, 10000, 16, 6, [b""]),
    "8-bit PNG": lambda: png(11000, 11000, 8, 2, [b""]),
    "1-bit PNG": lambda: png(13370, 13370, 1, 0, [b""]),
    "screen of a GIF": lambda: gif_screen(13370, 13370),
    "progressive JPEG": lambda: jpeg_of(9500, 9500, progressive=True, subsampling=0),
    "strip of a TIFF": lambda: tiff_of_one_strip(9000),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_more_memory_than_the_bound_is_refused_by_the_header(kind):
    with pytest.raises(UserError, match="picture is too large to decode safely; shrink it first"):
        read_picture(BOMBS[kind]())


@pytest.mark.parametrize("progressive", [False, True])
def test_large_photos_are_within_the_bound(progressive):
    width, height = (12000, 9000)
    with Image.open(jpeg_of(width, height, progressive=progressive)) as photo:
        assert width * height * 7 <= memory(photo) <= MOST_BYTES


def near_the_bound(place: Path) -> dict[str, Path]:
    """Pictures whose header tells nearly `MOST_BYTES`, one of each kind of decoder."""
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    kinds = {
        "turned.jpg": ("RGB", 108, {"exif": turned}),
        "progressive.jpg": ("RGB", 76, {"progressive": True, "subsampling": 0}),
        "colour.png": ("RGB", 108, {"compress_level": 1}),
        "clear.png": ("RGBA", 95, {"compress_level": 1}),
        "grey16.png": ("I;16", 127, {"compress_level": 1}),
        "screen.gif": ("P", 127, {}),
        "deflate.tif": ("RGB", 50, {"compression": "tiff_deflate"}),
        "float.tif": ("F", 45, {}),
        "lossless.webp": ("RGB", 40, {"lossless": True, "method": 0}),
        "a.avif": ("RGB", 47, {"speed": 10}),
        "a.jp2": ("RGB", 27, {}),
    }
    for name, (mode, megapixels, options) in kinds.items():
        side = int((megapixels * 1e6) ** 0.5)
        Image.new(mode, (side, side)).save(place / name, **options)
    return {name: place / name for name in kinds}


@pytest.mark.slow
def test_decoding_takes_what_the_bound_says(tmp_path):
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from stylenet.pictures.images import read_picture\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak(); read_picture(Path(sys.argv[1])); print(peak() - before)"
    )
    taken = {}
    for name, path in near_the_bound(tmp_path).items():
        done = subprocess.run(
            [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
        )
        taken[name] = int(done.stdout)
    assert {name: size for name, size in taken.items() if size > MOST_BYTES + 64e6} == {}


@pytest.mark.slow
def test_a_folder_of_bombs_and_large_pictures_is_prepared_within_the_bound(tmp_path):
    """Several at once would take several times as much."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (9000, 9000), (number, 0, 0)).save(folder / f"{number}.png")
        (folder / f"bomb{number}.png").write_bytes(BOMBS["16-bit PNG"]().getvalue())
    script = (
        "import resource, sys; from stylenet.data import photo_cache\n"
        "import stylenet.data.decode as d\n"
        "from stylenet.data.folder import FolderPhotos; d._THREADS = 6\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "before = peak(); made = photo_cache.open_cache(FolderPhotos(sys.argv[1]), 64)\n"
        "print(len(made), len(made.skipped), peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, folder], capture_output=True, text=True, check=True
    )
    good, bad, taken = map(int, done.stdout.split())
    assert (good, bad) == (3, 3)
    assert taken < MOST_BYTES + 64e6


def test_room_is_waited_for():
    room, order = Room(10), []

    def wait():
        with room.taken(5):
            order.append("second")

    with room.taken(6):
        other = threading.Thread(target=wait)
        other.start()
        other.join(0.05)
        order.append("first")
    other.join(5)
    assert order == ["first", "second"]
    with room.taken(10):
        pass


def test_a_forked_process_has_all_the_room(picture):
    """Whoever holds it while a worker of a loader is forked does not exist there."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG")
    from stylenet.pictures import decoding

    with decoding._ROOM.taken(MOST_BYTES):
        child = os.fork()
        if child == 0:
            os._exit(read_picture(content).size != picture.shape[:2])
    assert os.waitpid(child, 0)[1] == 0


def test_out_of_memory_is_a_bad_picture(tmp_path):
    """In another program, as this one may have kept as much memory from tests before."""
    Image.new("RGB", (6000, 6000)).save(tmp_path / "large.png", compress_level=1)
    code = """if True:
        import resource, sys
        from pathlib import Path
        from stylenet.system.errors import UserError
        from stylenet.pictures.images import read_picture
        from stylenet.system.memory import limit_memory
        with limit_memory():
            now = Path("/proc/self/status").read_text().split("VmData:")[1].split()[0]
            most = resource.getrlimit(resource.RLIMIT_DATA)[1]
            resource.setrlimit(resource.RLIMIT_DATA, (int(now) * 1024 + 2**25, most))
            try:
                read_picture(Path(sys.argv[1]))
            except UserError as error:
                print(error)
    """
    command = [sys.executable, "-c", code, str(tmp_path / "large.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "large.png needs more memory to decode than" in done.stdout


def exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """EXIF with entries of tag, type, count, and four bytes of value."""
    packed = b"".join(struct.pack("<2HI4s", *entry) for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + b"\0\0\0\0"


QUARTER = (ORIENTATION, SHORT, 1, struct.pack("<H", 6))


@pytest.mark.parametrize(
    "beside",
    [
        (X_RESOLUTION, ASCII, 4, b"72\0\0"),
        (IMAGE_WIDTH, FLOAT, 1, struct.pack("<f", 8.5)),
        (0x9999, 77, 1, b"none"),
        (0x8769, 4, 1, b"\xff\xff\xff\xff"),
    ],
    ids=["text for a number", "fraction for a whole", "unknown type", "pointer to nowhere"],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_odd_tags_beside_the_orientation_do_no_harm(picture, kind, beside):
    content, plain = io.BytesIO(), io.BytesIO()
    metadata = exif(*sorted([QUARTER, beside]))
    Image.fromarray(picture).save(content, kind, exif=metadata)
    Image.fromarray(picture).save(plain, kind)
    stored = read_picture(plain).rgb
    np.testing.assert_array_equal(read_picture(content).rgb, np.rot90(stored, -1))


@pytest.mark.parametrize(
    "metadata",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"nonsense",
        exif((ORIENTATION, SHORT, 1, struct.pack("<H", 0))),
        exif((ORIENTATION, SHORT, 1, struct.pack("<H", 9))),
        exif((ORIENTATION, FLOAT, 1, struct.pack("<f", 6))),
        exif((ORIENTATION, ASCII, 2, b"6\0\0\0")),
    ],
)
def test_an_orientation_that_is_none_turns_nothing(picture, metadata):
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", exif=metadata)
    np.testing.assert_array_equal(read_picture(content).rgb, picture)


@pytest.mark.parametrize("kind", [b"iTXt", b"zTXt", b"tEXt"])
def test_megabytes_of_text_are_passed_over(picture, kind):
    text = b"x" * 3_000_000
    body = {
        b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(text),
        b"zTXt": b"Comment\0\0" + zlib.compress(text),
        b"tEXt": b"Comment\0" + text,
    }[kind]
    height, width, _ = picture.shape
    rows = [row.tobytes() for row in picture]
    found = read_picture(png(width, height, 8, 2, rows, chunk(kind, body)))
    np.testing.assert_array_equal(found.rgb, picture)


def test_a_profile_of_megabytes_is_used(picture):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", icc_profile=srgb + bytes(2_000_000))
    np.testing.assert_array_equal(read_picture(content).rgb, picture)


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".avif", ".jp2"])
def test_formats_that_pillow_reads_are_read(picture, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(picture).save(path)
    assert np.abs(read_picture(path).rgb - picture.astype(float)).mean() < 6


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "PCX", "PDF", "EPS"])
def test_decoders_that_are_not_listed_are_not_run(kind):
    content = io.BytesIO()
    Image.new("RGB", (32, 32)).save(content, kind)
    assert kind not in DECODERS
    with pytest.raises(UserError, match="is no picture stylenet can read"):
        read_picture(content)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16"])
def test_a_picture_may_come_smaller_but_twice_as_large_as_enough(mode):
    ramp = np.tile(np.arange(1024, dtype=np.uint16) // 4, (600, 1))
    image = (
        Image.fromarray(ramp * 257)
        if mode == "I;16"
        else Image.fromarray(ramp.astype(np.uint8)).convert(mode)
    )
    content = io.BytesIO()
    image.save(content, "PNG")
    found = read_picture(content, shorter_side=100)
    assert found.size == (200, 342)
    np.testing.assert_allclose(found.rgb[:, :341, 0], ramp[:1, 1:1023:3].repeat(200, 0), atol=1)


def test_a_jpeg_is_decoded_at_the_fraction_that_is_enough(picture):
    content = io.BytesIO()
    Image.fromarray(picture).resize((2048, 1536)).save(content, "JPEG")
    assert read_picture(content, shorter_side=192).size == (384, 512)
    assert read_picture(content, shorter_side=2000).size == (1536, 2048)
