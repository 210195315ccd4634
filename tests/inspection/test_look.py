"""The page that `look` writes: for every experiment, the same each time, whole in itself, and with its errors."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from opened_networks import SMALL, opened
from PIL import Image
from untrained_runs import save_run

import jaxcnn
from jaxcnn.errors import DataMissingError, JaxcnnError, UsageError
from jaxcnn.inspection import subjects
from jaxcnn.inspection.methods import occlusion, retrieval

TITLES = ["Filters", "What excites a unit", "Feature maps", "Where it looks", "What it finds alike"]
GREY = {"lenet5_1998", "cnn_primer"}


@pytest.fixture(autouse=True)
def little_data(monkeypatch):
    """As little of everything as there is some of."""
    monkeypatch.setattr(subjects, "SMALLEST_GALLERY", 12)
    monkeypatch.setattr(subjects, "LARGEST_GALLERY", 12)
    monkeypatch.setattr(occlusion, "MOST", occlusion.FEWEST)
    monkeypatch.setattr(retrieval, "ON_THE_MAP", 12)


@pytest.fixture
def lenet(tmp_path) -> Path:
    return save_run(opened("lenet5_1998").trained, tmp_path / "run")


def check_page(folder: Path) -> str:
    """Checks what every page must be, and returns its text."""
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2 [^>]*>(.*?)</h2>", text) == TITLES
    assert not re.search(r"https?:|url\((?!data:)|@import|<script|<iframe", text), "something is loaded from elsewhere"
    images = re.findall(r"<img [^>]*>", text)
    assert images and all(re.search(r'src="data:image/png;base64,[^"]+" alt="[^"]+"', image) for image in images)
    beside = sorted(path.name for path in folder.glob("*.png"))
    assert len(beside) == len(images) and {path.suffix for path in folder.iterdir()} == {".png", ".html"}
    for name in beside:
        with Image.open(folder / name) as image:
            image.load()
            assert min(image.size) >= 5
    return text


SLOW = ("googlenet_2014", "resnet_2015")  # whose backward programs take long to compile


@pytest.mark.parametrize("title", [pytest.param(title, marks=[pytest.mark.slow] * (title in SLOW)) for title in SMALL])
def test_every_experiment_can_be_looked_at(title, tmp_path):
    network = opened(title)
    run = save_run(network.trained, tmp_path / "run", data="digits" if title in GREY else "photos")
    answer = jaxcnn.look(run)
    text = check_page(run / "look")
    assert answer["page"] == str(run / "look" / "index.html") and answer["experiment"] == title
    assert len(answer["images"]) == 4 and answer["errors"] == []
    json.dumps(answer)
    for stage in network.trunk:
        assert f"<figcaption>{stage.name}: " in text, f"the state of {stage.name} is shown"
    for what in ("Grad-CAM of", "Occlusion:", "Derivative of", "Deconvnet:", "Receptive field of", "t-SNE"):
        assert what in text, what
    assert text.count("tower 2 of 2") == (2 if title == "alexnet_2012" else 0)  # the text and its alternative
    assert ("squared distance" in text) == (title == "lenet5_1998")


def test_every_experiment_is_in_the_table():
    assert set(SMALL) == set(jaxcnn.names())


def test_table_1_of_lenet(lenet):
    jaxcnn.look(lenet)
    text = (lenet / "look" / "index.html").read_text(encoding="utf-8")
    table = text.split("Which maps of S2 each map of C3 sees")[1].split("</table>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in table.split("<tr>")[2:]]
    # LeCun et al. 1998, Table I: its rows are S2's maps, its columns C3's.
    wanted = ["X...XXX..XXXX.XX", "XX...XXX..XXXX.X", "XXX...XXX..X.XXX", ".XXX..XXXX..X.XX", "..XXX..XXXX.XX.X"]
    wanted.append("...XXX..XXXX.XXX")
    assert ["".join(cell or "." for cell in row[1:]) for row in rows] == wanted


def test_the_same_look_writes_the_same_bytes_and_another_seed_others(lenet, tmp_path):
    pages = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        jaxcnn.look(lenet, output=tmp_path / name, seed=seed)
        pages[name] = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
    assert pages["a"] == pages["b"]
    assert pages["a"] != pages["c"]


def test_images_that_are_named(lenet, tmp_path):
    draw = np.random.default_rng(0)
    (tmp_path / "bad.png").write_bytes(b"no image")
    Image.fromarray(draw.integers(0, 256, (28, 28), np.uint8)).save(tmp_path / "<b>.png")
    array = draw.integers(0, 256, (40, 30, 3), np.uint8)
    answer = jaxcnn.look(lenet, [tmp_path / "bad.png", tmp_path / "<b>.png", array])
    assert [error["image"] for error in answer["errors"]] == [str(tmp_path / "bad.png")]
    assert answer["images"] == [str(tmp_path / "<b>.png"), "images[2]"]
    text = check_page(lenet / "look")
    assert "&lt;b&gt;.png" in text and "<b>" not in text and "bad.png" not in text
    assert str(tmp_path) not in text, "titles have no folders"


def test_at_most_eight_images(lenet):
    class Notes:
        def __init__(self) -> None:
            self.lines: list[str] = []
            self.shares: list[float] = []

        def message(self, text: str) -> None:
            self.lines.append(text)

        def advance(self, what: str, done: int, total: int | None, note: str = "") -> None:
            assert what == "look" and total
            self.shares.append(done / total)

        def close(self) -> None: ...

    notes = Notes()
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28, 1), np.uint8)
    assert len(jaxcnn.look(lenet, images, display=notes)["images"]) == 8
    assert notes.lines == ["note: the first 8 of 9 images are looked at."]
    assert notes.shares == sorted(notes.shares) and notes.shares[-1] == 1 and notes.shares[-2] < 1


def test_without_the_data_the_embedded_set_stands_in_and_the_page_says_so(tmp_path):
    run = save_run(opened("lenet5_1998").trained, tmp_path / "run", data="mnist")
    answer = jaxcnn.look(run, data_dir=str(tmp_path / "none"))
    assert answer["data"] == "digits"
    assert "data, mnist, isn&#39;t here" in (run / "look" / "index.html").read_text(encoding="utf-8")
    with pytest.raises(DataMissingError):
        jaxcnn.look(run, data="fashion_mnist", data_dir=str(tmp_path / "none"))


def test_right_and_wrong_images_are_chosen():
    squares = np.zeros((6, 4, 4, 1), np.uint8)
    scores = np.eye(6, 3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    test = subjects.Subjects(squares, tuple("abcdef"), (0, 1, 2, 0, 2, 0))
    assert subjects.right_and_wrong(test, scores).names == ("a", "b", "e", "f")
    known = subjects.Subjects(squares, tuple("abcdef"), (0, 1, 2, 0, 1, 2))
    assert subjects.right_and_wrong(known, scores).names == ("a", "b", "c", "d"), "none is wrong"
    unknown = subjects.Subjects(squares, tuple("abcdef"), (None,) * 6)
    assert subjects.right_and_wrong(unknown, scores).names == ("a", "b", "c", "d")


def test_mistakes_are_told_before_anything_is_computed(lenet, tmp_path):
    with pytest.raises(UsageError, match="is no run's folder"):
        jaxcnn.look(tmp_path)
    with pytest.raises(UsageError, match=r"there is no .*none\.png"):
        jaxcnn.look(lenet, [tmp_path / "none.png"])
    with pytest.raises(UsageError, match=r"seed \(=-1\) must be"):
        jaxcnn.look(lenet, seed=-1)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="choose another --output"):
        jaxcnn.look(lenet, output=tmp_path / "file")
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(JaxcnnError, match=r"none of the 1 images can be read .*bad\.png: not a readable image"):
        jaxcnn.look(lenet, [tmp_path / "bad.png"])
    assert not list((lenet / "look").iterdir())
