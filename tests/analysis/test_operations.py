"""Operations counted in the trace, against the layer table and arithmetic by hand."""

import jax
import jax.numpy as jnp
import pytest

import jaxcnn
from jaxcnn.analysis.operations import count_operations
from jaxcnn.runs.layer_table import layer_table


def array(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


@pytest.mark.parametrize("title", ["lenet5_1998:modern", "alexnet_2012", "resnet_2015:18"])
def test_a_forward_pass_is_two_operations_a_multiply_accumulate(title):
    """Response normalisation is a matrix product here and none in the table."""
    experiment = jaxcnn.override(jaxcnn.load(title), *(["model.use_lrn=False"] if "alexnet" in title else []))
    size, channels = experiment.inputs.size, experiment.inputs.channels
    images = array(3, size, size, channels)
    variables = jax.eval_shape(lambda x: experiment.model.init(jax.random.key(0), x, train=False), images)
    counted = count_operations(lambda v, x: experiment.model.apply(v, x, train=False), variables, images)
    assert counted == 2 * 3 * layer_table(experiment).total_macs


def test_gradients_of_a_strided_convolution_cost_what_it_costs():
    def convolve(x, w):
        return jax.lax.conv_general_dilated(x, w, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    x, w = array(4, 9, 9, 3), array(3, 3, 3, 5)
    forward = 2 * 4 * 4 * 4 * 3 * 3 * 3 * 5
    assert count_operations(convolve, x, w) == forward
    both = count_operations(lambda x, w: jax.vjp(convolve, x, w)[1](jnp.ones((4, 4, 4, 5))), x, w)
    by_weights = forward  # the input's: 81 pixels for 64, a quarter of them not zeros
    assert both == pytest.approx(forward + by_weights + 2 * 4 * 81 * 9 * 3 * 5 / 4, rel=0.01)


def test_loops_branches_and_what_is_computed_again():
    square = array(8, 8)
    once = 2 * 8**3
    assert count_operations(lambda x: x @ x, square) == once
    looped = lambda x: jax.lax.scan(lambda y, _: (y @ x, None), x, length=6)[0]  # noqa: E731
    assert count_operations(looped, square) == 6 * once
    branched = lambda x: jax.lax.cond(x[0, 0] > 0, lambda: x @ x @ x, lambda: x)  # noqa: E731
    assert count_operations(branched, square) == 2 * once
    gradient = lambda f: lambda x: jax.grad(lambda y: jnp.sin(f(y)).sum())(x)  # noqa: E731
    kept = count_operations(gradient(lambda y: jnp.sin(y @ y) @ y), square)
    again = count_operations(gradient(jax.checkpoint(lambda y: jnp.sin(y @ y) @ y)), square)
    assert again > kept
