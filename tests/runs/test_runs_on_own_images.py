"""`--data=DIR` in everything that takes `--data`: training, resuming, evaluation, `--dry-run`, `bench`."""

import json
import shutil

import numpy as np
import pytest
from own_images import class_folders, encoded

import jaxcnn
from jaxcnn.analysis.bench import bench
from jaxcnn.analysis.dry_run import dry_run
from jaxcnn.data.any_source import open_any
from jaxcnn.data.relabelled import with_labels_of
from jaxcnn.errors import DataMissingError, UsageError
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs.trained import load_trained

SMALL = ("batch_size=8",)
CLASSES = ("bird", "cat", "dog")


class Messages(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def train(folder, workdir, **arguments) -> dict:
    return jaxcnn.fit(jaxcnn.load("lenet5_1998:modern"), data=folder, workdir=workdir, settings=SMALL, **arguments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(the images, the run's folder, its summary, what it said)"""
    folder = class_folders(tmp_path_factory.mktemp("images") / "pets", CLASSES, 16)
    (folder / "cat" / "notes.txt").write_text("no image")
    said, workdir = Messages(), tmp_path_factory.mktemp("runs") / "pets"
    summary = train(folder, workdir, steps=2, display=said)
    return folder, workdir, summary, said.lines


def test_a_network_is_trained_on_a_folder(trained):
    folder, workdir, summary, lines = trained
    assert summary["data"] == str(folder) and summary["class_names"] == list(CLASSES)
    assert json.loads((workdir / "summary.json").read_text()) == summary
    (note,) = [line for line in lines if line.startswith("note: ")]
    assert "skipped: 1 that is no image (.txt); about every tenth image, chosen by its content" in note
    assert load_trained(workdir).class_names == CLASSES
    assert summary["evaluation"]["center"]["count"] == len(open_any(str(folder), "test"))


def test_it_is_evaluated_on_its_own_and_on_other_folders(trained, tmp_path):
    folder, workdir, summary, _ = trained
    again = jaxcnn.evaluate(workdir)
    assert again["protocols"]["center"]["top1_error"] == summary["evaluation"]["center"]["top1_error"]
    # Two of the three classes, whose numbers are others here: they count as what their names say.
    for name in ("cat", "dog"):
        shutil.copytree(folder / name, tmp_path / "some" / "test" / name)
    said = Messages()
    found = jaxcnn.evaluate(workdir, data=tmp_path / "some", display=said)
    assert found["protocols"]["center"]["count"] == 32 and found["data"] == f"{tmp_path}/some"
    assert any("they are compared by their names" in line for line in said.lines)
    files = sorted((tmp_path / "some").rglob("*.png"))
    labels = [CLASSES.index(file.parent.name) for file in files]
    predicted = [entry["top"][0]["label"] for entry in load_trained(workdir).predict(files)]
    wrong = 100 * np.mean(np.array(labels) != np.array(predicted))
    assert found["protocols"]["center"]["top1_error"] == pytest.approx(wrong)


def test_labels_follow_the_names_only_where_all_are_known(tmp_path):
    source = open_any(class_folders(tmp_path / "test", ("b", "c"), 1).parent, "test")
    moved = with_labels_of(source, ["a", "c", "b"])
    assert [record["label"] for record in moved.__getitems__([0, 1])] == [2, 1] and moved.num_classes == 3
    assert with_labels_of(source, ["a", "b"]) is source and with_labels_of(source, None) is source


def test_a_changed_folder_is_another_run(trained, tmp_path):
    folder, workdir, _, _ = trained
    images, run = shutil.copytree(folder, tmp_path / "pets"), shutil.copytree(workdir, tmp_path / "run")
    said = Messages()
    train(images, run, steps=2, display=said)  # the same images elsewhere
    assert any("finished" in line for line in said.lines)
    (images / "dog" / "new.png").write_bytes(encoded(99))
    with pytest.raises(UsageError, match=r"other data of the same name: .*\(--data=DIR\)|its data is"):
        train(images, run, steps=2)


def test_dry_run_and_bench_read_a_folder(trained):
    folder, _, summary, _ = trained
    experiment = jaxcnn.load("lenet5_1998:modern")
    found = dry_run(experiment, data=folder, settings=SMALL)["data_found"]
    tests = summary["evaluation"]["center"]["count"]
    assert (found["folder"], found["train_pictures"], found["test_pictures"]) == (str(folder), 48 - tests, tests)
    measured = bench(jaxcnn.override(experiment, *SMALL), data=folder, steps=2)["data"]
    assert (measured["name"], measured["pictures"]) == (str(folder), 48 - tests)


def test_settings_are_checked_before_the_folder(tmp_path):
    experiment, gone = jaxcnn.load("lenet5_1998:modern"), tmp_path / "gone"
    for run in (jaxcnn.fit, dry_run):
        with pytest.raises(UsageError, match="no field 'bach_size'"):
            run(experiment, data=gone, settings=["bach_size=8"])
        with pytest.raises(DataMissingError, match="there is no folder"):
            run(experiment, data=gone, settings=SMALL)


def test_a_class_too_many_is_refused(trained, tmp_path):
    class_folders(tmp_path / "test", (*CLASSES, "emu"), 1)
    with pytest.raises(UsageError, match=r"has 3 outputs; --data=.* has 4 classes"):
        jaxcnn.evaluate(trained[1], data=tmp_path)
