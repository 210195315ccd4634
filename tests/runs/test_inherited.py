"""A run that begins with imported weights sees the pixels, and has the constants, that these weights want."""

import json
import shutil

import jax
import numpy as np
import pytest
from untrained_runs import small, untrained

import jaxcnn
from jaxcnn.analysis.dry_run import dry_run
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs.adopt import adopt
from jaxcnn.runs.inherited import with_inherited

WANTED = ("model.activation=tanh", "inputs.mean=10.0", "inputs.scale=0.01")
SMALL = ("batch_size=16",)


class Messages(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A folder as `import-weights` makes it, of a network with twelve classes."""
    network = untrained(small("lenet5_1998:modern", "model.num_classes=12", *WANTED))
    variables = jax.tree.map(np.asarray, dict(network.variables))
    return adopt(network.experiment, variables, tmp_path_factory.mktemp("runs") / "imported", origin={"format": "test"})


def train(folder, workdir, *settings, steps=1, **more):
    said = Messages()
    experiment = more.pop("experiment", jaxcnn.load("lenet5_1998:modern"))
    settings = [f"init_from={folder}", *SMALL, *settings]
    jaxcnn.fit(experiment, data="digits", workdir=workdir, settings=settings, steps=steps, display=said)
    return said.lines, json.loads((workdir / "experiment.json").read_text())


def test_it_takes_over_what_the_weights_want(imported, tmp_path):
    lines, content = train(imported, tmp_path / "run")
    assert "as the imported weights want it: model.activation=tanh, inputs.mean=10.0, inputs.scale=0.01" in lines
    assert content["inherited"] == ["model.activation", "inputs.mean", "inputs.scale"]
    saved = content["experiment"]
    assert (saved["model"]["activation"], saved["inputs"]["mean"], saved["inputs"]["scale"]) == ("tanh", 10.0, 0.01)
    assert saved["model"]["num_classes"] == 10
    assert not any("trained on other values of the pixels" in line for line in lines)


@pytest.mark.parametrize("in_python", [False, True])
def test_what_the_user_sets_stays(imported, tmp_path, in_python):
    mine = "inputs.mean=33.0"
    if in_python:
        experiment = jaxcnn.override(jaxcnn.load("lenet5_1998:modern"), mine)
        lines, content = train(imported, tmp_path / "run", experiment=experiment)
    else:
        lines, content = train(imported, tmp_path / "run", mine)
    assert content["experiment"]["inputs"]["mean"] == 33.0 and "inputs.mean" not in content["inherited"]
    assert any("inputs.mean is 10.0 there, here 33.0" in line for line in lines)


def test_a_run_goes_on_when_the_imported_folder_has_gone(imported, tmp_path):
    source = shutil.copytree(imported, tmp_path / "source")
    train(source, tmp_path / "run")
    shutil.rmtree(source)
    _, content = train(source, tmp_path / "run", steps=2)
    assert content["experiment"]["model"]["activation"] == "tanh"


def test_a_run_that_begins_with_that_run_takes_it_over_too(imported, tmp_path):
    train(imported, tmp_path / "first")
    lines, content = train(tmp_path / "first", tmp_path / "second")
    assert content["inherited"] == ["model.activation", "inputs.mean", "inputs.scale"]
    assert any(line.startswith("begins with all") for line in lines)


def test_a_run_of_our_own_is_no_imported_one(tmp_path):
    train_once = {"data": "digits", "steps": 1, "settings": [*SMALL, "inputs.mean=10.0"]}
    jaxcnn.fit(jaxcnn.load("lenet5_1998:modern"), workdir=tmp_path / "ours", **train_once)
    lines, content = train(tmp_path / "ours", tmp_path / "run")
    assert "inherited" not in content and any("trained on other values of the pixels" in line for line in lines)


def test_another_network_takes_over_the_inputs_alone(imported):
    found = with_inherited(jaxcnn.load("lenet5_1998:caffe"), [f"init_from={imported}"])
    assert set(found.paths) == {"inputs.mean", "inputs.scale"}
    assert with_inherited(jaxcnn.load("lenet5_1998:modern")).paths == ()


def test_a_dry_run_sees_the_same_experiment(imported, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("jaxcnn.analysis.dry_run.resolve", lambda experiment, *_: seen.append(experiment) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        dry_run(jaxcnn.load("lenet5_1998:modern"), data="digits", settings=[f"init_from={imported}"])
    assert seen[0].inputs.mean == 10.0
