"""Compiler options, and the fault that they are there for."""

from types import SimpleNamespace
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcnn.analysis.doctor import canary
from jaxcnn.parallel import compilation
from jaxcnn.parallel.compilation import compile_step
from jaxcnn.parallel.devices import Devices


@pytest.mark.parametrize("ours", [True, False])
def test_batched_matrix_products_are_right(ours, optimised):
    """Our own steps by their options, everything else in the process by XLA_FLAGS."""
    assert canary(ours=ours) < 1e-4


def test_an_unknown_option_is_dropped(monkeypatch):
    monkeypatch.setitem(compilation.CPU_OPTIONS, "xla_cpu_option_of_the_future", True)
    compiled = compile_step(jax.jit(lambda x: x + 1).lower(jnp.ones(3)), "cpu")
    np.testing.assert_array_equal(compiled(jnp.ones(3)), 2)


def test_other_compiler_errors_are_not_swallowed(monkeypatch):
    monkeypatch.setitem(compilation.CPU_OPTIONS, "xla_backend_optimization_level", "no number")
    with pytest.raises(Exception, match="xla_backend_optimization_level"):
        compile_step(jax.jit(lambda x: x + 1).lower(jnp.ones(3)), "cpu")


def test_what_runs_once_makes_the_same_numbers(optimised):
    """So weights don't depend on how quickly what draws them was compiled."""

    def draw(key):
        return jax.random.normal(key, (3, 3, 8, 16)) * 0.1, jax.random.truncated_normal(key, -2.0, 2.0, (333,))

    lowered = jax.jit(draw).lower(jax.random.key(0))
    for one, other in zip(
        compile_step(lowered, "cpu")(jax.random.key(0)),
        compile_step(lowered, "cpu", runs_once=True)(jax.random.key(0)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("quick_already", "expected"), [(False, 1), (True, None)])
def test_what_runs_once_is_compiled_quickly_unless_jax_is_told_so_already(optimised, quick_already, expected):
    asked = []
    lowered = SimpleNamespace(compile=lambda compiler_options: asked.append(compiler_options))
    jax.config.update("jax_disable_most_optimizations", quick_already)
    compile_step(cast(Any, lowered), "cpu", runs_once=True)
    compile_step(cast(Any, lowered), "cpu")
    assert [options.get("xla_backend_optimization_level") for options in asked] == [expected, None]


@pytest.mark.parametrize(("mode", "shape"), [("jit", (16, 3)), ("pmap", (8, 2, 3))])
def test_a_divided_batch_has_equal_parts_on_all_devices(mode, shape):
    devices = Devices(mode)
    placed = devices.shard_batch({"rows": np.arange(48.0, dtype=np.float32).reshape(16, 3)})["rows"]
    assert placed.shape == shape
    assert len(placed.sharding.device_set) == 8
    np.testing.assert_array_equal(np.asarray(placed).reshape(16, 3), np.arange(48).reshape(16, 3))
    assert {shard.data.size for shard in placed.addressable_shards} == {6}
