"""What a run is asked for is settled before any data is looked for, and the same by flags as in Python."""

import math

import pytest

import jaxcnn
from jaxcnn.data.preparation import choose as choose_module
from jaxcnn.errors import UsageError
from jaxcnn.reporting.progress import Silent
from jaxcnn.runs import plan as plan_module
from jaxcnn.runs.plan import plan_run

PRIMER, ALEXNET = jaxcnn.load("cnn_primer"), jaxcnn.load("alexnet_2012")


def plan(experiment, **asked):
    defaults = dict.fromkeys(("workdir", "data_dir", "manual_dir", "steps", "epochs", "mesh"))
    rest = {"data": "auto", "seed": 0, "parallel": "jit", "settings": (), "display": Silent()}
    return plan_run(experiment, **{**defaults, **rest, **asked})


@pytest.fixture
def no_data(monkeypatch):
    """Whoever looks for data fails."""

    def fail(*arguments, **options):
        raise AssertionError("data was looked for")

    monkeypatch.setattr(plan_module, "choose", fail)
    monkeypatch.setattr(plan_module, "open_any", fail)
    monkeypatch.setattr(choose_module, "prepare", fail)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"seed": -1}, r"seed \(=-1\) must be a whole number from 0 to 4294967295"),
        ({"seed": 1.5}, r"seed \(=1\.5\) must be a whole number"),
        ({"seed": 2**32}, r"seed \(=4294967296\) must be"),
        ({"seed": True}, r"seed \(=True\) must be"),
        ({"seed": None}, r"seed \(=None\) must be"),
        ({"steps": 0}, r"steps \(=0\) must be a positive whole number: a run has at least one step"),
        ({"steps": 2.5}, r"steps \(=2\.5\) must be"),
        ({"steps": "3"}, r"steps \(='3'\) must be"),
        ({"epochs": math.nan}, r"epochs \(=nan\) must be a positive, finite number"),
        ({"epochs": math.inf}, r"epochs \(=inf\) must be"),
        ({"epochs": -1}, r"epochs \(=-1\) must be"),
        ({"steps": 3, "epochs": 1}, r"steps \(=3\) and epochs \(=1\) exclude each other"),
        ({"parallel": "xx"}, r"parallel \(='xx'\): Allowed: jit, pmap"),
        ({"parallel": "jitt"}, r"did you mean 'jit'\?"),
        ({"mesh": "data=3"}, r"lays out 3 devices, there are 8"),
        ({"settings": "batch_size=4"}, r"must be a list of texts"),
        ({"settings": ["batch_sise=4"]}, r"did you mean 'batch_size'"),
        ({"settings": ["batch_size"]}, r"write path=value"),
        ({"settings": ["model.dropout_rate=1.5"]}, r"model\.dropout_rate|dropout_rate"),
        ({"settings": ["batch_size=12"]}, r"batch_size \(=12\) must divide evenly over 8 devices"),
        ({"settings": ["protocols=('ten',)"]}, r"there is no protocol 'ten'"),
        ({"settings": ["inputs.size=300"]}, r"inputs\.size \(=300\) must not exceed"),
        ({"data": "mnits"}, r"mnist"),
        ({"data": ""}, r"data \(=''\) must be"),
        ({"data": None}, r"data \(=None\) must be"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_data(no_data, asked, message):
    for experiment in (PRIMER, ALEXNET):
        with pytest.raises(UsageError, match=message) as caught:
            plan(experiment, **asked)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("experiment", ["cnn_primer", None, 3, jaxcnn])
def test_an_experiment_is_an_experiment(no_data, experiment):
    with pytest.raises(UsageError, match=r"must be an Experiment, as jaxcnn\.load gives it") as caught:
        jaxcnn.fit(experiment)
    assert ("use jaxcnn.load('cnn_primer')" in str(caught.value)) == (experiment == "cnn_primer")


def test_a_setting_that_only_a_rehearsal_takes_is_looked_at_when_the_data_is_known(monkeypatch):
    """The rehearsal of `one_tower` has another schedule; with the paper's data its field is refused, before data."""
    one_tower = jaxcnn.load("alexnet_2012:one_tower")
    rehearsed = type(one_tower.rehearsal.overrides.get("schedule", one_tower.schedule))
    assert rehearsed is not type(one_tower.schedule)
    monkeypatch.setattr(plan_module, "is_prepared", lambda name, data_dir: True)
    with pytest.raises(UsageError, match=r"schedule\.rate: PerEpoch has no field"):
        plan_module.check_before_data(
            one_tower, "auto", ["schedule.rate=0.5"], data_dir=None, parallel="jit", mesh=None
        )
    monkeypatch.setattr(plan_module, "is_prepared", lambda name, data_dir: False)
    plan_module.check_before_data(one_tower, "auto", ["schedule.rate=0.5"], data_dir=None, parallel="jit", mesh=None)


def test_a_plan_has_everything_that_a_run_needs():
    found = plan(PRIMER, data="digits", settings=["batch_size=16", "inputs.size=28", "steps=5"], seed=7, workdir="here")
    assert (found.experiment.batch_size, found.length.stop, found.seed, str(found.workdir)) == (16, 5, 7, "here")
    assert (found.choice.name, found.choice.rehearsal, len(found.train_source)) == ("digits", False, 1438)
    assert str(plan(PRIMER, data="digits").workdir) == "runs/cnn_primer-paper-digits"


def test_numbers_of_numpy_are_numbers(monkeypatch):
    import numpy as np

    found = plan(PRIMER, data="digits", seed=np.int64(3), steps=np.int32(4))
    assert (found.seed, found.length.stop) == (3, 4) and type(found.seed) is int
