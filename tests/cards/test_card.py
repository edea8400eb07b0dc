"""Cards of models: true front matter and licences, commands that parse, and nothing forged."""

import re
import shlex
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from stylenet.cards.card import card
from stylenet.cards.card_file import is_untouched, sealed, write_card
from stylenet.cards.facts import Facts, facts_of
from stylenet.config.compose import composed
from stylenet.data.coco import coco_photos
from stylenet.data.credit import COCO, HELD_OUT, SAMPLES, WIKIART
from stylenet.data.folder import FolderPhotos
from stylenet.data.hub import HubPhotos
from stylenet.data.samples import SamplePhotos
from stylenet.data.style_pictures import Homages
from stylenet.models.credits import NOT_STATED, of_picture, of_preview
from stylenet.runs.placeless import without_folders
from stylenet.styles.known import config_of
from stylenet.styles.picture import OURS

WAVE = config_of("great_wave")
NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.5}
SHIPPED = {"name": "great_wave", "origin": "cache", "sha256": WAVE["sha256"], "credit": "?"}
OWN = {"name": "cat", "origin": "file", "sha256": "0" * 64, "credit": "/home/ann/cat.jpg"}
CREDITS = {
    "photos": FolderPhotos("/home/ann/photos").credit.note(),
    "previews": SamplePhotos(held_out=True).credit.note(),
}


def config(**changed: object) -> dict:
    """The config of a training in the style of the user's own picture."""
    return {
        "seed": 0,
        "net": NET,
        "style": {"name": "cat", "image": "/home/ann/cat.jpg"},
        "style_picture": OWN,
        "loss": {"content_weight": 1.0, "style_weight": 13.5},
        "measured": {"style_weight": 21.5},
        "task": {"vgg": {"weights": "caffe", "architecture": "vgg19"}},
        "trainer": {"max_steps": 1600},
        "data": {"path": "/home/ann/photos", "size": 192, "batch_size": 1},
        "pictures": {"photos": {"count": 728}},
        "credits": CREDITS,
        **changed,
    }


FACTS = Facts(
    overrides=["style=custom", "style.image=/home/ann/cat.jpg", "run=/home/ann/r", "data=folder"],
    result={"content": 0.5, "style": 0.02, "total": 0.93},
    steps=1600,
    seconds=296.4,
    preview=True,
)


def front_matter(text: str) -> dict:
    _, told, _ = text.split("---\n", 2)
    return yaml.safe_load(told)


def section(text: str, heading: str) -> str:
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_it_tells_what_the_net_is_and_what_it_was_made_from():
    text = card(config(), FACTS)
    assert front_matter(text) == {
        "library_name": "stylenet",
        "license": "unknown",
        "pipeline_tag": "image-to-image",
        "tags": ["style-transfer", "stylenet", "pytorch"],
    }
    assert "# `cat`\n" in text
    assert "![Photos before and after](preview.png)" in text
    assert f"`cat.jpg`; source: a file of its user's; sha256 `{'0' * 64}`" in text
    assert f"`a folder of its user's`; pictures: 728; licence: {NOT_STATED}" in text
    assert HELD_OUT in section(text, "The photos")
    assert "University of Oxford, [CC BY 4.0]" in section(text, "The perceptual network")
    assert "- style weight for this picture: 21.5\n" in section(text, "Settings")
    assert "Training took 4 min 56 s." in text
    assert "| style | 0.02 | how far it is from the style picture in style |" in text
    assert "## The start" not in text
    assert "/home/" not in text


def test_weights_to_start_from_are_named():
    text = card(config(started_from="/home/ann/x, a net trained on [y](z)"), FACTS)
    assert "Training started from `x, a net trained on [y](z)`." in section(text, "The start")
    assert "## The start" not in card(config(started_from="random weights"), FACTS)


def test_the_hubs_own_reader_takes_it():
    hub = pytest.importorskip("huggingface_hub")
    credits = {"photos": {"source": "x", "licence": None, "dataset": "detection-datasets/coco"}}
    told = hub.ModelCard(card(config(credits=credits), FACTS)).data
    assert (told.library_name, told.license) == ("stylenet", "unknown")
    assert (told.pipeline_tag, told.datasets) == ("image-to-image", ["detection-datasets/coco"])


def licence(note: dict) -> str:
    text = section(card(config(style_picture=note), FACTS), "The style picture")
    return re.search("licence: (.*)", text)[1]


def test_a_licence_is_what_is_known_and_nothing_is_guessed():
    assert licence(SHIPPED) == WAVE["licence"] == "public domain"
    assert licence(OWN) == NOT_STATED
    assert licence(OWN | {"licence": "CC BY 4.0"}) == (
        "`CC BY 4.0`, as whoever trained the model states it"
    )
    assert licence({**SHIPPED, "sha256": "1" * 64}) == NOT_STATED  # its name alone proves nothing
    assert licence({**OWN, "origin": "download", "url": "https://a.b/c.jpg"}) == NOT_STATED
    assert licence({**OWN, "origin": "homage"}) == OURS
    painted = "Homage to The Great Wave off Kanagawa, Katsushika Hokusai, 1831, painted by stylenet"
    assert of_picture({"origin": "homage", "credit": painted}).name == (
        "a homage to *The Great Wave off Kanagawa*, Katsushika Hokusai, 1831"
    )
    assert "*The Great Wave off Kanagawa*, Katsushika Hokusai, 1831" in of_picture(SHIPPED).name
    assert WAVE["url"] in of_picture(SHIPPED).source


@pytest.mark.parametrize(
    ("said", "allows"),
    [
        ("CC BY 4.0", True),
        ("cc-by-sa-4.0", True),
        ("CC0", True),
        ("public domain", True),
        ("all rights reserved", False),
        ("CC BY-NC 4.0", False),
        ("not public domain", False),
        ("", False),
        (None, False),
        (["CC0"], False),
    ],
)
def test_a_picture_is_passed_on_only_under_a_licence_that_allows_it(said: object, allows: bool):
    assert of_picture(OWN | {"licence": said}).shareable is allows


def test_every_source_of_photos_says_its_terms(tmp_path: Path):
    (tmp_path / "train2017").mkdir()
    commit = "a" * 40
    assert SamplePhotos().credit.licence == SAMPLES
    assert FolderPhotos("x").credit.licence is None
    assert FolderPhotos("x", licence="CC0").credit.licence == "CC0"
    assert coco_photos(str(tmp_path)).credit.licence == COCO
    assert coco_photos(None, revision=commit).credit.licence == COCO
    assert HubPhotos("huggan/wikiart", revision=commit).credit.licence == WIKIART
    other = HubPhotos("somebody/photos", revision=commit).credit
    assert (other.licence, other.dataset) == (None, "somebody/photos")
    assert HubPhotos(str(tmp_path)).credit.licence is None
    assert Homages().credit.licence == OURS


def test_a_previews_licences_are_those_of_all_it_shows():
    assert [each.shareable for each in of_preview(config(style_picture=SHIPPED))] == [True, True]
    assert [each.shareable for each in of_preview(config())] == [True, False]
    several = {"origin": "collection", "pictures": [SHIPPED, OWN]}
    shown = of_preview(config(style_picture=several))
    assert [each.shareable for each in shown] == [True, True, False]
    paintings = config(credits={**CREDITS, "paintings": {"source": "x", "licence": WIKIART}})
    assert [each.shareable for each in of_preview(paintings)] == [True, False]
    preview = {"origin": "collection", "credit": "x", "preview": SHIPPED}
    assert [each.shareable for each in of_preview(config(style_picture=preview))] == [True, True]


MULTISTYLE = {"_target_": "stylenet.nets.multistyle.MultiStyleNet", "net": NET}
KINDS = {
    "one": config(),
    "several": config(
        net=MULTISTYLE | {"styles": ["udnie", "/home/ann/my cat.jpg"]},
        style_picture={"origin": "collection", "pictures": [SHIPPED, OWN]},
        measured={"style_weights": {"udnie": 3.0, "my cat": 4.0}},
    ),
    "any": config(net={"_target_": "stylenet.nets.adain.AdaIN", "weights": "caffe"}, task={}),
    "twoway": config(net={"_target_": "stylenet.nets.twoway.TwoWay", "forth": NET, "back": NET}),
    "clips": config(net={"_target_": "stylenet.nets.video.RecurrentNet"}),
    "odd": config(style={"name": "-o; rm -rf ~ `x`"}),
    "nothing": {},
}
FILES = [
    FACTS,
    Facts(repo="ann/cat"),
    Facts(file="-x y.onnx", exported={"io": "bytes", "precision": "fp32"}),
]


@pytest.mark.parametrize("facts", FILES, ids=["run", "hub", "export"])
@pytest.mark.parametrize("kind", KINDS)
def test_its_commands_parse(kind: str, facts: Facts):
    text = card(KINDS[kind], facts)
    lines = [
        line for block in re.findall("```bash\n(.*?)```", text, re.S) for line in block.split("\n")
    ]
    for program, command, *arguments in [shlex.split(line) for line in lines if line]:
        if program == "stylenet" and command == "train":
            composed(["trainer=cpu", *arguments])
        elif program == "stylenet":
            import_module(f"stylenet.commands.{command}").parser().parse_intermixed_args(arguments)
        else:
            assert (program, command) == ("hf", "download")
    for block in re.findall("```python\n(.*?)```", text, re.S):
        compile(block, "card", "exec")
    assert "/home/" not in text


NASTY = [
    "x\n---\nlicense: mit\n---\n",
    "[click](https://evil.example)",
    "<script>alert(1)</script><img src=https://evil.example/x>",
    "`](https://evil.example) <b>",
    "``` <b>\n```\n<b>\n# Heading https://evil.example",
    "![x](https://evil.example/x.png)",
    "| a | b |\n|---|---|\n<https://evil.example>",
    "\x1b[31m\u202e www.evil.example",
]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, str(value)) for _, value in attrs] or [(tag, "")]


def forged(value: object, nasty: str) -> object:
    """`value` with `nasty` for every text and in every key that may be anybody's."""
    if isinstance(value, dict):
        return {
            key: inner if key in ("_target_", "origin") else forged(inner, nasty)
            for key, inner in value.items()
        } | {f"{nasty}_weight": 1.0, nasty: nasty}
    if isinstance(value, list):
        return [forged(inner, nasty) for inner in value]
    return nasty if isinstance(value, str | int) else value


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("kind", KINDS)
def test_no_name_forges_front_matter_links_or_html(kind: str, nasty: str):
    hostile = forged(KINDS[kind], nasty)
    facts = Facts(
        overrides=[f"style={nasty}"],
        exported={"precision": nasty, "io": nasty, "int8": f'{{"worst": "{nasty[:5]}"}}'},
    )
    assert isinstance(hostile, dict)
    for each in (facts, FACTS, Facts(overrides=[nasty])):
        text = card(hostile, each)
        assert front_matter(text)["license"] == "unknown"
        assert set(front_matter(text)) == {"library_name", "license", "pipeline_tag", "tags"}
        assert "\x1b" not in text
        assert "\u202e" not in text
        page = Tags()
        page.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
        assert not {"script", "b"} & {tag for tag, _ in page.found}
        assert all("evil" not in value for _, value in page.found)
        assert [value for tag, value in page.found if tag == "h1"] == [""]


def test_places_of_the_run_lose_their_folders_and_other_texts_stay():
    told = {
        "run": "clients/acme/r1",
        "ckpt": "../acme/secret/last.ckpt",
        "callbacks": {"curves": {"folder": "clients/acme/r1"}},
        "data": {"path": "a/"},
        "note": "https://x/a/b and clients/acme/r1",
        "style": {"image": "/"},
    }
    assert without_folders(told) == {
        "run": "r1",
        "ckpt": "last.ckpt",
        "callbacks": {"curves": {"folder": "r1"}},
        "data": {"path": "a/"},
        "note": "https://x/a/b and r1",
        "style": {"image": "/"},
    }


def test_paths_become_names_and_nothing_else_changes():
    told = {
        "init": "/home/al b/runs/x",
        "started_from": "/home/al b/runs/x, a net trained on /home/q/p.jpg",
        "style": {"url": "https://a.b/c/d.jpg", "image": "pics/mum.jpg", "title": "Night/Day"},
        "style_picture": {"credit": "/home/q/one, two.jpg"},
        "data": {"hub": "detection-datasets/coco", "path": "~/photos", "validation": "my/val"},
        "net": {"styles": ["udnie", "/home/q/a.png"]},
    }
    assert without_folders(told) == {
        "init": "x",
        "started_from": "x, a net trained on p.jpg",
        "style": {"url": "https://a.b/c/d.jpg", "image": "mum.jpg", "title": "Night/Day"},
        "style_picture": {"credit": "one, two.jpg"},
        "data": {"hub": "detection-datasets/coco", "path": "photos", "validation": "val"},
        "net": {"styles": ["udnie", "a.png"]},
    }
    line = ["style.image=pics/mum.jpg", "net.styles=[udnie,/home/q/a.png]", "task.vgg.weights=/w/v"]
    assert without_folders(line, told) == [
        *("style.image=mum.jpg", "net.styles=[udnie,a.png]", "task.vgg.weights=v")
    ]


def test_a_card_is_renewed_but_never_written_over_a_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "README.md"
    assert write_card(path, "one")
    assert write_card(path, "two")
    assert path.read_bytes() == sealed("two")
    assert capsys.readouterr().err == ""
    for own in (sealed("two").replace(b"two", b"too"), b"# mine", b"", sealed("two") + b"more"):
        path.write_bytes(own)
        assert not is_untouched(path)
        assert not write_card(path, "three")
        assert path.read_bytes() == own
        assert capsys.readouterr().err.count("\n") == 1
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.md")
    assert not write_card(path, "three")
    path.unlink()
    path.mkdir()
    assert not write_card(path, "three")


def test_a_damaged_run_tells_less(tmp_path: Path):
    assert facts_of(tmp_path) == Facts()
    (tmp_path / "overrides.yaml").write_text("- {a: [1]}\n")
    (tmp_path / "result.yaml").write_text("content: .nan\n'a|b': 1\nstyle: 2\n3: 4\n")
    (tmp_path / "losses.csv").write_text("step,lr\nx,y\n")
    assert facts_of(tmp_path) == Facts(result={"style": 2.0})
    (tmp_path / "result.yaml").write_text("{")
    (tmp_path / "overrides.yaml").write_bytes(b"\xff")
    assert facts_of(tmp_path) == Facts()
