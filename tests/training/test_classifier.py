"""The rule that finds a network's classifiers, for every experiment and variant; nothing is computed."""

import dataclasses

import flax.linen as nn
import jax
import pytest
from linear_network import LINEAR

import jaxcnn
from jaxcnn.config.experiment import Experiment
from jaxcnn.config.overrides import field_types, override
from jaxcnn.models.layers.core import Dense
from jaxcnn.training.classifier import class_axes, variable_shapes

# The last layers of the papers' tables, by experiment, or by variant where they differ.
CLASSIFIERS: dict[str, set[str]] = {
    "lenet5_1998:paper": set(),  # distances to ten fixed bitmaps
    "lenet5_1998:distortions": set(),
    "lenet5_1998:modern": {"output"},
    "lenet5_1998:caffe": {"ip2"},
    "cnn_primer": {"fc3"},
    "alexnet_2012": {"fc8"},
    "nin_2013": {"cccp6"},
    "nin_2013:imagenet": {"cccp8"},
    "vgg_2014": {"fc8"},
    "googlenet_2014": {"fc", "aux1.classifier", "aux2.classifier"},
    "resnet_2015": {"fc"},
    "resnet_cifar_2015": {"fc"},
}
VARIANTS = [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]


def shallow(experiment: Experiment) -> Experiment:
    """The same network with a block in each stage: its last layer doesn't depend on the depth."""
    fields = field_types(experiment.model)
    if "n" in fields:
        return override(experiment, "model.n=1")
    if "bottleneck" in fields:
        return override(experiment, "model.blocks=(1, 1, 1, 1)")
    return experiment


@pytest.mark.parametrize("title", VARIANTS)
def test_the_classifier_of_every_variant(title):
    experiment = shallow(jaxcnn.load(title))
    axes = class_axes(experiment)
    expected = CLASSIFIERS.get(title, CLASSIFIERS.get(title.split(":")[0]))
    assert {".".join(path[1:-1]) for path in axes} == expected
    model = experiment.model
    images = jax.ShapeDtypeStruct((1, experiment.inputs.size, experiment.inputs.size, experiment.inputs.channels), "f4")
    variables = jax.eval_shape(lambda images: model.init(jax.random.key(0), images, train=False), images)
    shapes = variable_shapes(dict(variables))
    assert {shapes[path][axis] for path, axis in axes.items()} <= {getattr(model, "num_classes", None)}
    assert {path[-1] for path in axes} == ({"kernel", "bias"} if expected else set())


class Fixed(nn.Module):
    """A network of a user's own that doesn't say how many classes it has."""

    @nn.compact
    def __call__(self, images, *, train: bool):
        del train
        return Dense(10, name="fc")(images)


def test_a_network_that_does_not_say_its_classes_has_none():
    assert class_axes(dataclasses.replace(LINEAR, model=Fixed())) == {}
    assert set(class_axes(LINEAR)) == {("params", "fc", "bias"), ("params", "fc", "kernel")}
