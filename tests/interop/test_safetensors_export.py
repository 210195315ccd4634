"""safetensors files, read back by the library: every array to the bit."""

import jax
import numpy as np
import pytest
from exportable import SMALL
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load
from untrained_runs import small, untrained

from jaxcnn.interop.safetensors_export import encoded, named_arrays


@given(array=arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4))))
def test_an_array_however_it_lies_in_memory(array):
    """The library takes an array's memory as it lies: without a copy, other numbers would be read."""
    views = {
        "as it is": array,
        "transposed": array.T,
        "in columns": np.asfortranarray(array),
        "every second": array[:, ::2],
        "backwards": array[::-1],
        "broadcast": np.broadcast_to(array[:1], array.shape),
        "a single number": array[0, 0, 0],
    }
    read = load(encoded(views, {}))
    for name, view in views.items():
        assert read[name].shape == np.shape(view)  # a single number must not become a list of one
        np.testing.assert_array_equal(read[name], view, err_msg=name)


@pytest.mark.parametrize("title", ["lenet5_1998:paper", "nin_2013:cifar10", "resnet_cifar_2015:20"])
def test_a_networks_variables(title):
    trained = untrained(small(title, *SMALL[title]))
    read = load(encoded(named_arrays(trained.variables), {"step": "7"}))
    expected = {}
    for path, leaf in jax.tree.leaves_with_path(trained.variables):
        collection, *names = (key.key for key in path)
        expected["/".join(["statistics"] * (collection == "statistics") + names)] = np.asarray(leaf)
    assert set(read) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(read[name], values)


def test_the_names_are_those_of_the_layers():
    trained = untrained(small("resnet_cifar_2015:20", *SMALL["resnet_cifar_2015:20"]))
    names = set(named_arrays(trained.variables))
    assert {"conv1/kernel", "conv1.bn/scale", "conv1.bn/mean", "fc/bias", "statistics/mean"} <= names


def test_a_batch_statistic_that_is_called_like_a_parameter():
    one, two = np.zeros(2, np.float32), np.ones(2, np.float32)
    variables = {"params": {"norm": {"mean": one}}, "batch_stats": {"norm": {"mean": two}}, "statistics": {}}
    named = named_arrays(variables)
    assert named["norm/mean"] is one and named["batch_stats/norm/mean"] is two
