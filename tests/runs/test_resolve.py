"""What a run resolves before it starts."""

import dataclasses

import pytest

import jaxcnn
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.errors import UsageError
from jaxcnn.models.lenet import LeNet5
from jaxcnn.optim.schedules import Constant
from jaxcnn.runs.length import Length
from jaxcnn.runs.resolve import check_network, resolve

PRIMER = jaxcnn.override(jaxcnn.load("cnn_primer"), "batch_size=32", "epochs=10")
REAL, REHEARSAL = Choice("digits", False, "", ""), Choice("digits", True, "", "")


def test_a_rehearsals_overrides_come_first_and_the_users_last():
    pristine = jaxcnn.load("cnn_primer")
    rehearsed = pristine.rehearsal.overrides["epochs"]
    assert rehearsed != pristine.epochs
    assert resolve(pristine, REAL, (), 10).epochs == pristine.epochs
    assert resolve(pristine, REHEARSAL, (), 10).epochs == rehearsed
    asked = resolve(pristine, REHEARSAL, ("steps=77", "batch_size=8"), 10)
    assert (asked.epochs, asked.steps, asked.batch_size) == (None, 77, 8)


@pytest.mark.parametrize("how", ["override", "replace"])
def test_what_was_changed_in_python_stays(how):
    """Also what a rehearsal would change, and the number of classes, which follows the data otherwise."""
    alexnet = jaxcnn.load("alexnet_2012")
    if how == "override":
        changed = jaxcnn.override(alexnet, "batch_size=4", "steps=6", "schedule.rate=0.125", "model.num_classes=12")
    else:
        changed = dataclasses.replace(
            alexnet,
            batch_size=4,
            epochs=None,
            steps=6,
            schedule=dataclasses.replace(alexnet.schedule, rate=0.125),
            model=alexnet.model.clone(num_classes=12),
        )
    resolved = resolve(changed, Choice("photos", True, "", ""), (), 10)
    assert (resolved.batch_size, resolved.steps, resolved.epochs, resolved.model.num_classes) == (4, 6, None, 12)
    assert resolved.schedule.rate == 0.125
    assert resolved.plateau is None is alexnet.rehearsal.overrides["plateau"]  # the rest is the rehearsal's


def test_a_value_as_the_file_has_it_stays_too_if_it_was_asked_for():
    alexnet = jaxcnn.load("alexnet_2012")
    assert alexnet.rehearsal.overrides["batch_size"] != alexnet.batch_size
    asked = jaxcnn.override(alexnet, f"batch_size={alexnet.batch_size}")
    assert resolve(asked, Choice("photos", True, "", ""), (), 10).batch_size == alexnet.batch_size


def test_a_field_of_what_a_rehearsal_replaces_stays():
    """`rehearsal` may replace the whole schedule; a rate that the user set is set in the new one."""
    rehearsal = dataclasses.replace(PRIMER.rehearsal, overrides={"schedule": Constant(0.5)})
    mine = dataclasses.replace(jaxcnn.override(PRIMER, "schedule.rate=0.25"), rehearsal=rehearsal)
    assert resolve(mine, REHEARSAL, (), 10).schedule == Constant(0.25)


def test_a_network_of_ones_own_keeps_its_classes():
    mine = dataclasses.replace(PRIMER, model=LeNet5())
    assert resolve(dataclasses.replace(mine, inputs=jaxcnn.load("lenet5_1998").inputs), REAL, (), 10).model == LeNet5()


def test_the_network_tells_apart_what_the_data_holds():
    assert resolve(PRIMER, REAL, (), 7).model.num_classes == 7
    assert resolve(PRIMER, REAL, ("model.num_classes=12",), 10).model.num_classes == 12  # some never occur
    with pytest.raises(UsageError, match=r"model\.num_classes \(=9\) must be at least 10, the classes of digits"):
        resolve(PRIMER, REAL, ("model.num_classes=9",), 10)


def test_a_network_that_can_not_be_made_is_a_wrong_setting():
    alexnet = jaxcnn.load("alexnet_2012")
    with pytest.raises(UsageError, match=r"^model\.features .* must each be divisible by towers \(=5\)\.$"):
        resolve(alexnet, REAL, ("model.towers=5",), 10)
    with pytest.raises(UsageError, match=r"^model\.pool_size \(=0\) must be positive"):
        resolve(alexnet, REAL, ("model.pool_size=0",), 10)
    with pytest.raises(UsageError, match=r"^alexnet_2012:paper on digits: inputs\.size \(=66\) is too small") as caught:
        resolve(alexnet, REAL, ("inputs.size=66",), 10)
    assert "\n" not in str(caught.value)
    check_network(alexnet, "here")


@pytest.mark.parametrize(
    ("settings", "stops", "expected"),
    [
        (("epochs=2",), {}, (10, 20, 20)),  # 105 examples make 10 batches of 10
        (("epochs=0.25",), {}, (10, 3, 3)),
        (("steps=7",), {}, (10, 7, 7)),
        (("epochs=2",), {"steps": 5}, (10, 20, 5)),  # the plan, and with it the schedule, stays
        (("epochs=2",), {"epochs": 3}, (10, 20, 30)),
        (("epochs=2",), {"epochs": 0.01}, (10, 20, 1)),
        (("steps=7",), {"epochs": 1}, (10, 7, 10)),
    ],
)
def test_length(settings, stops, expected):
    experiment = jaxcnn.override(PRIMER, "batch_size=10", *settings)
    length = Length.of(experiment, 105, **stops)
    assert (length.steps_per_epoch, length.planned, length.stop) == expected


def test_an_epoch_of_less_than_a_batch_is_a_step():
    assert Length.of(jaxcnn.override(PRIMER, "batch_size=512"), 100).steps_per_epoch == 1


@pytest.mark.parametrize("steps", [0, -1])
def test_a_run_has_steps(steps):
    with pytest.raises(UsageError, match="at least one step"):
        Length.of(PRIMER, 100, steps=steps)


def test_intervals():
    experiment = jaxcnn.override(PRIMER, "batch_size=1", "evaluate_every=0.5")
    small, large = Length.of(experiment, 9), Length.of(experiment, 50_000)
    assert [small.evaluation_interval(experiment), large.evaluation_interval(experiment)] == [4, 25_000]
    assert [small.checkpoint_interval(experiment), large.checkpoint_interval(experiment)] == [9, 1000]
    assert small.checkpoint_interval(jaxcnn.override(experiment, "checkpoint_every=3")) == 3
    assert [small.log_interval(), Length.of(experiment, 400).log_interval(), large.log_interval()] == [1, 20, 500]
    assert Length.of(jaxcnn.override(experiment, "evaluate_every=0.01"), 9).evaluation_interval(experiment) >= 1


def test_a_short_run_has_a_hundred_windows():
    """So its first loss is shown early. A long run keeps its twenty windows an epoch, wherever it is told to stop."""
    short = jaxcnn.override(PRIMER, "batch_size=16", "steps=200")
    assert Length.of(short, 2000).log_interval() == 2
    assert Length.of(short, 2000, steps=1000).log_interval() == 2  # the plan decides, so a resumed run has the same
    assert Length.of(jaxcnn.override(PRIMER, "batch_size=16", "steps=7"), 2000).log_interval() == 1
    assert Length.of(jaxcnn.override(PRIMER, "batch_size=16", "epochs=5"), 2000).log_interval() == 6
