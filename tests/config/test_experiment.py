"""Loading experiments by name, and what an experiment refuses to be."""

import dataclasses
import pkgutil
from pathlib import Path

import flax.linen as nn
import pytest

import jaxcnn
import jaxcnn.experiments
from jaxcnn.config.experiment import Experiment, Paper
from jaxcnn.errors import UsageError

FOLDER = Path(jaxcnn.experiments.__path__[0])


def test_names_are_the_files():
    assert jaxcnn.names() == sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
    assert {"lenet5_1998", "alexnet_2012", "cnn_primer"} <= set(jaxcnn.names())


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(jaxcnn.experiments.__path__)])
def test_every_variant_loads_under_its_name(name):
    for variant in jaxcnn.variants(name):
        experiment = jaxcnn.load(f"{name}:{variant}")
        assert (experiment.name, experiment.variant, experiment.id) == (name, variant, f"{name}:{variant}")
        assert isinstance(experiment.paper, Paper) and isinstance(experiment.model, nn.Module)
        hash(experiment.model)  # a module is a value


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        # The names; the first is what the bare name runs
        ("alexnet_2012", ["paper", "caffenet", "ungrouped", "one_gpu", "one_tower"]),
        ("cnn_primer", ["paper"]),
        ("nin_2013", ["cifar10", "cifar100", "mnist", "svhn", "imagenet"]),
        ("vgg_2014", ["D", "A", "A-LRN", "B", "C", "E", "A-bn", "B-bn", "D-bn", "E-bn"]),
        ("googlenet_2014", ["paper", "torchvision"]),
        (
            "resnet_2015",
            ["50", "18", "34", "101", "152"]
            + [f"{depth}-{option}" for depth in (18, 34, 50, 101, 152) for option in "ABC"]
            + ["plain-18", "plain-34", *(f"{depth}-v1.5" for depth in (18, 34, 50, 101, 152))],
        ),
        (
            "resnet_cifar_2015",
            ["20", "32", "44", "56", "110", "1202", "plain-20", "plain-32", "plain-44", "plain-56"],
        ),
    ],
)
def test_variants_in_their_order(name, variants):
    assert jaxcnn.variants(name) == variants


def test_the_bare_name_runs_the_first_variant():
    first = jaxcnn.variants("alexnet_2012")[0]
    assert jaxcnn.load("alexnet_2012") == jaxcnn.load(f"alexnet_2012:{first}")
    assert jaxcnn.load("alexnet_2012").model != jaxcnn.load("alexnet_2012:ungrouped").model
    with pytest.raises(UsageError, match="alexnet_2012 has no variant ''; Allowed: paper, caffenet"):
        jaxcnn.load("alexnet_2012:")


@pytest.mark.parametrize(
    ("title", "near"),
    [
        ("alexnet_2021", "'alexnet_2012'"),
        ("lenet_1998", "'lenet5_1998'"),
        ("alexnet_2012:cafenet", "'caffenet'"),
        ("alexnet_2012:onetower", "'one_tower'"),
    ],
)
def test_a_typo_is_answered_with_the_nearest_name(title, near):
    with pytest.raises(UsageError, match="did you mean") as caught:
        jaxcnn.load(title)
    message = str(caught.value)
    assert f"did you mean {near}?" in message and "Allowed: " in message and "\n" not in message


@pytest.mark.parametrize("title", ["", ":", "zzz", "../launch", "os", "alexnet_2012:zzz"])
def test_what_is_like_nothing_is_answered_with_all_names(title):
    with pytest.raises(UsageError, match="Allowed: ") as caught:
        jaxcnn.load(title)
    assert "did you mean" not in str(caught.value)


@pytest.fixture
def experiment() -> Experiment:
    return jaxcnn.load("alexnet_2012")


@pytest.mark.parametrize("lengths", [{"epochs": None, "steps": None}, {"epochs": 1, "steps": 1}])
def test_an_experiment_has_one_length(experiment, lengths):
    with pytest.raises(UsageError, match=r"either epochs \(=.*\) or steps \(=.*\)"):
        dataclasses.replace(experiment, **lengths)


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize(
    "field", ["batch_size", "epochs", "evaluate_every", "checkpoint_every", "evaluation_batch_size"]
)
def test_counts_are_positive(experiment, field, value):
    with pytest.raises(UsageError, match=rf"{field} \(={value}\) must be positive"):
        dataclasses.replace(experiment, **{field: value})


def test_the_input_is_no_larger_than_the_padded_image(experiment):
    inputs = dataclasses.replace(experiment.inputs, size=28, stored_size=24, pad=2)
    dataclasses.replace(experiment, inputs=inputs)  # just fits
    with pytest.raises(UsageError, match=r"size \(=29\) must not exceed .*\(=28\)"):
        dataclasses.replace(experiment, inputs=dataclasses.replace(inputs, size=29))


def test_an_experiment_is_frozen(experiment):
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment.batch_size = 1
