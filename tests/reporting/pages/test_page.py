"""Pages are whole in themselves, escape what isn't theirs, and can be read in both colour schemes."""

import itertools
import re

import pytest
from markupsafe import Markup

from jaxcnn.errors import UsageError
from jaxcnn.reporting.pages.page import TEMPLATES, Section, figure, page, table, write_page

PNG = b"\x89PNG\r\n\x1a\n"


def whole() -> str:
    body = table(["class", "error"], [["<b>cat</b>", "3 %"], ["너구리", "4 %"]], label="errors", numeric=[1])
    image = figure(PNG, 'a "cat" & <dog>', "caption")
    return page("runs/<x>", [Section("The paper's table", body), Section("Images", image)], lead="<script>")


def test_what_is_not_ours_is_escaped():
    text = whole()
    assert "<script>" not in text and "<b>" not in text and "<dog>" not in text
    assert "&lt;b&gt;cat" in text and "너구리" in text and "runs/&lt;x&gt;" in text


def test_nothing_is_loaded_from_elsewhere():
    text = whole()
    assert not re.search(r"https?:|url\((?!data:)|@import|<script", text)
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"#][^"]*)"', text))


def test_a_heading_has_an_anchor_of_its_own():
    assert Section("The paper's table", Markup("")).anchor == "the-paper-s-table"
    assert 'id="the-paper-s-table"' in whole()


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_has_enough_contrast(scheme):
    """WCAG 2: at least 4.5 between text and ground."""
    style = (TEMPLATES / "style.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", style.split(":root")[1 + scheme]))
    texts = [name for name in colours if name not in ("ground", "panel", "line")]
    assert {"text", "muted", "accent", "good", "bad", "series-1"} <= set(texts)
    for name, ground in itertools.product(texts, ("ground", "panel")):
        bright, dark = sorted((luminance(colours[name]), luminance(colours[ground])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (name, ground)


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(UsageError, match=r"can't write .*choose another file"):
        write_page(tmp_path / "none" / "report.html", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=r"folder: .*choose another file"):
        write_page(tmp_path / "folder", "x")
    (tmp_path / "folder").rmdir()
    write_page(tmp_path / "report.html", "한글")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "한글" and len(list(tmp_path.iterdir())) == 1
