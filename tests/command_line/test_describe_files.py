"""`describe --svg` and `describe --html`: the files, and what is refused."""

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from jaxcnn.analysis.describe import describe
from jaxcnn.config.experiment import load
from jaxcnn.inspection.drawing import draw


def test_svg(call, tmp_path):
    file = tmp_path / "drawing.svg"
    status, output, notices = call("describe", "--exp=lenet5_1998:modern", f"--svg={file}")
    assert (status, notices) == (0, "")
    assert output.startswith(f"{file}: lenet5_1998:modern, ") and output.count("\n") == 1
    assert file.read_text(encoding="utf-8") == draw(load("lenet5_1998:modern"))
    root = ElementTree.parse(file).getroot()
    assert root.attrib["role"] == "img" and "lenet5_1998:modern" in root.attrib["aria-label"]
    names = [child.tag.rpartition("}")[2] for child in root]
    assert names[:3] == ["title", "desc", "style"] and "61,706 parameters" in (root[1].text or "")


def test_a_file_in_the_home(call, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert call("describe", "--exp=lenet5_1998", "--svg=~/drawing.svg")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["drawing.svg"]


def test_svg_of_a_changed_network(call, tmp_path):
    file = tmp_path / "drawing.svg"
    assert call("describe", "--exp=alexnet_2012", "--set=model.towers=1", f"--svg={file}")[0] == 0
    assert "62,378,344 parameters" in file.read_text() and "tower 1 of" not in file.read_text()


class Words(HTMLParser):
    """The words of a page, and the tags that are open at its end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.open = "", []
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("title", ["lenet5_1998", "googlenet_2014", "resnet_2015:18"])
def test_html_has_all_that_the_terminal_shows(call, tmp_path, title):
    file = tmp_path / "page.html"
    assert call("describe", f"--exp={title}", f"--html={file}")[0] == 0
    text = file.read_text(encoding="utf-8")
    page, description = Words(text), describe(load(title))
    assert page.open == [] and draw(load(title)).strip() in text
    rows = [line.split() for line in page.words.split("reads\n", 1)[1].split("total")[0].split("\n\n") if line.strip()]
    assert [row[0] for row in rows] == [layer["name"] for layer in description["layers"]]
    for layer, row in zip(description["layers"], rows, strict=True):
        assert f"{layer['params']:,}" in row and f"{layer['macs']:,}" in row and str(layer["receptive_field"]) in row
    paper = description["paper"]
    said = [paper["title"], *description["contradictions"], *description["deviations"]]
    said += [claim["what"] for claim in paper["claims"]] + [result["source"] for result in paper["results"]]
    assert [line for line in said if line not in page.words] == []
    heads = f"{description['auxiliary_params']:,} are in auxiliary heads"
    assert (heads in page.words) == bool(description["auxiliary_params"])


@pytest.mark.parametrize("flag", ["--svg", "--html"])
def test_a_file_that_cannot_be_written(refused, tmp_path, flag):
    line = refused(2, "describe", "--exp=lenet5_1998", f"{flag}={tmp_path}/none/file")
    assert line.endswith(f"can't write {tmp_path}/none/file: No such file or directory; choose another file.")
    assert refused(2, "describe", "--exp=lenet5_1998", f"{flag}={tmp_path}").endswith("choose another file.")
    assert refused(2, "describe", "--exp=lenet5_1998", f"{flag}=").endswith("give it a value, or leave it out.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--json", "--svg={}/a"), "--json and --svg"),
        (("--json", "--html={}/a"), "--json and --html"),
        (("--svg={}/a", "--html={}/b"), "--html and --svg"),
    ],
)
def test_one_form_for_each_call(refused, tmp_path, flags, named):
    line = refused(2, "describe", "--exp=lenet5_1998", *(flag.format(tmp_path) for flag in flags))
    assert line == f"launch.py: {named} exclude each other; give one of them for each call."
    assert list(tmp_path.iterdir()) == []
