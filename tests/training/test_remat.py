"""What is computed again isn't kept: the same gradients from less."""

import chex
import jax
import pytest
from step_shapes import compiled_step

import jaxcnn
from jaxcnn.analysis.memory import tree_bytes
from jaxcnn.config.overrides import override
from jaxcnn.models.layers.core import SUM
from jaxcnn.parallel.devices import Devices
from jaxcnn.training.remat import value_and_pull_back

pytestmark = pytest.mark.usefixtures("plain_convolutions")


@pytest.fixture
def small():
    """ResNet with batch norm and all, eight layers, on small pictures."""
    experiment = override(jaxcnn.load("resnet_cifar_2015"), "inputs.size=16", "inputs.stored_size=16", "batch_size=32")
    return override(experiment, "model.n=1")


def forward_of(experiment, variables, images):
    return lambda params: experiment.model.apply(
        {**variables, "params": params}, images, train=True, mutable=["batch_stats"]
    )


def shapes(experiment):
    images = jax.ShapeDtypeStruct((32, 16, 16, 3), jax.numpy.float32)
    return jax.eval_shape(lambda x: experiment.model.init(jax.random.key(0), x, train=False), images), images


def test_less_is_kept_for_the_backward_pass(small):
    def kept(level):
        def residuals(variables, images):
            forward = forward_of(small, variables, images)
            if level:
                forward = jax.checkpoint(forward, policy=jax.checkpoint_policies.save_only_these_names(SUM))
            return jax.vjp(forward, variables["params"], has_aux=True)[1]

        variables, images = shapes(small)
        return tree_bytes(jax.eval_shape(residuals, variables, images)) - tree_bytes(variables["params"])

    print(f"kept: {kept(None):,} bytes, only sums: {kept('sums'):,}")
    assert kept("sums") < 0.6 * kept(None)


def test_the_compiled_step_needs_less(small):
    """On CPU that is due to the order of instructions more than to computing again: docs/decisions.md, 28."""
    one = Devices("jit", jax.devices()[:1])
    needs = [
        compiled_step(override(small, *settings), one).memory_analysis().temp_size_in_bytes
        for settings in ((), ("remat=sums",), ("accumulate=4",))
    ]
    print(f"temporary values: {needs}")
    assert needs[1] < 0.8 * needs[0] and needs[2] < 0.5 * needs[0]


def test_the_gradients_stay(small):
    images = jax.random.normal(jax.random.key(1), (8, 16, 16, 3))
    with jax.default_prng_impl("unsafe_rbg"):
        variables = jax.jit(lambda x: small.model.init(jax.random.key(0), x, train=False))(images)
    forward = forward_of(small, variables, images)

    def gradients(level):
        def compute(params):
            outputs, pull_back, _ = value_and_pull_back(forward, params, level)
            return pull_back(2 * outputs / outputs.size)

        return jax.jit(compute)(variables["params"])

    direct = jax.jit(jax.grad(lambda params: jax.numpy.square(forward(params)[0]).mean()))(variables["params"])
    for level in (None, "sums"):
        chex.assert_trees_all_close(gradients(level), direct, rtol=1e-3, atol=1e-5)


def test_convolutions_and_matrix_products_carry_the_name():
    experiment = jaxcnn.load("resnet_cifar_2015")
    variables, images = shapes(override(experiment, "inputs.size=16", "inputs.stored_size=16"))
    traced = str(jax.make_jaxpr(lambda v, x: experiment.model.apply(v, x, train=False))(variables, images))
    assert traced.count(f"name[name={SUM}]") == 20
