"""Whether a folder's run is the one that is asked for: what counts, what doesn't, and what is said."""

import copy
from typing import Any

import pytest

import jaxcnn
from jaxcnn.data.sources import open_source
from jaxcnn.errors import UsageError
from jaxcnn.runs.folder import claim_workdir, content, identity
from jaxcnn.runs.same_run import check_same_run

EXPERIMENT = jaxcnn.load("alexnet_2012")
CONTENT = {
    "train": {"images": 1000, "fingerprint": "a" * 16},
    "test": {"images": 300, "fingerprint": "b" * 16},
    "class_names": "c" * 16,
}


def mine(*settings: str, **changes: Any) -> dict[str, Any]:
    options = {"data": "mnist", "rehearsal": False, "seed": 0, "content": CONTENT}
    return identity(jaxcnn.override(EXPERIMENT, *settings), **{**options, **changes})


def other(path: str, value: Any) -> dict[str, Any]:
    found = copy.deepcopy(CONTENT)
    *parents, last = path.split(".")
    node: Any = found
    for name in parents:
        node = node[name]
    node[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("train.images", 900, "its train split had 1,000 images, here it has 900"),
        ("test.images", 301, "its test split had 300 images, here it has 301"),
        ("train.fingerprint", "d" * 16, "its train split held other images or labels, or the same in another order"),
        ("class_names", "d" * 16, "its classes had other names, or another order"),
    ],
)
def test_other_data_of_the_same_name_is_refused(tmp_path, path, value, said):
    claim_workdir(tmp_path / "run", mine())
    with pytest.raises(UsageError) as caught:
        claim_workdir(tmp_path / "run", mine(content=other(path, value)))
    assert caught.value.exit_status == 2
    assert str(caught.value) == (
        f"{tmp_path / 'run'} was trained on other data of the same name: {said}; name the folder of the data that it "
        "was trained on (--data-dir=DIR), or choose another --workdir."
    )


def test_other_data_says_its_name_first(tmp_path):
    claim_workdir(tmp_path / "run", mine())
    with pytest.raises(UsageError, match=r"its data is 'mnist', here it is 'digits'"):
        claim_workdir(tmp_path / "run", mine(data="digits", content=other("train.images", 5)))


def test_content_says_what_the_data_is():
    digits, photos = (
        content(*(open_source(name, split) for split in ("train", "test"))) for name in ("digits", "photos")
    )
    assert digits == content(*(open_source("digits", split) for split in ("train", "test")))
    assert digits["train"]["images"] == 1438 and digits["test"]["images"] == 359
    assert len({digits["class_names"], photos["class_names"]}) == 2
    assert len({each[split]["fingerprint"] for each in (digits, photos) for split in ("train", "test")}) == 4


def test_a_run_of_an_older_version_goes_on_with_a_note(tmp_path):
    claim_workdir(tmp_path / "run", mine(content=None))
    (note,) = claim_workdir(tmp_path / "run", mine())
    assert note.startswith(f"note: {tmp_path / 'run'} was begun by an older version") and "mnist" in note
    assert claim_workdir(tmp_path / "new", mine()) == [] == claim_workdir(tmp_path / "new", mine())


def test_what_changes_memory_alone_may_change(tmp_path):
    claim_workdir(tmp_path / "run", mine())
    (note,) = claim_workdir(tmp_path / "run", mine("remat=sums"))
    assert note.startswith("note: remat is 'sums' from here on, it was None when ") and "rounded otherwise" in note
    with pytest.raises(UsageError, match="its accumulate is 1, here it is 2"):
        claim_workdir(tmp_path / "run", mine("accumulate=2"))
    (note,) = claim_workdir(tmp_path / "run", mine("accumulate=2"), may_accumulate=lambda: True)
    assert note.startswith("note: accumulate is 2 from here on")
    claim_workdir(tmp_path / "run", mine(), may_accumulate=lambda: pytest.fail("asked for nothing"))


@pytest.mark.parametrize(
    ("setting", "flag"), [("protocols=('center',)", "--protocol=…"), ("scales.dense=(384,)", "--set scales.…")]
)
def test_what_is_decided_after_training_points_to_eval(tmp_path, setting, flag):
    claim_workdir(tmp_path / "run", mine())
    with pytest.raises(UsageError) as caught:
        claim_workdir(tmp_path / "run", mine(setting))
    assert (
        f"choose another --workdir, or evaluate this run by python launch.py eval --workdir={tmp_path}/run {flag}"
        in (str(caught.value))
    )
    with pytest.raises(UsageError, match="its seed is 0, here it is 1"):  # no evaluation makes up for that
        claim_workdir(tmp_path / "run", mine(setting, seed=1))


def test_weights_are_the_same_by_what_was_taken_or_else_by_their_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begun = mine(f"init_from='{tmp_path}/A'") | {"init_from_sha256": "1"}
    same = [
        {"init_from": f"{tmp_path}/B", "init_from_sha256": "1"},  # moved
        {"init_from": "./A"},
        {"init_from": f"{tmp_path}/A"},  # goes on: not read again
    ]
    for changes in same:
        wanted = {name: value for name, value in begun.items() if name != "init_from_sha256"} | changes
        assert check_same_run(tmp_path, begun, wanted) == []
    for changes, said in (
        ({"init_from": f"{tmp_path}/A", "init_from_sha256": "2"}, "began with other weights than those that init_from"),
        ({"init_from": f"{tmp_path}/B", "init_from_sha256": "2"}, "its init_from is '.*/A', here it is '.*/B'"),
        ({"init_from": None}, "its init_from is '.*/A', here it is None"),
    ):
        wanted = {name: value for name, value in begun.items() if name != "init_from_sha256"} | changes
        with pytest.raises(UsageError, match=said):
            check_same_run(tmp_path, begun, wanted)
