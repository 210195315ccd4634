"""What the devices of a data-parallel step say to each other, read from the compiled program, which is never run."""

import jax
import pytest
from step_shapes import compiled_step, state_shapes

import jaxcnn
from jaxcnn.analysis.collectives import collectives, host_transfers
from jaxcnn.analysis.memory import tree_bytes
from jaxcnn.config.overrides import override
from jaxcnn.models.kernels import winograd
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.metrics import zero_sums

ROWS = 8
# Every experiment by its bare name, and one variant of each other kind of network. resnet_2015's bottlenecks and the
# auxiliary heads with batch normalisation take longer to compile.
BARE = [name for name in jaxcnn.names() if name != "resnet_2015"]
OTHER = ["lenet5_1998:modern", "alexnet_2012:one_tower", "vgg_2014:A-bn", "resnet_2015:18-A"]
SLOW = ["lenet5_1998:distortions", "lenet5_1998:caffe", "alexnet_2012:caffenet", "alexnet_2012:ungrouped"]
SLOW += ["alexnet_2012:one_gpu", "nin_2013:mnist", "nin_2013:imagenet", "vgg_2014:A-LRN", "vgg_2014:C"]
SLOW += ["googlenet_2014:torchvision", "resnet_2015:50-C", "resnet_2015:50-v1.5", "resnet_2015:plain-18"]
SLOW += ["resnet_cifar_2015:plain-20"]
TITLES = [*BARE, "resnet_2015", *OTHER, *(pytest.param(title, marks=pytest.mark.slow) for title in SLOW)]


@pytest.mark.parametrize("title", TITLES)
def test_gradients_statistics_and_metrics_are_all_that_is_said(title, monkeypatch):
    """All-reduces only, at most 1.05 × the bytes of parameters, batch statistics and metrics; nothing to the host."""
    if title in OTHER:  # the bare names have the 3×3 form that users get, which takes long to compile
        monkeypatch.setattr(winograd, "FEW_MAPS", 10**9)
    experiment = override(jaxcnn.load(title), f"batch_size={ROWS}")
    program = compiled_step(experiment, Devices("jit")).as_text()
    said, state = collectives(program), state_shapes(experiment)
    assert said.keys() == {"all-reduce"}
    parameters = tree_bytes(state.params)
    allowed = parameters + tree_bytes(state.batch_stats) + tree_bytes(zero_sums())
    assert parameters <= said["all-reduce"]["bytes"] <= 1.05 * allowed
    assert host_transfers(program) == []


def test_a_step_that_talks_to_the_host_is_found():
    def step(x):
        jax.debug.callback(lambda _: None, x)
        return x + 1

    program = jax.jit(step).lower(jax.numpy.ones(3)).compile().as_text()
    assert any("callback" in name for name in host_transfers(program))
