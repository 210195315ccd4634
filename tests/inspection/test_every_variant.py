"""The network of every variant can be taken apart, at the size of its paper."""

import jax
import numpy as np
import pytest

import jaxcnn
from jaxcnn.inspection.network.opened import OpenedNetwork
from jaxcnn.runs.trained import TrainedNetwork
from jaxcnn.training.network import initialised

TOO_DEEP = {"resnet_cifar_2015:1202"}  # nothing in it that 110 layers haven't
TITLES = [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]
# The first of every experiment, and one of each kind that differs from it; the others take the same layers.
KINDS = [
    *(
        "lenet5_1998:modern",
        "lenet5_1998:caffe",
        "alexnet_2012:caffenet",
        "alexnet_2012:one_tower",
        "nin_2013:imagenet",
    ),
    *("vgg_2014:A-LRN", "vgg_2014:A-bn", "googlenet_2014:torchvision", "resnet_2015:18-A", "resnet_2015:18-C"),
    *("resnet_2015:plain-18", "resnet_2015:50-v1.5", "resnet_cifar_2015:plain-20"),
]


def check(title: str) -> None:
    experiment = jaxcnn.load(title)
    shapes = jax.eval_shape(lambda: initialised(experiment.model, experiment.inputs))
    variables = {"params": shapes["params"], "batch_stats": shapes.get("batch_stats", {})}
    network = OpenedNetwork(TrainedNetwork(experiment, variables, (), 0))
    for stage in network.graph.stages:
        places = stage.shape if len(stage.shape) == 3 else (1, 1, *stage.shape)
        assert stage.fields.shape == places, stage.name
        for side, size in zip((stage.fields.rows, stage.fields.columns), network.input_shape[:2], strict=True):
            assert side.first.min() >= 0 and side.last.max() < size and (side.first <= side.last).all(), stage.name
            assert (np.diff(side.first, axis=1) >= 0).all() and (np.diff(side.last, axis=1) >= 0).all(), stage.name
    names = [stage.name for stage in network.trunk]
    assert len(set(names)) == len(names) and not any("aux" in name for name in names)
    assert network.last_maps.is_map and len(network.last_maps.readers) == 1, "Grad-CAM's derivative is by one input"
    assert 1 <= len(network.places) <= 4 and network.places[-1] is network.last_maps
    assert network.is_rectified == (title not in ("lenet5_1998:paper", "lenet5_1998:distortions"))


@pytest.mark.parametrize("title", [*jaxcnn.names(), *KINDS])
def test_a_variant_of_each_kind(title):
    check(title if ":" in title else f"{title}:{jaxcnn.variants(title)[0]}")


@pytest.mark.slow
@pytest.mark.parametrize("title", sorted(set(TITLES) - TOO_DEEP))
def test_every_variant(title):
    check(title)
