"""In what a run isn't the paper's."""

import dataclasses

import jaxcnn
from jaxcnn.config.overrides import apply_changes
from jaxcnn.runs.departures import departures


def test_the_recipe_has_none():
    experiment = jaxcnn.load("resnet_cifar_2015:20")
    assert departures(experiment, data="cifar10", rehearsal=False, stop=64_000, planned=64_000) == []
    assert departures(experiment, data="cifar10", rehearsal=False) == []


def test_settings_length_and_data_are_named():
    experiment = jaxcnn.override(jaxcnn.load("resnet_cifar_2015:20"), "batch_size=64", "optimizer.momentum=0.5")
    experiment = jaxcnn.override(experiment, "model.num_classes=100", "checkpoint_every=7", "evaluate_every=0.5")
    assert departures(experiment, data="cifar100", rehearsal=False, stop=300, planned=64_000) == [
        "data cifar100 instead of cifar10",
        "optimizer.momentum=0.5 instead of 0.9",
        "batch_size=64 instead of 128",
        "300 steps instead of 64,000",
    ]


def test_what_a_rehearsal_changes_is_its_own():
    experiment = jaxcnn.load("resnet_cifar_2015:20")
    assert experiment.rehearsal is not None
    rehearsed = apply_changes(experiment, experiment.rehearsal.overrides.items())
    assert departures(rehearsed, data="photos", rehearsal=True) == []
    smaller = jaxcnn.override(rehearsed, "batch_size=8")
    assert departures(smaller, data="photos", rehearsal=True) == ["batch_size=8 instead of 32"]


def test_a_part_of_another_kind_is_called_by_its_name():
    ours, theirs = jaxcnn.load("lenet5_1998:modern"), jaxcnn.load("lenet5_1998:paper")
    mixed = dataclasses.replace(theirs, schedule=ours.schedule)
    assert departures(mixed, data="mnist", rehearsal=False) == ["schedule=Cosine instead of PerEpoch"]
    other = dataclasses.replace(theirs, model=ours.model)
    assert departures(other, data="mnist", rehearsal=False) == ["the network ModernLeNet5 instead of LeNet5"]


def test_an_experiment_of_ones_own_has_no_recipe(linear):
    assert departures(linear, data="digits", rehearsal=False) is None


def test_how_often_it_is_tested_counts_where_the_rate_depends_on_it():
    experiment = jaxcnn.override(jaxcnn.load("alexnet_2012"), "evaluate_every=0.5")
    assert departures(experiment, data="imagenet2012", rehearsal=False) == ["evaluate_every=0.5 instead of 1.0"]
