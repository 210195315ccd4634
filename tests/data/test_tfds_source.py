"""`--data=tfds:NAME[/CONFIG][:VERSION]`: any classification set that TFDS has prepared."""

import json
import pickle
import shutil

import pytest
from own_images import both

from jaxcnn.data.any_source import any_data_set, open_any
from jaxcnn.errors import DataMissingError, RunStoppedError, UsageError


@pytest.fixture
def other(made_once, tmp_path):
    """A data folder with a set that isn't one of ours, `letters`, 30 + 10 images in one version."""
    shutil.copytree(made_once.made, tmp_path / "letters" / "1.0.0")
    edit(tmp_path / "letters" / "1.0.0", lambda info: info.update(name="letters"))
    for file in (tmp_path / "letters" / "1.0.0").glob("mnist-*"):
        file.rename(file.with_name(file.name.replace("mnist-", "letters-")))
    return tmp_path


def edit(version, change, file: str = "dataset_info.json") -> None:
    content = json.loads((version / file).read_text())
    change(content)
    (version / file).write_text(json.dumps(content))


def test_both_splits_are_read(other, made_once):
    train, test = both("tfds:letters", data_dir=other)
    assert (train.name, len(train), len(test), train.num_classes) == ("tfds:letters", 30, 10, 10)
    ours = open_any("mnist", "test", data_dir=made_once.data_dir)
    assert [test[i] for i in range(10)] == [ours[i] for i in range(10)]
    assert test.class_names == ours.class_names and test.fingerprint == ours.fingerprint
    assert any_data_set("tfds:letters", other).num_classes == 10
    assert pickle.loads(pickle.dumps(test))[3] == test[3] and test.location == f"{other}/letters/1.0.0"


def test_version_and_configuration_are_chosen(other):
    shutil.copytree(other / "letters/1.0.0", other / "letters/1.10.0")
    assert open_any("tfds:letters", "test", data_dir=other).location == f"{other}/letters/1.10.0"
    assert open_any("tfds:letters:1.0.0", "test", data_dir=other).location == f"{other}/letters/1.0.0"
    with pytest.raises(DataMissingError, match=r"there is no tfds:letters:9\.0\.0 in .*letters has 1\.0\.0, 1\.10\.0"):
        open_any("tfds:letters:9.0.0", "test", data_dir=other)
    (other / "sorts").mkdir()
    shutil.move(other / "letters", other / "sorts" / "greek")
    assert open_any("tfds:sorts", "test", data_dir=other).location == f"{other}/sorts/greek/1.10.0"
    shutil.copytree(other / "sorts/greek", other / "sorts/latin")
    with pytest.raises(UsageError, match=r"several configurations; name one, as in tfds:sorts/greek"):
        open_any("tfds:sorts", "test", data_dir=other)
    (other / "sorts" / ".config").mkdir()
    (other / "sorts" / ".config" / "metadata.json").write_text('{"default_config_name": "latin"}')
    assert open_any("tfds:sorts", "test", data_dir=other).location == f"{other}/sorts/latin/1.10.0"
    assert open_any("tfds:sorts/latin", "test", data_dir=other).location == f"{other}/sorts/latin/1.10.0"


def without(*names: str):
    def change(info) -> None:
        info["splits"] = [split for split in info["splits"] if split["name"] not in names]

    return change


def test_the_validation_split_stands_in_for_a_missing_test_split(other):
    edit(
        other / "letters/1.0.0",
        lambda info: [s.update(name="validation") for s in info["splits"] if s["name"] == "test"],
    )
    for file in (other / "letters/1.0.0").glob("letters-test*"):
        file.rename(file.with_name(file.name.replace("letters-test", "letters-validation")))
    assert len(open_any("tfds:letters", "test", data_dir=other)) == 10


def test_a_set_without_a_test_split_is_divided(other):
    edit(other / "letters/1.0.0", without("test"))
    train, test = both("tfds:letters", data_dir=other)
    assert len(train) + len(test) == 30 and len(test) >= 10  # one of each class at least
    images = [
        {(record["label"], record["image"]) for record in part.__getitems__(range(len(part)))} for part in (train, test)
    ]
    assert not images[0] & images[1] and train.files_version != test.files_version
    assert "about every tenth image, chosen by its content" in test.note
    assert pickle.loads(pickle.dumps(test))[2] == test[2]
    edit(other / "letters/1.0.0", without("train"))
    with pytest.raises(UsageError, match="it needs one called train"):
        both("tfds:letters", data_dir=other)


def test_a_tfrecord_copy_says_how_to_convert_it(other):
    edit(other / "letters/1.0.0", lambda info: info.update(fileFormat="tfrecord"))
    with pytest.raises(
        DataMissingError, match=r"without TensorFlow; .*tfds convert_format --dataset_version_dir=\S+1\.0"
    ):
        open_any("tfds:letters", "train", data_dir=other)


def test_a_missing_set_says_what_there_is(other):
    with pytest.raises(DataMissingError, match=r"no tfds:stl10 in \S+ \(\S+ has letters\); prepare it with TFDS"):
        open_any("tfds:stl10", "train", data_dir=other)


def test_a_set_that_is_not_for_classification_is_refused(other):
    def rename(tree) -> None:
        features = tree["featuresDict"]["features"]
        features["objects"] = features.pop("label")

    edit(other / "letters/1.0.0", rename, "features.json")
    with pytest.raises(UsageError, match=r"has the features .*objects.*; an image and a label with classes are needed"):
        open_any("tfds:letters", "train", data_dir=other)


def test_a_record_without_a_label_is_refused(other, monkeypatch):
    test = open_any("tfds:letters", "test", data_dir=other)
    monkeypatch.setattr(test, "num_classes", 3)
    with pytest.raises(RunStoppedError, match="a record has the label 6, which names no class"):
        test.__getitems__(range(10))
