"""A run's folder for weights from elsewhere: as a run would have written it, or none."""

import dataclasses
import json
import re
from functools import partial

import jax
import numpy as np
import pytest
from linear_network import LINEAR

from jaxcnn.config.experiment import WarmUp
from jaxcnn.errors import UsageError
from jaxcnn.runs.adopt import adopt, imported_state
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.evaluate import evaluate
from jaxcnn.runs.fit import fit
from jaxcnn.runs.trained import load_trained
from jaxcnn.training import state as train_state

VARIANTS = {
    "plain": LINEAR,
    "averaged": dataclasses.replace(LINEAR, averaging=0.9),
    "warmed up": dataclasses.replace(LINEAR, warmup=WarmUp(factor=0.1, until_error=80.0)),
    "mean image": dataclasses.replace(LINEAR, inputs=dataclasses.replace(LINEAR.inputs, mean="picture")),
}


def created(experiment):
    """A state as a run begins with it."""
    statistics = jax.tree.map(lambda zeros: zeros + 7, train_state.zero_statistics(experiment.inputs))
    return train_state.create_for(experiment, experiment.optimizer.transformation(), seed=0, statistics=statistics)


def variables_of(state):
    return {"params": state.params, "batch_stats": state.batch_stats, "statistics": state.statistics}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_state_is_that_of_a_run_at_its_beginning(name):
    expected = created(VARIANTS[name])
    found = imported_state(VARIANTS[name], variables_of(expected))
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_run_goes_on_from_it(tmp_path):
    """The same experiment on the same data: as if it had begun with these weights."""
    weights = variables_of(created(LINEAR))
    adopt(LINEAR, weights, tmp_path / "adopted", class_names="0123456789", origin={"from": "a file"})
    fit(LINEAR, data="digits", workdir=tmp_path / "begun", seed=0)
    fit(LINEAR, data="digits", workdir=tmp_path / "adopted", seed=0)
    one, other = (load_trained(tmp_path / name, experiment=LINEAR) for name in ("begun", "adopted"))
    assert one.step == other.step == LINEAR.steps
    # Initial values that a compiled program draws are rounded otherwise than those of `created`.
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    jax.tree.map(close, one.variables["params"], other.variables["params"])


def test_it_is_evaluated_and_keeps_where_it_comes_from(tmp_path):
    folder = adopt(LINEAR, variables_of(created(LINEAR)), tmp_path / "run", origin={"from": "a file"})
    told = []
    display = type("Told", (), {"message": lambda _, line: told.append(line), "advance": lambda *_, **__: None})()
    assert evaluate(folder, experiment=LINEAR, display=display)["step"] == 0
    assert told == []  # nothing of classes that have no names
    assert json.loads((folder / "experiment.json").read_text())["imported"] == {"from": "a file"}
    checkpoints = Checkpoints(folder)
    assert checkpoints.record().keys() == {"experiment", "class_names", "surroundings", "seconds", "evaluation_due"}
    checkpoints.close()


def test_all_or_nothing(tmp_path, monkeypatch):
    def fail(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Checkpoints, "save", fail)
    with pytest.raises(Exception, match="is full"):
        adopt(LINEAR, variables_of(created(LINEAR)), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_only_a_free_folder_is_taken(tmp_path):
    weights = variables_of(created(LINEAR))
    (tmp_path / "empty").mkdir()
    adopt(LINEAR, weights, tmp_path / "empty")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="isn't an empty folder"):
        adopt(LINEAR, weights, tmp_path / "empty")
    assert sorted(tmp_path.rglob("*")) == before


def test_statistics_that_the_inputs_need(tmp_path):
    without = {name: tree for name, tree in variables_of(created(LINEAR)).items() if name != "statistics"}
    with pytest.raises(UsageError, match=re.escape("takes mean from its training images")):
        adopt(VARIANTS["mean image"], without, tmp_path / "run")
    assert not (tmp_path / "run").exists()
