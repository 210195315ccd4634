"""Whose a folder is, and the digest of its parameters."""

import dataclasses
import hashlib
import json
import subprocess

import jax.numpy as jnp
import numpy as np
import pytest

import jaxcnn
from jaxcnn.config.serialize import to_json
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.runs import folder as folder_module
from jaxcnn.runs.folder import (
    claim_workdir,
    commit,
    default_workdir,
    identity,
    local_folder,
    params_sha256,
    versions,
    write_json,
)
from jaxcnn.runs.same_run import differences

EXPERIMENT = jaxcnn.load("alexnet_2012")


def mine(experiment=EXPERIMENT, **changes):
    return identity(experiment, **{"data": "photos", "rehearsal": True, "seed": 0, **changes})


def test_default_workdir():
    assert str(default_workdir(EXPERIMENT, "imagenet2012", False)) == "runs/alexnet_2012-paper-imagenet2012"
    assert str(default_workdir(EXPERIMENT, "photos", True)) == "runs/alexnet_2012-paper-photos-rehearsal"


def test_identity_is_json_and_says_what_the_run_uses():
    resolved = mine(seed=3)
    assert json.loads(json.dumps(resolved)) == resolved
    assert (resolved["data"], resolved["rehearsal"], resolved["seed"]) == ("photos", True, 3)
    assert resolved["model"]["activation"] == "relu" and resolved["model"]["type"] == "AlexNet"
    assert resolved["inputs"]["mean"] == "picture" and resolved["schedule"] == {"type": "Constant", "rate": 0.01}
    assert "paper" not in resolved and "deviations" not in resolved


def test_plain():
    @dataclasses.dataclass
    class Point:
        x: tuple
        f: object

    found = to_json({1: Point((1, 2.5, None, True), np.tanh), "t": jnp.float32})
    assert found == {"1": {"type": "Point", "x": [1, 2.5, None, True], "f": "tanh"}, "t": "float32"}


def test_a_folder_is_claimed_once_and_known_again(tmp_path):
    folder = tmp_path / "deep" / "run"
    claim_workdir(folder, mine())
    first = (folder / "experiment.json").read_text()
    content = json.loads(first)
    assert content["experiment"] == mine() and content["versions"] == versions()
    assert content["versions"].keys() >= {"python", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint"}
    claim_workdir(folder, mine())
    assert (folder / "experiment.json").read_text() == first
    assert [path.name for path in folder.iterdir()] == ["experiment.json"]


@pytest.mark.parametrize("setting", ["checkpoint_every=7", "evaluation_batch_size=9"])
def test_what_does_not_change_the_run_may_change(tmp_path, setting):
    claim_workdir(tmp_path / "run", mine())
    claim_workdir(tmp_path / "run", mine(jaxcnn.override(EXPERIMENT, setting)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (mine(seed=1), "its seed is 0, here it is 1"),
        (mine(data="imagenette"), "its data is 'photos', here it is 'imagenette'"),
        (mine(jaxcnn.override(EXPERIMENT, "model.dropout_rate=0.3")), r"model\.dropout_rate is 0\.5, here it is 0\.3"),
        (mine(jaxcnn.override(EXPERIMENT, "plateau=None")), r"its plateau is {.*}, here it is None"),
        (mine(jaxcnn.load("alexnet_2012:one_tower")), "holds another experiment"),
    ],
)
def test_another_experiment_is_refused(tmp_path, other, message):
    claim_workdir(tmp_path / "run", mine())
    with pytest.raises(UsageError, match=message) as caught:
        claim_workdir(tmp_path / "run", other)
    assert "\n" not in str(caught.value) and "choose another --workdir" in str(caught.value)


def test_what_is_no_runs_folder_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(UsageError, match=r"exists and is no run's folder"):
            claim_workdir(path, mine())
    with pytest.raises(UsageError, match=r"can't write to .*choose another --workdir"):
        claim_workdir(tmp_path / "file" / "run", mine())
    (tmp_path / "empty").mkdir()
    claim_workdir(tmp_path / "empty", mine())


def test_differences_are_paths_of_leaves():
    theirs = {"a": 1, "b": {"c": [1, 2], "d": 4}, "e": None}
    assert differences(theirs, {"a": 1, "b": {"c": [1, 3], "d": 4}, "f": 2, "e": None}) == ["b.c", "f"]
    assert differences(theirs, json.loads(json.dumps(theirs))) == []


def test_params_sha256_is_over_the_bytes_in_sorted_path_order():
    generator = np.random.default_rng(0)
    kernel, bias, other = (generator.normal(size=shape).astype(np.float32) for shape in ((2, 3), (3,), (4,)))
    params = {"conv10": {"kernel": jnp.asarray(other)}, "conv1": {"kernel": jnp.asarray(kernel), "bias": bias}}
    # "conv1/bias" < "conv1/kernel" < "conv10/kernel"
    expected = hashlib.sha256(bias.tobytes() + kernel.tobytes() + other.tobytes()).hexdigest()
    assert params_sha256(params) == expected
    assert params_sha256({**params, "conv1": {"kernel": kernel + np.float32(1e-6), "bias": bias}}) != expected


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "summary.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


def test_commit(monkeypatch, tmp_path):
    found = commit()
    assert found is None or len(found.removesuffix("-dirty")) == 40
    monkeypatch.setattr(folder_module, "__file__", str(tmp_path / "site" / "jaxcnn" / "runs" / "folder.py"))
    assert commit() is None  # installed, not a checkout
    (tmp_path / "site" / ".git").mkdir(parents=True)

    def no_git(*arguments, **options):
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(folder_module.subprocess, "run", no_git)
    assert commit() is None


@pytest.mark.parametrize("content", ["", '{"experi', "[]", "{}", '{"experiment": 3}'])
def test_a_damaged_experiment_json_is_named(tmp_path, content):
    claim_workdir(tmp_path / "run", mine())
    (tmp_path / "run" / "experiment.json").write_text(content)
    with pytest.raises(JaxcnnError, match=r"run/experiment\.json is damaged; .*choose another --workdir") as caught:
        claim_workdir(tmp_path / "run", mine())
    assert caught.value.exit_status == 1


def test_a_folder_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    claim_workdir(tmp_path / "run", mine())

    def forbidden(path, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(folder_module.Path, "read_text", forbidden)
    with pytest.raises(UsageError, match=r"can't use .*experiment\.json: Permission denied; .*another --workdir"):
        claim_workdir(tmp_path / "run", mine())


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"File name too long; .*choose another --workdir"):
        claim_workdir(tmp_path / ("x" * 300), mine())


def test_a_bucket_is_no_runs_folder():
    with pytest.raises(UsageError, match=r"--workdir=gs://bucket/x must be a local folder"):
        local_folder("gs://bucket/x")
    assert str(local_folder("runs/x")) == "runs/x"
