"""The command that stylises files and folders: what it writes, and what it refuses."""

import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylenet.evaluate import main as evaluate
from stylenet.export.__main__ import main as export
from stylenet.models.checkpoint import load_model, save_model
from stylenet.nets import video
from stylenet.nets.apply import apply_net, clip_net
from stylenet.nets.johnson import TransformerNet
from stylenet.ops import kernels
from stylenet.optimize import main as optimize
from stylenet.pictures.color import luma, to_floats
from stylenet.pictures.images import read_picture
from stylenet.runtime.frames import clip_frames
from stylenet.stylize import main

WIDTH = 0.1
Run = Callable[..., int]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A run folder; the net has random weights."""
    torch.manual_seed(0)
    run = tmp_path_factory.mktemp("run")
    net = TransformerNet(width=WIDTH)
    target = "stylenet.nets.johnson.TransformerNet"
    save_model(run / "model.pt", net, {"net": {"_target_": target, "width": WIDTH}})
    return run


@pytest.fixture
def run(model) -> Run:
    """The command, with a model unless one is given; the exit code."""

    def run(*arguments: object) -> int:
        models = [] if "--model" in arguments else ["--model", str(model)]
        try:
            return main([*models, "--device", "cpu", *map(str, arguments)])
        except SystemExit as stop:
            return stop.code

    return run


@pytest.fixture
def photo(picture, tmp_path) -> Path:
    return save(picture[:65, :51], tmp_path / "photo.png")


def save(pixels: np.ndarray, path: Path, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def files(folder: Path) -> list[str]:
    """All files below `folder`, hidden ones too."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@contextmanager
def limit(kind: int, size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_result_is_what_the_net_makes_of_the_photo(run, photo, model, tmp_path, capsys):
    assert run(photo, "-o", tmp_path / "out.png") == 0
    with torch.inference_mode():
        image = torch.tensor(read_picture(photo).rgb).permute(2, 0, 1)[None] / 255
        expected = load_model(model).net(image)[0].clamp(0, 1).permute(1, 2, 0).numpy() * 255
    assert np.abs(read_picture(tmp_path / "out.png").rgb - expected).max() <= 0.51
    captured = capsys.readouterr()
    assert captured.out.startswith(f"1 of 1 pictures written to {tmp_path}/out.png in ")
    assert re.search(r" megapixels/s\nNext:\n  .*stylenet export .* -o .*\.onnx\n$", captured.out)
    assert captured.err == ""


def test_a_style_that_no_run_has_learnt_is_the_starters(photo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main([str(photo), "--model", "udnie", "-o", "out.png"])
    said = one_error(capsys)
    assert "give --style udnie alone" in said
    assert said.endswith("stylenet train style=udnie\n")


def test_colours_beyond_the_range_are_clipped(picture):
    net = TransformerNet(width=WIDTH).eval()
    net.head.bias.data = torch.tensor([99.0, -99.0, 0.0])
    stylized = apply_net(net, picture)
    assert (stylized.shape, stylized.dtype) == (picture.shape, np.uint8)
    assert (stylized[..., :2] == [255, 0]).all()


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 35), (37, 101)])
def test_sizes_are_kept(run, tmp_path, size):
    photo = save(np.full((*size, 3), 99, np.uint8), tmp_path / "photo.png")
    assert run(photo, "-o", tmp_path / "out.png") == 0
    assert read_picture(tmp_path / "out.png").size == size


def test_size_sets_the_longer_side(run, photo, tmp_path):
    assert run(photo, "--size", 130, "-o", tmp_path / "out.png") == 0
    assert read_picture(tmp_path / "out.png").size == (130, 102)


def test_turned_photo_gives_the_result_of_the_upright_one(run, photo, tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    stored = np.rot90(read_picture(photo).rgb)
    save(stored, tmp_path / "turned.png", exif=turned)
    assert run(photo, tmp_path / "turned.png", "-o", tmp_path / "out") == 0
    upright, turned = (read_picture(tmp_path / "out" / n) for n in ("photo.png", "turned.png"))
    np.testing.assert_array_equal(upright.rgb, turned.rgb)


def test_transparency_is_kept_bit_for_bit(run, picture, tmp_path):
    rgba = np.dstack([picture, picture[..., 1]])
    photo = save(rgba, tmp_path / "photo.png")
    assert run(photo, "-o", tmp_path / "out.png") == 0
    np.testing.assert_array_equal(read_picture(tmp_path / "out.png").alpha, rgba[..., 3])


def test_strength_0_is_the_photo_and_half_is_half_way(run, photo, tmp_path):
    results = []
    for strength in (0, 0.5, 1):
        assert run(photo, "--strength", strength, "-o", tmp_path / "out.png") == 0
        results.append(read_picture(tmp_path / "out.png").rgb.astype(float))
    none, half, full = results
    np.testing.assert_array_equal(none, read_picture(photo).rgb)
    assert np.abs(full - none).max() > 10
    assert np.abs(half - (none + full) / 2).max() <= 1


def test_preserve_color_keeps_chroma_and_takes_luma(run, model, tmp_path):
    rng = np.random.default_rng(0)
    rgb = rng.integers(108, 148, (40, 44, 3), dtype=np.uint8)
    photo = save(rgb, tmp_path / "photo.png")
    assert run(photo, "--preserve-color", "-o", tmp_path / "out.png") == 0
    got = read_picture(tmp_path / "out.png").rgb
    inside = ((got > 0) & (got < 255)).all(-1)
    assert inside.mean() > 0.5
    chroma = [a - luma(a)[..., None] for a in (to_floats(got), to_floats(rgb))]
    assert np.abs(chroma[0] - chroma[1])[inside].max() <= 1.5 / 255
    stylized = luma(to_floats(apply_net(load_model(model).net, rgb)))
    assert np.abs(luma(to_floats(got)) - stylized)[inside].max() <= 1.5 / 255


def test_folder_is_mirrored_and_formats_are_kept(run, picture, tmp_path, capsys):
    photos = tmp_path / "photos"
    for name in ("a.jpg", "a.png", "trip/b.webp", "trip/far/c.gif"):
        save(picture[:40, :40], photos / name)
    (photos / "notes.txt").touch()
    assert run(photos, "-o", tmp_path / "out") == 0
    assert files(tmp_path / "out") == ["a.jpg", "a.png", "trip/b.webp", "trip/far/c.png"]
    assert capsys.readouterr().out.startswith("4 of 4 pictures written to ")


def test_several_inputs_go_to_one_folder(run, photo, picture, tmp_path):
    save(picture[:40, :40], tmp_path / "more/x/y.png")
    assert run(photo, tmp_path / "more", "-o", f"{tmp_path}/new.png/") == 0
    assert files(tmp_path / "new.png") == ["photo.png", "x/y.png"]


def test_earlier_results_inside_the_folder_are_not_stylised_again(
    run, photo, capsys, monkeypatch, tmp_path_factory
):
    monkeypatch.setenv("STYLENET_CACHE", str(tmp_path_factory.mktemp("cache")))  # not beside it
    for _ in range(2):
        assert run(photo.parent, "-o", photo.parent / "out") == 0
        assert capsys.readouterr().out.startswith("1 of 1 ")
    assert files(photo.parent) == ["out/photo.png", "photo.png"]


def test_photos_in_the_folder_of_results_are_kept(run, photo, picture, capsys):
    own = save(picture[:40, :40], photo.parent / "out/photo.png")
    before = own.read_bytes()
    assert run(photo.parent, "-o", own.parent) == 2
    assert "holds pictures that stylenet did not write, such as" in one_error(capsys)
    assert own.read_bytes() == before
    assert files(photo.parent) == ["out/photo.png", "photo.png"]


@pytest.mark.parametrize("suffix", [".mp4", ".MKV", ".avi"])
def test_photos_do_not_become_a_clip(run, photo, tmp_path, capsys, suffix):
    assert run(photo, "-o", tmp_path / f"out{suffix}") == 2
    assert f"is a clip, and {photo} is none; give a picture or a folder" in one_error(capsys)
    assert files(tmp_path) == ["photo.png"]


def test_bad_files_in_a_folder_are_named_and_the_rest_is_written(run, picture, tmp_path, capsys):
    photos = tmp_path / "photos"
    save(picture[:40, :40], photos / "good.png")
    save(picture[:1, :1], photos / "dot.png")
    (photos / "text.jpg").write_text("no picture")
    (photos / "gone.png").symlink_to(tmp_path / "nowhere")
    assert run(photos, "-o", tmp_path / "out") == 1
    assert files(tmp_path / "out") == ["good.png"]
    captured = capsys.readouterr()
    first, second = captured.err.splitlines()
    assert "dot.png is 1x1 pixels; give one of at least 32x32" in first
    assert "text.jpg is no picture" in second
    assert captured.out.startswith("1 of 3 pictures written")


@pytest.mark.parametrize("names", [("a.png", "a.gif"), ("x/a.png", "y/a.png")])
def test_results_never_replace_each_other(run, picture, tmp_path, capsys, names):
    first, second = (save(picture[:40, :40], tmp_path / name) for name in names)
    assert run(first, second, "-o", tmp_path / "out") == 2
    error = one_error(capsys)
    assert f"{first} and {second} would both become {tmp_path}/out/a.png; rename one" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["photo.png", ".", "link/photo.png"])
def test_photos_are_never_replaced(run, photo, capsys, out):
    before = photo.read_bytes()
    (photo.parent / "link").symlink_to(photo.parent)
    assert run(photo, "-o", photo.parent / out) == 2
    assert "would be replaced; choose another output" in one_error(capsys)
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["gone.png", "-o", "out"], "gone.png does not exist; check the path"),
        (["empty", "-o", "out"], "empty has no pictures; they end in .avif .bmp .gif"),
        (["photo.png", "-o", "out.gif"], "out.gif has no picture suffix stylenet can write"),
        (["photo.png", "empty", "-o", "out.png"], "out.png is one file for several photos"),
        (["empty", "-o", "out.png"], "out.png is one file for several photos; give a folder"),
        (["clear.png", "-o", "out.jpg"], "out.jpg cannot hold transparency; save as .png"),
        (["photo.png", "-o", "file"], "file is a file with no picture suffix; give a folder or"),
        (["photo.png", "-o", "file/out"], "cannot write file/out/photo.png (Not a directory)"),
        (["photo.png", "-o", "out", "--model", "gone"], "gone does not exist; give a run folder"),
        (["photo.png", "-o", "out", "--model", "file"], "file is no stylenet model"),
        (["dot.png", "-o", "out"], "dot.png is 1x1 pixels; give one of at least 32x32"),
        (["strip.png", "--size", 64, "-o", "out"], "strip.png becomes 64x16; the net needs at"),
        (["moving.gif", "-o", "out"], "moving.gif has 2 frames; save the one you want"),
        (["text.jpg", "-o", "out"], "text.jpg is no picture stylenet can read"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    run, photo, picture, monkeypatch, capsys, arguments, error
):
    monkeypatch.chdir(photo.parent)
    Path("empty").mkdir()
    Path("file").touch()
    Path("text.jpg").write_text("no picture")
    save(picture[:1, :1], Path("dot.png"))
    save(picture[:32, :128], Path("strip.png"))
    save(np.dstack([picture, picture[..., 0]]), Path("clear.png"))
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    kernels.are_compiled()  # compiled kernels stay in the cache
    before = files(Path())
    assert run(*arguments) == 2
    assert error in one_error(capsys)
    assert files(Path()) == before


def test_model_of_the_wrong_shape_is_named(run, photo, tmp_path, capsys):
    config = {"net": {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.2}}
    save_model(tmp_path / "wrong.pt", TransformerNet(width=WIDTH), config)
    assert run(photo, "-o", tmp_path / "out", "--model", tmp_path / "wrong.pt") == 2
    assert "wrong.pt" in one_error(capsys)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_gpu_is_named(run, photo, tmp_path, capsys):
    assert run(photo, "-o", tmp_path / "out", "--device", "cuda") == 2
    assert "--device cuda: no GPU found; use --device cpu" in one_error(capsys)


def test_a_run_is_exported_before_tensorrt_takes_it(run, photo, tmp_path, capsys):
    assert run(photo, "-o", tmp_path / "out", "--device", "tensorrt") == 2
    assert "--device tensorrt runs exported models; run " in one_error(capsys)


@pytest.mark.parametrize(
    "option",
    [
        *("--size=31", "--size=many", "--strength=1.1", "--strength=nan", "--device=tpu"),
        *("--feather=-1", "--feather=1e300", "--feather=nan", "--feather=x"),
        *("--sharpen=-1", "--sharpen=1e300", "--sharpen=inf"),
    ],
)
def test_option_out_of_range_is_named_with_the_usage(run, photo, capsys, option):
    assert run(photo, "-o", "out", option) == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: stylenet stylize")
    assert f"error: argument {option.split('=')[0]}: " in error.splitlines()[-1]


def test_an_empty_output_is_named_and_is_not_the_current_folder(photo, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    for command in (main, optimize, evaluate, export):
        with pytest.raises(SystemExit, match="2"):
            command([str(photo), "-o", ""])
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.endswith("argument -o/--out: it is empty; name a file or a folder")
    assert sorted(tmp_path.rglob("*")) == before


def test_full_disk_ends_the_run_and_leaves_nothing_half_written(run, picture, tmp_path, capsys):
    """A limit on file sizes stands in for the disk: the write fails part of the way."""
    for name in ("a.bmp", "b.bmp"):
        save(picture, tmp_path / "photos" / name)
    with limit(resource.RLIMIT_FSIZE, 8192):
        assert run(tmp_path / "photos", "-o", tmp_path / "out") == 2
    assert "out/a.bmp (File too large); free space or choose another" in one_error(capsys)
    assert files(tmp_path / "out") == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory so")
def test_too_little_memory_names_the_photo_and_the_mend(run, tmp_path, capsys):
    large = save(np.zeros((3000, 3000, 3), np.uint8), tmp_path / "large.png")
    status = Path("/proc/self/status").read_text()
    used = 1024 * int(status.split("VmData:")[1].split()[0])
    with limit(resource.RLIMIT_DATA, used + 200_000_000):
        assert run(large, "-o", tmp_path / "out") == 2
    error = one_error(capsys)
    assert "large.png needs more memory than there is; give a smaller --size, or --tile" in error
    assert not (tmp_path / "out").exists()


def test_interrupt_ends_with_130_and_whole_pictures(model, picture, tmp_path):
    for number in range(500):
        save(picture, tmp_path / f"photos/{number}.png", compress_level=0)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "stylenet.stylize", tmp_path / "photos", "--model", model]
    process = subprocess.Popen(
        [*command, "-o", out, "--device", "cpu"],
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background commands with the interrupt ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    while process.poll() is None and not any(out.glob("*.png")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert error == "interrupted; the pictures finished so far are kept\n"
    assert 0 < len(files(out)) < 500
    for name in files(out):
        assert read_picture(out / name).size == picture.shape[:2]


def test_outside_its_mask_the_photo_is_untouched_and_inside_stylised(run, photo, tmp_path):
    rgb = read_picture(photo).rgb
    mask = np.zeros(rgb.shape[:2], "u1")
    mask[:32] = 255
    save(mask, tmp_path / "mask.png")
    whole, part, rest = (tmp_path / name for name in ("whole.png", "part.png", "rest.png"))
    assert run(photo, "-o", whole) == 0
    assert run(photo, "-o", part, "--mask", tmp_path / "mask.png", "--feather", "0") == 0
    assert run(photo, "-o", rest, "--keep", tmp_path / "mask.png", "--feather", "0") == 0
    stylized = read_picture(whole).rgb
    assert (read_picture(part).rgb == np.where(mask[..., None], stylized, rgb)).all()
    assert (read_picture(rest).rgb == np.where(mask[..., None], rgb, stylized)).all()


def test_two_models_have_a_region_each(run, model, photo, tmp_path):
    torch.manual_seed(1)
    other = tmp_path / "other.pt"
    target = "stylenet.nets.johnson.TransformerNet"
    save_model(other, TransformerNet(width=WIDTH), {"net": {"_target_": target, "width": WIDTH}})
    rgb = read_picture(photo).rgb
    top = np.zeros(rgb.shape[:2], "u1")
    top[:30] = 255
    masks = [save(top, tmp_path / "top.png"), save(255 - top, tmp_path / "below.png")]
    both, first, second = (tmp_path / name for name in ("both.png", "first.png", "second.png"))
    assert run(photo, "-o", first) == 0
    assert run(photo, "-o", second, "--model", other) == 0
    regions = ["--model", model, "--mask", masks[0], "--model", other, "--mask", masks[1]]
    assert run(photo, "-o", both, *regions, "--feather", "0") == 0
    expected = np.where(top[..., None], read_picture(first).rgb, read_picture(second).rgb)
    assert (read_picture(both).rgb == expected).all()


def test_masks_that_do_not_fit_are_one_line(run, photo, tmp_path, capsys):
    missing = tmp_path / "missing.png"
    assert run(photo, "-o", tmp_path / "o.png", "--mask", missing) == 2
    assert "missing.png does not exist" in capsys.readouterr().err
    mask = save(np.zeros((4, 4), "u1"), tmp_path / "mask.png")
    assert run(photo, "-o", tmp_path / "o.png", "--mask", mask, "--mask", mask) == 2
    assert "1 --model, 0 --style and 2 --mask" in capsys.readouterr().err


def film(path: Path, count: int = 4) -> Path:
    av = pytest.importorskip("av")
    coarse = np.random.default_rng(0).integers(0, 256, (count, 3, 4, 3), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"crf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for cells in coarse:
            smooth = Image.fromarray(cells).resize((64, 48), Image.Resampling.BICUBIC)
            out.mux(stream.encode(av.VideoFrame.from_image(smooth)))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize("kind", ["RecurrentNet", "WindowNet"])
def test_a_net_for_clips_stylises_clips_and_photos(run, tmp_path, photo, capsys, kind):
    torch.manual_seed(0)
    net = getattr(video, kind)(width=WIDTH, blocks=1)
    recipe = {"_target_": f"stylenet.nets.video.{kind}", "width": WIDTH, "blocks": 1}
    save_model(tmp_path / "net.pt", net, {"net": recipe})
    clip, out = film(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    assert run(clip, "-o", out, "--model", tmp_path / "net.pt") == 0
    assert "4 frames written" in capsys.readouterr().out
    expected = list(clip_net(net.eval())(clip_frames(clip)))
    for ours, theirs in zip(clip_frames(out), expected, strict=True):
        assert np.abs(ours.astype(int) - theirs).mean() < 6  # x264 and its colours
    assert run(photo, "-o", tmp_path / "styled.png", "--model", tmp_path / "net.pt") == 0
    capsys.readouterr()
    assert run(clip, "-o", out, "--model", tmp_path / "net.pt", "--stroke-scale", "2") == 2
    assert "per-frame nets" in one_error(capsys)


def test_a_region_of_a_clip_is_stylised(run, tmp_path):
    clip, out = film(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    top = np.zeros((48, 64), "u1")
    top[:16] = 255
    mask = save(top, tmp_path / "mask.png")
    assert run(clip, "-o", out, "--mask", mask, "--feather", "0") == 0
    before, after = next(clip_frames(clip)).astype(int), next(clip_frames(out))
    change = np.abs(before - after).mean((1, 2))
    assert change[:14].mean() > 5 * change[18:].mean()


def test_a_webcam_or_photos_but_not_both_and_not_neither(run, photo, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    for given in ([], [photo, "--webcam", "97"]):
        assert run(*given, "-o", out) == 2
        assert "give photos, folders or a clip; or else --webcam" in one_error(capsys)
    assert run("--webcam", "97", "-o", out) == 2
    assert "cannot open the webcam /dev/video97" in one_error(capsys)
