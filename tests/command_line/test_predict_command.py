"""The command `predict`: its three kinds of answers, and the status that it ends with."""

import csv
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from jaxcnn.data.embedded import Digits


@pytest.fixture
def run(call, tiny, tmp_path):
    """A run's folder, beside a folder of eight images."""
    status, _, notices = call("--exp=cnn_primer", "--data=digits", "--set=steps=20", "--workdir=run")
    assert status == 0, notices
    (tmp_path / "images").mkdir()
    for number in range(8):
        Image.fromarray(Digits("test")[number]["image"][:, :, 0]).save(f"images/{number}.png")
    return "--workdir=run"


def test_the_three_answers(call, answered, run):
    found = answered("predict", run, "images", "images/7.png", "--top=2")
    assert [answer["image"] for answer in found] == [*(f"images/{number}.png" for number in range(8)), "images/7.png"]
    for answer in found:
        assert answer.keys() == {"image", "top"} and len(answer["top"]) == 2
        for entry in answer["top"]:
            assert entry.keys() == {"label", "name", "probability"} and entry["name"] == str(entry["label"])
            assert 0 <= entry["probability"] <= 1
    assert len({answer["top"][0]["label"] for answer in found}) > 1
    status, table, _ = call("predict", run, "images/3.png", "--top=3")
    best = answered("predict", run, "images/3.png")[0]["top"]
    assert status == 0 and len(best) == 5 and table.count("images/3.png") == 1
    assert [f"{100 * entry['probability']:.2f} %" in table for entry in best] == [True] * 3 + [False] * 2
    status, line, _ = call("predict", "images", run, "--top=2", "--csv=out.csv")
    assert (status, line) == (0, "8 images, 0 with an error: out.csv\n")
    with open("out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [answer["image"] for answer in found[:8]]
    for row, answer in zip(rows, found, strict=False):
        assert [row[f"label_{place}"] for place in (1, 2)] == [str(entry["label"]) for entry in answer["top"]]
        assert float(row["probability_1"]) == pytest.approx(answer["top"][0]["probability"], rel=1e-5)


def test_flags_between_images(answered, run):
    assert len(answered("predict", "images/1.png", run, "images/2.png", "--top=1", "images/3.png")) == 3


def test_damaged_images_end_with_status_1(call, run):
    with open("images/4.png", "wb") as file:
        file.write(b"no image")
    line = (
        "launch.py: 1 of 8 images can't be read (images/4.png: not a readable image: unknown format); the others are "
        "answered.\n"
    )
    status, output, notices = call("predict", run, "images", "--json")
    assert (status, notices) == (1, line)
    answers = json.loads(output)
    assert answers[4] == {"image": "images/4.png", "error": "not a readable image: unknown format"}
    assert all("top" in answer for number, answer in enumerate(answers) if number != 4)
    status, table, notices = call("predict", run, "images")
    assert (status, notices) == (1, line) and "error: not a readable image: unknown format" in table
    status, shown, notices = call("predict", run, "images", "--csv=out.csv")
    assert (status, shown, notices) == (1, "8 images, 1 with an error: out.csv\n", line)
    with open("out.csv", encoding="utf-8", newline="") as file:
        assert [row["error"] != "" for row in csv.DictReader(file)] == [number == 4 for number in range(8)]
    for number in range(8):
        os.truncate(f"images/{number}.png", 5)
    status, _, notices = call("predict", run, "images", "--json")
    assert status == 1 and "8 of 8 images can't be read (images/0.png: " in notices and "; and 5 more)" in notices


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.png",), r"there is no nowhere.png; name image files, or folders that hold some"),
        (("images", "nowhere.png"), "there is no nowhere.png"),
        (("empty",), "there are no images in empty: it has no files"),
        (("images", "--top=0"), "--top: 0 must be positive"),
        (("images", "--top=1.5"), "invalid positive int value: '1.5'"),
        (("images", "--csv=missing/out.csv"), "there is no folder"),
        (("images", "--csv=images/1.png"), "--csv=images/1.png is one of the images"),
        (("images", "--csv=images"), "images must be a file"),
        (("images", "--csv="), "--csv= is empty"),
        (("images", ""), "IMAGE|FOLDER is empty; give it a value"),
        ((), "the following arguments are required: IMAGE|FOLDER"),
        (("images", "--tpo=3"), "unrecognized arguments: --tpo=3. Did you mean --top?"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_computed(refused, tmp_path, arguments, message):
    """So it is known without a run."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "images").mkdir()
    Image.new("L", (8, 8)).save("images/1.png")
    assert message in refused(2, "predict", "--workdir=nowhere", *arguments)
    assert not list(tmp_path.glob("*.part"))


def test_a_folder_that_is_no_run(refused, tmp_path):
    Image.new("L", (8, 8)).save("1.png")
    assert "nowhere is no run's folder" in refused(2, "predict", "--workdir=nowhere", "1.png")
    assert "required: --workdir" in refused(2, "predict", "1.png")


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are UTF-8")
def test_names_of_all_kinds(call, run, tmp_path):
    names = ["a, b.png", 'say "hi".png', "고양이.png", "[bold].png", os.fsdecode(b"caf\xe9.png")]
    (tmp_path / "named").mkdir()
    for name in names:
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "named" / name)
    status, output, _ = call("predict", run, "named", "--json", "--top=1")
    assert status == 0 and {answer["image"] for answer in json.loads(output)} == {f"named/{name}" for name in names}
    status, table, _ = call("predict", run, "named", "--top=1")
    shown = ["a, b.png", 'say "hi".png', "고양이.png", "[bold].png", "caf\\xe9.png"]
    assert status == 0 and all(f"named/{name}" in table for name in shown)
    status, _, _ = call("predict", run, "named", "--csv=out.csv")
    with open("out.csv", encoding="utf-8", newline="") as file:
        assert status == 0 and {row["image"] for row in csv.DictReader(file)} == {f"named/{name}" for name in shown}
