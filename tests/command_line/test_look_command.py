"""The command `look`: its answers, and the status that it ends with."""

import numpy as np
import pytest
from PIL import Image
from untrained_runs import save_run, small, untrained

from jaxcnn.inspection import subjects
from jaxcnn.inspection.methods import occlusion


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's folder beside an image and a file that is none."""
    monkeypatch.setattr(subjects, "LARGEST_GALLERY", 64)
    monkeypatch.setattr(occlusion, "MOST", occlusion.FEWEST)
    save_run(untrained(small("lenet5_1998")), tmp_path / "run")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)).save("one.png")
    (tmp_path / "scan.jpg").write_bytes(b"no image")
    return "--workdir=run"


def test_an_image_that_cannot_be_read_is_named_after_the_page_is_written(call, run, tmp_path):
    status, output, notices = call("look", run, "one.png", "scan.jpg")
    assert (status, output) == (1, "run/look/index.html: lenet5_1998:paper at step 7, digits\n")
    reason = "scan.jpg: not a readable image: unknown format"
    assert notices.splitlines()[-1] == f"launch.py: one image can't be read ({reason}); the page shows the others."
    assert (tmp_path / "run" / "look" / "index.html").is_file()


def test_the_json_answer(answered, run, tmp_path):
    answer = answered("look", run, "one.png", "--output=page", "--seed=3")
    assert answer == {
        "experiment": "lenet5_1998",
        "variant": "paper",
        "step": 7,
        "page": "page/index.html",
        "data": "digits",
        "images": ["one.png"],
        "errors": [],
    }
    assert "seed 3" in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("look",), 2, "--workdir"),
        (("look", "--workdir=none"), 2, "is no run's folder"),
        (("look", "--workdir=run", "none.png"), 2, "there is no none.png"),
        (("look", "--workdir=run", "--seed=-1"), 2, "seed (=-1)"),
        (("look", "--workdir=run", "--data=mnist", "--data-dir=none"), 3, "mnist"),
    ],
)
def test_mistakes_are_one_line(call, run, arguments, status, said):
    found, output, notices = call(*arguments)
    assert (found, output) == (status, "") and len(notices.splitlines()) == 1 and said in notices
