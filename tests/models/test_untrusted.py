"""Files of models that anybody may have written, or that are damaged: refused, or as they were."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import nn

from stylenet.evaluate import main as evaluate
from stylenet.evaluation.subjects import open_subject
from stylenet.export.contract import add_metadata, metadata
from stylenet.export.onnx import to_onnx
from stylenet.models import sealed
from stylenet.models.checkpoint import TrainedModel, load_model, save_model
from stylenet.models.criterion import criterion
from stylenet.models.learnt import keep_copies, learnt_picture
from stylenet.nets.adain import AdaIN
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.slim import SlimNet
from stylenet.reports.sweep import read_sweep
from stylenet.runtime import Session
from stylenet.runtime.model import open_model
from stylenet.runtime.pair import Pair
from stylenet.runtime.tiles import TiledSession
from stylenet.styles.chosen import shipped_style
from stylenet.styles.picture import Style
from stylenet.stylize import main as stylize
from stylenet.system.errors import UserError
from stylenet.system.untrusted import check_plain, label, safe_name

SLIM = {"_target_": "stylenet.nets.slim.SlimNet", "channels": 2, "blocks": 0}
end = helper.make_tensor_value_info
PHOTO = np.random.default_rng(0).integers(0, 256, (32, 36, 3), dtype=np.uint8)
FEW = settings(  # the same each time: a campaign of minutes tries others
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def bent(data: bytes, draw: Any) -> bytes:
    """`data`, damaged at up to three places, or cut off, or with more behind it."""
    damaged = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        near = draw(st.sampled_from([len(data), 1200]))
        place = draw(st.integers(0, min(near, len(data)) - 1))
        if draw(st.booleans()):
            place = len(data) - 1 - place
        damaged[place] = draw(st.integers(0, 255))
    how = draw(st.sampled_from(["changed", "changed", "changed", "cut", "longer"]))
    if how == "cut":
        del damaged[draw(st.integers(0, len(damaged))) :]
    if how == "longer":
        damaged += draw(st.binary(max_size=100))
    return bytes(damaged)


def unless_refused(make: Callable[[], Any], name: str) -> Any:
    """What is made; None where that ends in one line, which names the file."""
    try:
        return make()
    except UserError as error:
        said = str(error)
    assert "\n" not in said
    assert name in said
    return None


# model.pt


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    save_model(folder / "model.pt", SlimNet(channels=2, blocks=0), {"net": SLIM, "seed": 0})
    return folder / "model.pt"


def unsummed(data: bytes) -> bytes:
    """As earlier versions wrote it."""
    file = io.BytesIO()
    torch.save(sealed.parse(data), file)
    return file.getvalue()


@pytest.mark.parametrize("version", [bytes, unsummed], ids=["summed", "earlier"])
@FEW
@given(data=st.data())
def test_a_damaged_model_file_is_refused_or_holds_the_same(
    trained: Path, tmp_path: Path, version: Callable[[bytes], bytes], data: Any
):
    expected = load_model(trained).net.state_dict()
    file = tmp_path / "model.pt"
    file.write_bytes(bent(version(trained.read_bytes()), data.draw))
    model = unless_refused(lambda: load_model(file), str(file))
    if model is not None:
        assert model.config == {"net": SLIM, "seed": 0}
        found = model.net.state_dict()
        assert all(torch.equal(found[name], value) for name, value in expected.items())


def refused(model: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """The one line with which stylising two photos ends."""
    photos = [str(model.parent / name) for name in ("photo.png", "another.png")]
    for photo in photos:
        Image.fromarray(PHOTO).save(photo)
    with pytest.raises(SystemExit) as stop:
        stylize([*photos, "--model", str(model), *more])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def odd_weights(kind: str) -> Any:
    weights = SlimNet(channels=2, blocks=0).state_dict()
    name = next(iter(weights))
    if kind == "not a number":
        return {key: torch.full_like(value, torch.nan) for key, value in weights.items()}
    if kind == "endless":
        return weights | {name: weights[name] / 0}
    if kind == "no tensor":
        return weights | {name: weights[name].tolist()}
    if kind == "sparse":
        return weights | {name: weights[name].to_sparse()}
    if kind == "of whole numbers":
        return weights | {name: weights[name].long()}
    if kind == "more than there is":
        return weights | {name: torch.zeros(1).expand(10**4, 10**4, 10**4)}
    return {} if kind == "none" else kind


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("not a number", "its weights are not finite"),
        ("endless", "its weights are not finite"),
        ("no tensor", "it has no weights"),
        ("sparse", "it has no weights"),
        ("of whole numbers", "weights do not fit its net (stem"),
        ("more than there is", "more weights than it does"),
        ("none", "weights do not fit its net"),
        ("text", "it has no weights"),
    ],
)
def test_weights_that_are_none_are_one_line(
    kind: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    content = {"config": {"net": SLIM}, "weights": odd_weights(kind)}
    (tmp_path / "model.pt").write_bytes(sealed.dump(content))
    out = str(tmp_path / "out")
    assert said in refused(tmp_path / "model.pt", capsys, "-o", out)
    assert not Path(out).exists()


@pytest.mark.parametrize("size", [{"channels": 10**9}, {"blocks": 10**9}, {"channels": 1000}])
def test_a_small_file_of_a_huge_net_takes_no_memory(size: dict, tmp_path: Path):
    content = {"config": {"net": SLIM | size}, "weights": odd_weights("")}
    content["weights"] = SlimNet(channels=2, blocks=0).state_dict()
    (tmp_path / "model.pt").write_bytes(sealed.dump(content))
    with pytest.raises(UserError, match=r"describes a net of|do not fit"):
        load_model(tmp_path)


EVIL = {
    "_target_": "stylenet.styles.Style",
    "name": "n/../../../.bashrc",
    "url": "https://127.0.0.1:1/evil.png",
    "sha256": "0" * 64,
    "image": "secret.png",
}
TARGETS = [
    "stylenet.styles.Style",
    "stylenet.data.folder.FolderPhotos",
    "stylenet.pixels.yardstick.Curves",
    "stylenet.tasks.cyclegan.CycleGAN",
]


@pytest.mark.parametrize("style", [EVIL, EVIL | {"name": ["udnie"]}, EVIL | {"name": "\n\x1b[31m"}])
def test_a_style_that_a_file_tells_is_neither_opened_nor_fetched_nor_written(
    style: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "stylenet.styles.picture.fetch", lambda url: pytest.fail(f"{url} was fetched")
    )
    Image.fromarray(PHOTO.repeat(3, 0).repeat(3, 1)).save("secret.png")
    note = {"sha256": "0" * 64, "origin": "download"}
    own, shown = (
        {"net": SLIM, "style_picture": note, **told}
        for told in ({"style": style}, {"task": {"preview": style}})
    )
    save_model(Path("one", "model.pt"), SlimNet(channels=2, blocks=0), own)
    save_model(Path("two", "model.pt"), SlimNet(channels=2, blocks=0), shown)
    Path("model.onnx").write_bytes(tiny(own))
    for place in ("one", "two", "model.onnx"):
        with pytest.raises(SystemExit) as stop:
            evaluate([place])
        said = capsys.readouterr().err
        assert stop.value.code == 2
        assert said.startswith(f"error: {place} learnt a picture of its user's")
        assert said.count("\n") == 1
        assert "\x1b" not in said
    found = {str(path) for path in Path().rglob("*") if path.is_file()}
    assert found == {"secret.png", "one/model.pt", "two/model.pt", "model.onnx"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_class_that_reads_is_not_built_within_a_net(target: str, tmp_path: Path):
    recipe = SLIM | {"channels": {"_target_": target, "file": "secret", "name": "x"}}
    save_model(tmp_path / "model.pt", SlimNet(channels=2, blocks=0), {"net": recipe})
    with pytest.raises(UserError, match=f"would build {target}"):
        load_model(tmp_path)


# The picture that was learnt


def saved_with(folder: Path, style: dict, note: dict) -> Path:
    config = {"net": SLIM, "style": style, "style_picture": note}
    save_model(folder / "model.pt", SlimNet(channels=2, blocks=0), config)
    return folder / "model.pt"


def test_a_users_picture_is_found_beside_the_model_also_after_it_was_moved(
    tmp_path: Path, picture: np.ndarray
):
    Image.fromarray(picture).save(tmp_path / "my cat.png")
    style = Style("custom", image=str(tmp_path / "my cat.png"))
    learnt = style.picture()
    run = tmp_path / "run"
    run.mkdir()
    model = saved_with(run, {"name": "custom", "image": style.image}, learnt.note())
    keep_copies(run, [learnt])
    (tmp_path / "my cat.png").unlink()
    moved = run.rename(tmp_path / "elsewhere")
    found = learnt_picture(load_model(moved).config, moved)
    assert (found.name, found.sha256) == ("my cat", learnt.sha256)
    assert np.array_equal(found.rgb, picture)
    assert open_subject(moved / model.name, None).style().sha256 == learnt.sha256


def test_of_several_pictures_each_is_found_by_its_sum(tmp_path: Path, picture: np.ndarray):
    learnt = []
    for number, rgb in enumerate((picture, 255 - picture)):
        Image.fromarray(rgb).save(tmp_path / f"{number}.bmp")
        learnt.append(Style("custom", image=str(tmp_path / f"{number}.bmp")).picture())
    keep_copies(tmp_path / "run", learnt)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "style_1.bmp",
        "style_2.bmp",
    ]
    config = {"style": {"name": "custom"}, "style_picture": learnt[1].note()}
    assert np.array_equal(learnt_picture(config, tmp_path / "run").rgb, 255 - picture)


def test_a_shipped_style_is_found_by_its_name_or_its_sum_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("stylenet.styles.picture.fetch", lambda url: fetched.append(url) or b"")
    fetched: list[str] = []
    told = {"name": "my run", "url": "https://127.0.0.1:1/x", "image": "/etc/hostname"}
    with pytest.raises(UserError, match="is altered"):
        learnt_picture({"style": told | {"name": "udnie"}}, tmp_path)
    note = {"sha256": shipped_style("udnie").sha256}
    with pytest.raises(UserError, match="is altered"):
        learnt_picture({"style": told, "style_picture": note}, tmp_path)
    [url, again] = fetched
    assert url == again == shipped_style("udnie").url


LOSS = {
    "_target_": "stylenet.losses.perceptual.PerceptualLoss",
    **{"content_layers": {"relu1_1": 1.0}, "style_layers": {"relu1_1": 1.0}},
    **{"content_weight": 1.0, "style_weight": 2.0, "tv_weight": 0.0, "relative": True},
}
TASK = {"vgg": {"_target_": "stylenet.vgg.VGG", "_partial_": True}, "style_size": 64}


def test_the_loss_of_the_training_is_the_one_told_with_what_was_measured():
    config = {"loss": LOSS, "task": TASK, "measured": {"style_weight": 7.0, "content_layers": {}}}
    found = criterion(config)
    assert (found.loss.weights["style"], found.style_size) == (7, 64)
    assert found.loss.layers == ["relu1_1"]
    assert criterion(config, measured=False).loss.weights["style"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task": None}, "not trained with a perceptual loss"),
        ({"loss": None}, "nothing that can be built"),
        ({"loss": SLIM}, "not trained with a perceptual loss"),
        ({"loss": LOSS | {"style_layers": {"relu9_9": 1.0}}}, "no layer relu9_9"),
        ({"loss": LOSS | {"style_layers": {"relu1_1": "x"}}}, "do not fit"),
        ({"task": TASK | {"style_size": 10**9}}, "is not between 1 and 4096"),
        ({"task": TASK | {"vgg": EVIL}}, "would build stylenet.styles.Style"),
        ({"task": TASK | {"vgg": TASK["vgg"] | {"weights": "secret.pt"}}}, "are not opened"),
    ],
)
def test_a_loss_that_makes_no_sense_is_one_line(change: dict, said: str):
    with pytest.raises(UserError, match=said) as caught:
        criterion({"loss": LOSS, "task": TASK} | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[a, *b]", b"{a: b}", b"[" * 5000, b"- &a [*a]"])
def test_a_sweep_whose_overrides_are_damaged_is_one_line(content: bytes, tmp_path: Path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "overrides.yaml").write_bytes(content)
    with pytest.raises(UserError, match="is no list of overrides"):
        read_sweep(tmp_path)


def test_a_run_that_failed_with_odd_words_is_shown(tmp_path: Path):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "overrides.yaml").write_text("[a=1]")
    (tmp_path / "0" / "error.txt").write_bytes(b"\x1b[31m\xff" + b"x" * 1000)
    (tmp_path / "0" / "losses.csv").write_bytes(b"step,seconds\n1,soon\n")
    [run] = read_sweep(tmp_path)
    assert run.problem.startswith("failed: \ufffd[31m\ufffdxxx")
    assert len(run.problem) < 400
    assert run.seconds() is None


# .onnx


def tiny(config: dict[str, Any] = {"net": SLIM, "style": {"name": "own"}}) -> bytes:  # noqa: B006
    """A graph under the contract that inverts pictures, with a weight, as export finishes it."""
    shape = ["N", "H", "W", 3]
    ends = [end("image", TensorProto.UINT8, shape), end("stylized", TensorProto.UINT8, shape)]
    weight = numpy_helper.from_array(np.array([[[[0.9, 1.0, 1.1]]]], np.float32), "weight")
    most = numpy_helper.from_array(np.array(255, np.float32), "most")
    zero = numpy_helper.from_array(np.array(0, np.float32), "zero")
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "weight"], ["scaled"]),
        helper.make_node("Sub", ["most", "scaled"], ["inverted"]),
        helper.make_node("Clip", ["inverted", "zero", "most"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["stylized"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [weight, most, zero])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    helper.set_model_props(proto, metadata(config, "bytes"))
    return add_metadata(proto.SerializeToString(), {"precision": "fp32"})


def inverted(rgb: np.ndarray) -> np.ndarray:
    return Session(tiny())(rgb)


def test_a_file_with_a_sum_is_read_by_other_programs():
    proto = onnx.load_from_string(tiny())
    onnx.checker.check_model(proto, full_check=True)
    known = {entry.key: entry.value for entry in proto.metadata_props}
    assert re.fullmatch("[0-9a-f]{64}", known["stylenet.file_sha256"])
    assert np.array_equal(
        Session(tiny())(np.full((32, 32, 3), 100, np.uint8))[0, 0], [165, 155, 145]
    )


@FEW
@given(data=st.data())
def test_a_damaged_export_is_refused_or_gives_the_same_pixels(data: Any):
    damaged = bent(tiny(), data.draw)
    result = unless_refused(lambda: Session(damaged, "cpu", 1)(PHOTO), "the model")
    assert result is None or np.array_equal(result, inverted(PHOTO))


@pytest.mark.parametrize("key", ["stylenet.sealed", "stylenet.file_sha256"])
def test_a_sum_cannot_be_left_out(key: str):
    proto = onnx.load_from_string(tiny())
    kept = [entry for entry in proto.metadata_props if entry.key != key]
    del proto.metadata_props[:]
    proto.metadata_props.extend(kept)
    with pytest.raises(UserError, match="is damaged; export it again"):
        Session(proto.SerializeToString())


def earlier(**changes: Any) -> onnx.ModelProto:
    """A file of a version without sums, and changed metadata."""
    proto = onnx.load_from_string(tiny())
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    del facts["stylenet.sealed"], facts["stylenet.file_sha256"]
    del proto.metadata_props[:]
    helper.set_model_props(proto, facts | {f"stylenet.{k}": v for k, v in changes.items()})
    return proto


def test_files_of_earlier_versions_still_open():
    assert np.array_equal(Session(earlier().SerializeToString())(PHOTO), inverted(PHOTO))


@pytest.mark.parametrize(
    "facts",
    [
        {"io": "nonsense"},
        {"io": "tiles"},
        {"io": "window"},
        {"io": "recurrent"},
        {"config": "{"},
        {"config": "[]"},
        {"config": "[" * 100_000},
        {"config": '{"a": ' + "9" * 5000 + "}"},
    ],
    ids=str,
)
def test_metadata_that_says_nothing_sensible_is_damage(facts: dict[str, str]):
    with pytest.raises(UserError, match="is damaged; export it again"):
        open_model(earlier(**facts).SerializeToString())


def test_metadata_that_is_no_text_is_damage():
    content = earlier(style="QQQQ").SerializeToString().replace(b"QQQQ", b"\xff\xfe\xfd\xfc")
    with pytest.raises(UserError, match="is damaged; export it again"):
        open_model(content)


@pytest.mark.parametrize("contract", ["9" * 5000, "-1", "", "1.5"])
def test_odd_contracts_are_one_line(contract: str):
    with pytest.raises(UserError, match="no stylenet model"):
        open_model(earlier(contract=contract).SerializeToString())


def takes(proto: onnx.ModelProto, name: str, shape: list[Any]) -> None:
    proto.graph.input.append(end(name, TensorProto.FLOAT, shape))


@pytest.mark.parametrize("styles", [None, "", "{}", "[1, 2]", '["a"]', '["a", "b", "c"]', '"ab"'])
def test_styles_that_are_not_those_it_takes_are_damage(styles: str | None):
    proto = earlier(**({} if styles is None else {"styles": styles}))
    takes(proto, "style_weights", ["N", 2])
    with pytest.raises(UserError, match="is damaged; export it again"):
        open_model(proto.SerializeToString())


@pytest.mark.parametrize(
    "facts", [{}, {"halo": "1"}, {"halo": "1", "alignment": "0"}, {"halo": "x", "alignment": "1"}]
)
def test_tiles_without_their_numbers_are_damage(facts: dict[str, str]):
    proto = earlier(io="tiles", **facts)
    takes(proto, "interior", [4])
    takes(proto, "statistics", [2, 0])
    with pytest.raises(UserError, match="is damaged; export it again"):
        TiledSession(proto.SerializeToString())


def broken(how: str) -> bytes:
    """A model that opens and cannot be run, or makes something else than pictures."""
    proto = earlier()
    [cast, mul, *_] = proto.graph.node
    weight = proto.graph.initializer[0]
    if how == "shapes":
        weight.CopyFrom(numpy_helper.from_array(np.ones((1, 5, 1, 3), np.float32), "weight"))
    if how == "size":
        shape = numpy_helper.from_array(np.array([1, 16, -1, 3]), "shape")
        proto.graph.initializer.append(shape)
        proto.graph.node.insert(2, helper.make_node("Reshape", ["scaled", "shape"], ["other"]))
        proto.graph.node[3].input[1] = "other"
    if how == "type":
        proto.graph.node[-1].attribute[0].i = TensorProto.INT32
        proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    if how == "attribute":
        cast.attribute[0].i = 999
    if how == "name":
        proto.graph.input[0].name = mul.input[0] = "photo"
    if how in ("sequence", "text"):
        proto.graph.output[0].CopyFrom(onnx.ValueInfoProto(name="stylized"))  # of any type
        last = proto.graph.node[-1]
        last.output[0] = "one"
        if how == "sequence":
            made = helper.make_node("SequenceConstruct", ["one", "one"], ["stylized"])
        else:
            made = helper.make_node("Cast", ["one"], ["stylized"], to=TensorProto.STRING)
        proto.graph.node.append(made)
    if how == "nan":
        weight.CopyFrom(numpy_helper.from_array(np.array([np.nan], np.float32), "weight"))
    if how == "elsewhere":
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="/etc/hostname")
    return proto.SerializeToString()


HOW = ["shapes", "size", "type", "attribute", "name", "nan", "elsewhere", "sequence", "text"]


@pytest.mark.parametrize("how", HOW)
def test_a_graph_that_cannot_be_run_is_one_line(
    how: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    (tmp_path / "model.onnx").write_bytes(broken(how))
    out = str(tmp_path / "out")
    said = refused(tmp_path / "model.onnx", capfd, "-o", out)
    assert f"{tmp_path / 'model.onnx'} is no ONNX model, or is damaged; export it again" in said
    assert not Path(out).exists()


def with_weight(values: np.ndarray, constant: bool = False) -> bytes:
    """A model of an earlier version, with another weight, as an initializer or of a node."""
    proto = earlier()
    weight = numpy_helper.from_array(values, "weight")
    cast = helper.make_node("Cast", ["weight"], ["cast"], to=TensorProto.FLOAT)
    proto.graph.node[1].input[1] = "cast"
    proto.graph.node.insert(0, cast)
    if constant:
        del proto.graph.initializer[0]
        proto.graph.node.insert(0, helper.make_node("Constant", [], ["weight"], value=weight))
    else:
        proto.graph.initializer[0].CopyFrom(weight)
    return proto.SerializeToString()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("is_sealed", [False, True])
def test_weights_that_are_no_numbers_are_damage_whoever_made_the_sum(
    number: float, kind: type, constant: bool, is_sealed: bool
):
    def file(last: float) -> bytes:
        content = with_weight(np.array([[[[0.9, 1, last]]]], kind), constant)
        return add_metadata(content, {}) if is_sealed else content

    assert Session(file(1.1))(PHOTO).shape == PHOTO.shape
    with pytest.raises(UserError, match="is damaged; export it again"):
        Session(file(number))


@pytest.mark.parametrize("is_sealed", [False, True])
def test_an_endless_bound_of_a_clip_is_no_damage(is_sealed: bool):
    proto = earlier()
    endless = numpy_helper.from_array(np.array(-np.inf, np.float32), "endless")
    proto.graph.initializer.append(endless)
    proto.graph.node[3].input[1] = "endless"
    content = proto.SerializeToString()
    bright = np.full((32, 32, 3), 100, np.uint8)
    found = Session(add_metadata(content, {}) if is_sealed else content)(bright)
    assert np.array_equal(found, inverted(bright))


def test_a_name_that_utf8_cannot_hold_comes_as_an_escape():
    """Of a style picture whose file name is no text, or of a file that anybody wrote."""
    config = {"net": SLIM, "style": {"name": "caf\udce9"}, "style_picture": {"sha256": "\ud800"}}
    model = open_model(tiny(config))
    assert model.metadata["stylenet.style"] == r"caf\udce9"
    assert model.metadata["stylenet.style_picture_sha256"] == r"\ud800"
    assert model.config == config
    trained = TrainedModel(SlimNet(channels=2, blocks=0).eval(), config, Path())
    assert open_model(to_onnx(trained, "tiles")).metadata["stylenet.style"] == r"caf\udce9"


def test_a_seal_does_not_make_other_files_readable():
    """Anybody can make a sum."""
    content = add_metadata(broken("elsewhere"), {})
    with pytest.raises(UserError, match="is damaged; export it again"):
        Session(content)


@pytest.mark.parametrize("how", ["sequence", "text"])
@pytest.mark.parametrize("io", ["float", "tiles"])
def test_results_that_are_no_arrays_of_numbers_are_damage(io: str, how: str):
    proto = onnx.load_from_string(broken(how))
    for fact in proto.metadata_props:
        fact.value = io if fact.key == "stylenet.io" else fact.value
    if io == "tiles":
        helper.set_model_props(
            proto,
            {each.key: each.value for each in proto.metadata_props}
            | {"stylenet.halo": "1", "stylenet.alignment": "1"},
        )
        takes(proto, "interior", [4])
        takes(proto, "statistics", [2, 0])
    else:  # as floats, (N, 3, H, W)
        proto.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
        proto.graph.initializer[0].CopyFrom(
            numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), "weight")
        )
        del proto.graph.input[0].type.tensor_type.shape.dim[1:]
    opened = TiledSession if io == "tiles" else Session
    with pytest.raises(UserError, match="is damaged; export it again"):
        opened(proto.SerializeToString())(PHOTO)


def test_a_style_graph_that_gives_no_code_is_damage():
    with pytest.raises(UserError, match="is damaged; export it again"):
        Pair(open_model(tiny()), open_model(tiny())).code(PHOTO)


# What is read from files


@given(st.text(max_size=400))
def test_names_are_fit_for_paths_and_labels_for_a_line(text: str):
    assert re.fullmatch(r"[\w-]+", safe_name(text))
    assert len(safe_name(text).encode()) <= 240
    assert not safe_name(text).startswith("-")
    assert label(text).isprintable()
    assert len(label(text)) <= 300


@pytest.mark.parametrize("name", ["starry_night", "made-up_2", "Ölbild", "a_b_c"])
def test_names_that_are_fit_stay(name: str):
    assert safe_name(name) == name


@pytest.mark.parametrize("value", [object(), 10**30, {1j: 2}, torch.ones(1), b"x"])
def test_only_plain_values_are_plain(value: Any):
    check_plain(json.loads('{"a": [1, 2.5, null, true, "x"]}'))
    with pytest.raises(UserError):
        check_plain({"a": [value]})


@pytest.mark.parametrize("net", [TransformerNet, AdaIN])
def test_building_a_net_reads_no_file(net: type[nn.Module], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a file was read"))
    net(width=0.05)
