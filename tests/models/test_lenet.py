"""LeNet-5 of 1998 against the paper's table, NumPy loops and its own formulas."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.models.layers.rbf import EuclideanRBF, digit_prototypes
from jaxcnn.models.lenet import C3_TABLE, LeNet5
from jaxcnn.models.lenet_layers import FeatureMaps, Subsampling, squash
from jaxcnn.runs.layer_table import model_table

# LeCun et al. 1998, §II-B: output, parameters, connections; multiply-accumulates counted by hand.
PAPER = {
    "C1": ((28, 28, 6), 156, 122_304, 117_600),
    "S2": ((14, 14, 6), 12, 5_880, 1_176),
    "C3": ((10, 10, 16), 1_516, 151_600, 150_000),
    "S4": ((5, 5, 16), 32, 2_000, 400),
    "C5": ((1, 1, 120), 48_120, 48_120, 48_000),
    "F6": ((84,), 10_164, 10_164, 10_080),
    "output": ((10,), 0, 840, 840),
}
RECEPTIVE_FIELDS = {"C1": 5, "S2": 6, "C3": 14, "S4": 16, "C5": 32, "F6": 32, "output": 32}

# Table I as it is printed: a row for each S2 map, an X where the C3 map 0 … 15 sees it.
TABLE_I = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""


@pytest.fixture(scope="module")
def images() -> jax.Array:
    return jnp.asarray(np.random.default_rng(1).uniform(-0.1, 1.175, (3, 32, 32, 1)), jnp.float32)


@pytest.fixture(scope="module")
def params(images):
    return jax.jit(LeNet5().init, static_argnames="train")(jax.random.key(0), images, train=False)["params"]


def initialised(module, inputs):
    """A layer's parameters by name, and a function that applies it; all in NumPy."""
    variables = jax.jit(module.init)(jax.random.key(3), inputs)
    weights = {name: np.asarray(leaf) for name, leaf in variables["params"].items()}
    apply = jax.jit(module.apply)
    return weights, lambda inputs: np.asarray(apply(variables, inputs))


def test_every_layer_has_the_papers_numbers():
    table = model_table(LeNet5(), (32, 32, 1))
    found = {row.name: (row.output_shape, row.params, row.connections, row.macs) for row in table.rows}
    assert found == PAPER
    assert {row.name: row.receptive_field for row in table.rows} == RECEPTIVE_FIELDS
    assert (table.total_params, table.total_connections, table.total_macs) == (60_000, 340_908, 328_096)


def test_c3_sees_what_table_1_says():
    crosses = np.array([line.split() for line in TABLE_I.strip().split("\n")]) == "X"
    assert crosses.sum() == 60
    for number, seen in enumerate(C3_TABLE):
        assert list(seen) == list(np.flatnonzero(crosses[:, number]))


def test_c3_is_the_dense_convolution_with_the_table():
    inputs = np.random.default_rng(2).normal(size=(2, 14, 14, 6)).astype(np.float32)
    weights, apply = initialised(FeatureMaps(16, 0.5, table=C3_TABLE), inputs)
    kernel, bias = weights["kernel"], weights["bias"]
    pairs = [(source, target) for target, seen in enumerate(C3_TABLE) for source in seen]
    expected = np.zeros((2, 10, 10, 16))
    expected += bias
    for number, (source, target) in enumerate(pairs):
        for i in range(5):
            for j in range(5):
                seen = inputs[:, i : i + 10, j : j + 10, source]
                expected[..., target] += kernel[i, j, number] * seen
    chex.assert_trees_all_close(apply(inputs), 1.7159 * np.tanh(2 / 3 * expected), atol=1e-5)


def test_a_connection_that_is_not_in_the_table_carries_nothing():
    inputs = np.random.default_rng(2).normal(size=(1, 14, 14, 6)).astype(np.float32)
    _, apply = initialised(FeatureMaps(16, 0.5, table=C3_TABLE), inputs)
    for source in range(6):
        changed = apply(inputs + (np.arange(6) == source).astype(np.float32))
        moved = np.abs(changed - apply(inputs)).max(axis=(0, 1, 2)) > 1e-6
        assert list(moved) == [source in seen for seen in C3_TABLE]


def test_subsampling_adds_four_neighbours():
    inputs = np.random.default_rng(0).normal(size=(1, 6, 4, 2)).astype(np.float32)
    weights, apply = initialised(Subsampling(2, 1.0), inputs)
    coefficient, bias, outputs = weights["coefficient"], weights["bias"], apply(inputs)
    for row in range(3):
        for column in range(2):
            for number in range(2):
                square = inputs[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2, number]
                total = coefficient[number] * square.sum() + bias[number]
                assert outputs[0, row, column, number] == pytest.approx(1.7159 * np.tanh(2 / 3 * total), abs=1e-5)


def test_squash_is_one_at_one():
    # Appendix A: f(1) = 1, f(−1) = −1 (0.99999726 to eight digits), slope 1.14393 at 0.
    chex.assert_trees_all_close(squash(jnp.array([-1.0, 0.0, 1.0])), jnp.array([-1.0, 0.0, 1.0]), atol=4e-6)
    assert jax.grad(squash)(0.0) == pytest.approx(1.14393, abs=1e-5)
    bend = jax.jit(jax.grad(jax.grad(jax.grad(squash))))  # |f''| is largest where its derivative crosses zero
    assert bend(0.97) * bend(1.03) < 0


def test_the_output_is_minus_the_distance_to_each_bitmap():
    inputs = np.random.default_rng(0).normal(size=(5, 84)).astype(np.float32)
    outputs = np.asarray(jax.jit(EuclideanRBF().apply)({}, inputs))
    prototypes = digit_prototypes()
    for i in range(5):
        for digit in range(10):
            distance = sum((float(x) - float(w)) ** 2 for x, w in zip(inputs[i], prototypes[digit], strict=True))
            assert outputs[i, digit] == pytest.approx(-distance, rel=1e-5)


def test_a_bitmap_is_recognised_as_its_digit():
    outputs = jax.jit(EuclideanRBF().apply)({}, digit_prototypes())
    assert list(np.argmax(outputs, axis=-1)) == list(range(10))


def test_bitmaps_are_ten_different_pictures_of_plus_and_minus_one():
    prototypes = digit_prototypes()
    chex.assert_shape(prototypes, (10, 84))
    assert set(np.unique(prototypes)) == {-1.0, 1.0}
    differing = (prototypes[:, None] != prototypes[None]).sum(-1)
    assert differing[~np.eye(10, dtype=bool)].min() >= 10
    one = prototypes[1].reshape(12, 7)
    assert (one[-1] == 1).all() and (one[4, :3] == -1).all()  # the foot of the 1, and nothing left of its stem


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_initial_weights_fill_their_range(power):
    # U(±2.4 / F^power); the fan-in of a C3 map is 25 for each S2 map that it sees.
    images = jnp.zeros((1, 32, 32, 1))
    params = LeNet5(fan_in_power=power).init(jax.random.key(3), images, train=False)["params"]
    params = jax.tree.map(np.asarray, params)
    for name, fan_in in {"C1": 25, "C5": 400, "F6": 120}.items():
        largest = np.abs(params[name]["kernel"]).max()
        assert 0.9 * 2.4 / fan_in**power < largest <= 2.4 / fan_in**power
    pair_fan_in = np.array([25 * len(seen) for seen in C3_TABLE for _ in seen])
    share = np.abs(params["C3"]["kernel"]).reshape(25, 60) * pair_fan_in**power / 2.4
    assert share.max() <= 1.0 and share.max(axis=0).min() > 0.6
    assert np.abs(params["S4"]["coefficient"]).max() <= 0.6  # 2.4 / 4, whatever the power


def test_scores_are_float32_and_features_their_source(images, params):
    apply = jax.jit(LeNet5().apply, static_argnames=("train", "method"))
    scores = apply({"params": params}, images, train=True)
    chex.assert_shape(scores, (3, 10))
    features = apply({"params": params}, images, method="features")
    chex.assert_shape(features, (3, 84))
    chex.assert_trees_all_close(scores, jax.jit(EuclideanRBF().apply)({}, features), rtol=1e-5)
    half = jax.jit(LeNet5(dtype=jnp.bfloat16).apply, static_argnames="train")({"params": params}, images, train=False)
    assert half.dtype == jnp.float32
    chex.assert_trees_all_close(half, scores, rtol=0.05)


def test_other_classes_and_sizes_are_refused():
    def shapes(model, size):
        return jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, size, size, 1)), train=False))

    with pytest.raises(ValueError, match=r"num_classes \(=7\) must be 10"):
        shapes(LeNet5(num_classes=7), 32)
    with pytest.raises(ValueError, match="pad 28×28 images by 2"):
        shapes(LeNet5(), 28)
