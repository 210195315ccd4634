"""What a run takes of another run's network, and that it knows it again wherever the other run's folder lies."""

import dataclasses
import json
import shutil
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import chex
import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from linear_network import LINEAR

from jaxcnn.config.experiment import Experiment
from jaxcnn.config.inputs import Inputs, Whitening
from jaxcnn.data.sources import open_source
from jaxcnn.errors import UsageError
from jaxcnn.evaluation.evaluator import Evaluator
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Dense
from jaxcnn.optim.schedules import Constant
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs.evaluate import evaluate
from jaxcnn.runs.fit import fit
from jaxcnn.runs.initial_state import create_state, image_statistics
from jaxcnn.runs.trained import restore_state
from jaxcnn.runs.warm_start import InitialWeights, read
from jaxcnn.training import state as train_state
from jaxcnn.training.program import Program


class Normalised(nn.Module):
    """Two layers and batch normalisation between them, some of it within a block."""

    num_classes: int = 10
    hidden: int = 12
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, *, train: bool):
        x = Dense(self.hidden, name="fc1", dtype=self.dtype)(images)
        x = BatchNorm(name="bn1", dtype=self.dtype)(x, train=train)
        return Dense(self.num_classes, name="fc2", dtype=self.dtype)(nn.relu(x)).astype(jnp.float32)


IMAGE = Inputs(size=8, channels=1, stored_size=8, mean="picture", scale=1 / 64)
BASE = dataclasses.replace(
    LINEAR,
    model=Normalised(),
    inputs=IMAGE,
    schedule=Constant(0.02),
    steps=12,
    evaluation_batch_size=360,
    name="normalised",
)


class Told(Silent):
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def taking(folder: Path | str, base: Experiment = BASE, **fields: Any) -> Experiment:
    return dataclasses.replace(base, init_from=str(folder), **fields)


def beginning(experiment: Experiment, data: str = "digits") -> tuple[Any, InitialWeights]:
    """The state that a run of this experiment begins with, and what it took."""
    devices = Devices()
    initial = read(experiment, devices)
    source = open_source(data, "train")
    program = Program(experiment, devices, steps_per_epoch=1, total_steps=1, images=len(source), on_device=True)
    creation: Future = Future()
    creation.set_result(program.lower_creation()())
    statistics = image_statistics(experiment.inputs, source, initial, progress=Silent().advance)
    state = create_state(program, creation, 5, statistics, devices, initial)
    return state, initial


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A run's folder and its summary."""
    folder = tmp_path_factory.mktemp("source") / "A"
    return folder, fit(BASE, workdir=folder)


@pytest.mark.parametrize(
    "fields",
    [{}, {"averaging": 0.8}, {"inputs": Inputs(size=8, channels=1, stored_size=8, whitening=Whitening())}],
    ids=["mean image", "average", "whitening"],
)
def test_an_evaluation_right_after_says_what_the_source_said(source, tmp_path, fields):
    folder, summary = source
    if fields:
        folder = tmp_path / "A"
        summary = fit(dataclasses.replace(BASE, **fields), workdir=folder)
    experiment = taking(folder, **fields)
    state, initial = beginning(experiment)
    evaluator = Evaluator(experiment, open_source("digits", "test"), Devices())
    assert evaluator("center", train_state.evaluation_variables(state)) == summary["evaluation"]["center"]
    theirs = restore_state(dataclasses.replace(BASE, **fields), folder, Devices())
    chex.assert_trees_all_equal(state.params, theirs.average or theirs.params)
    chex.assert_trees_all_equal(state.average, theirs.average)  # it begins at the source's too
    chex.assert_trees_all_equal((state.batch_stats, state.statistics), (theirs.batch_stats, theirs.statistics))
    assert int(state.step) == 0 and "all 3 layers" in initial.notes[0] and len(initial.notes) == 1
    assert "batch statistics with them, and with its" in initial.notes[0]


def test_other_data_is_shown_to_the_network_as_the_source_showed_its_own(source, tmp_path):
    state, _ = beginning(taking(source[0]), data="photos")
    theirs = restore_state(BASE, source[0], Devices())
    chex.assert_trees_all_equal(state.statistics, theirs.statistics)


def test_layers_are_whole_and_the_rest_is_the_runs_own(source, tmp_path):
    """Some layers alone: their batch statistics with them, the other layers random, the mean image the data's own."""
    experiment = taking(source[0], init_layers=("fc1", "bn1"))
    state, initial = beginning(experiment, data="photos")
    theirs = restore_state(BASE, source[0], Devices())
    for name in ("fc1", "bn1"):
        chex.assert_trees_all_equal(state.params[name], theirs.params[name])
    chex.assert_trees_all_equal(state.batch_stats, theirs.batch_stats)
    assert not np.array_equal(state.params["fc2"]["kernel"], theirs.params["fc2"]["kernel"])
    assert float(jnp.abs(state.statistics["mean"] - theirs.statistics["mean"]).max()) > 1
    assert "2 of 3 layers (fc1, bn1)" in initial.notes[0] and "isn't the whole network" in initial.notes[0]
    only, _ = beginning(taking(source[0], init_layers=("fc1",)))
    assert float(jnp.abs(only.batch_stats["bn1"]["mean"]).max()) == 0


@pytest.mark.parametrize(
    ("inputs", "why", "notes"),
    [
        (dataclasses.replace(IMAGE, stored_size=9), "as inputs.stored_size is another", 1),
        (dataclasses.replace(IMAGE, mean=0.0, scale=1.0, whitening=Whitening()), "as inputs.whitening is another", 2),
        (dataclasses.replace(IMAGE, scale=1.0), "and with its mean image", 2),
        (dataclasses.replace(IMAGE, mean=3.0), "batch statistics with them", 2),
    ],
)
def test_other_inputs_have_their_own_statistics(source, tmp_path, inputs, why, notes):
    experiment = taking(source[0], inputs=inputs)
    state, initial = beginning(experiment)
    assert initial.notes[0].endswith(why) and len(initial.notes) == notes
    if notes > 1:
        assert initial.notes[1].startswith("note: the layers were trained on other values of the pixels: inputs.")
    shapes = {name: values.shape for name, values in train_state.zero_statistics(inputs).items()}
    assert {name: values.shape for name, values in state.statistics.items()} == shapes


def test_it_is_known_again_wherever_the_folder_lies_and_however_it_is_typed(source, tmp_path, monkeypatch):
    """What was taken counts: the folder may be moved, deleted, or named by another way to it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "first" / "A"
    shutil.copytree(source[0], folder)
    run, display = tmp_path / "B", Told()
    fit(taking(folder), workdir=run, steps=2, display=display)
    assert any(line.startswith("begins with all 3 layers of ") for line in display.lines)
    saved = json.loads((run / "experiment.json").read_text())["experiment"]
    assert saved["init_from"] == str(folder) and len(saved["init_from_sha256"]) == 64
    monkeypatch.chdir(tmp_path / "first")
    go_on = partial(fit, workdir=run)
    for step, typed in enumerate(("~/first/A", "../first/./A"), start=3):
        assert go_on(taking(typed), steps=step)["steps"] == step
    (tmp_path / "elsewhere").mkdir()
    folder.rename(tmp_path / "elsewhere" / "A")
    assert go_on(taking(folder), steps=5)["steps"] == 5  # it isn't read any more
    assert go_on(taking("../elsewhere/A"), steps=6)["steps"] == 6
    with pytest.raises(UsageError, match=r"its init_from is '.*first/A', here it is None; choose another --workdir"):
        go_on(BASE, steps=7)
    other = tmp_path / "other"
    fit(BASE, workdir=other, seed=1, steps=1)
    with pytest.raises(UsageError, match=r"its init_from is '.*first/A', here it is '.*other'; choose another"):
        go_on(taking(other), steps=7)
    assert evaluate(run, experiment=BASE)["step"] == 6


def test_weights_that_changed_before_anything_was_saved_are_refused(source, tmp_path):
    """A run that ended before its first checkpoint begins anew: with what it said that it takes, or not at all."""
    folder, run = tmp_path / "A", tmp_path / "B"
    shutil.copytree(source[0], folder)
    fit(taking(folder), workdir=run, steps=1)
    shutil.rmtree(run / "checkpoints")
    (run / "summary.json").unlink()
    fit(dataclasses.replace(BASE, steps=13), workdir=tmp_path / "longer", seed=2)
    shutil.rmtree(folder)
    (tmp_path / "longer").rename(folder)
    with pytest.raises(UsageError, match=r"B began with other weights than those that init_from \(=.*A\) holds now"):
        fit(taking(folder), workdir=run, steps=1)


def test_a_run_of_an_older_version_goes_on(source, tmp_path, monkeypatch):
    """Its folder was written down as it was typed, and nothing of what it held."""
    monkeypatch.chdir(source[0].parent)
    run, display = tmp_path / "B", Told()
    fit(taking("A"), workdir=run, steps=1)
    content = json.loads((run / "experiment.json").read_text())
    del content["experiment"]["init_from_sha256"], content["experiment"]["data_content"]
    content["experiment"]["init_from"] = "A"
    (run / "experiment.json").write_text(json.dumps(content))
    assert fit(taking(source[0]), workdir=run, steps=2, display=display)["steps"] == 2
    assert sum("begun by an older version" in line for line in display.lines) == 1


def test_what_cant_be_taken_is_refused_before_the_folder_is_made(source, tmp_path):
    for fields, message in (
        ({"init_from": str(tmp_path / "nowhere")}, r"init_from \(=.*nowhere\) is no run's folder"),
        ({"init_from": "gs://bucket/A"}, r"init_from \(=gs://bucket/A\) must be a local folder"),
        ({"init_layers": ("fc9",)}, r"init_layers: normalised:test has no layer 'fc9'"),
        (
            {"model": Normalised(hidden=7)},
            r"init_from: layer bn1 is .*\(12,\).*, here it is .*\(7,\).*init_layers",
        ),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            fit(dataclasses.replace(BASE, **{"init_from": str(source[0]), **fields}), workdir=tmp_path / "B")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "B").exists()
