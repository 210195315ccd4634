"""The reader of compiled programs, on programs of known communication and on lines written by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from jaxcnn.analysis.collectives import collectives, host_transfers, repetitions


@pytest.fixture
def mesh():
    return jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))


def program(mesh, function, *shapes):
    divided, results = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return jax.jit(function, in_shardings=divided, out_shardings=results).lower(*arguments).compile().as_text()


def test_a_sum_is_one_all_reduce_of_its_result(mesh):
    text = program(mesh, lambda x: x.sum(0), (16, 5))
    assert collectives(text) == {"all-reduce": {"count": 1, "bytes": 4 * 5}}


def test_a_gathered_array_counts_as_what_each_device_then_holds(mesh):
    text = program(mesh, lambda x: x, (16, 5))
    assert collectives(text) == {"all-gather": {"count": 1, "bytes": 4 * 16 * 5}}


def test_what_stands_in_a_loop_counts_as_often_as_it_runs(mesh):
    def loop(x):
        def body(total, weight):
            return jnp.tanh(total + (x * weight * total[None]).sum(0)), None

        return jax.lax.scan(body, jnp.zeros(5), jnp.arange(7.0))[0]

    text = program(mesh, loop, (16, 5))
    assert collectives(text) == {"all-reduce": {"count": 7, "bytes": 7 * 4 * 5}}
    assert 7 in repetitions(text).values()


def test_nothing_is_said_on_one_device():
    assert collectives(jax.jit(partial(jnp.sum, axis=0)).lower(jnp.ones((4, 3))).compile().as_text()) == {}


def test_asynchronous_forms():
    """As GPUs and TPUs have them: operands beside results, counters, bfloat16."""
    text = """ENTRY %main (p: f32[4]) -> f32[4] {
  %a = (bf16[128,64]{1,0}, f32[]) all-reduce-start(%x, %y), replica_groups={}
  %b = (bf16[128,64]{1,0}, f32[]) all-reduce-done(%a)
  %c = (f32[4]{0}, f32[32]{0}) all-gather-start(%p), dimensions={0}
  %d = (f32[4]{0}, f32[4]{0}, u32[], u32[]) collective-permute-start(%p)
}"""
    assert collectives(text) == {
        "all-reduce": {"count": 1, "bytes": 2 * 128 * 64 + 4},
        "all-gather": {"count": 1, "bytes": 128},
        "collective-permute": {"count": 1, "bytes": 16},
    }
    assert host_transfers('%o = token[] outfeed(%x), custom_call_target="no"') == ["outfeed"]
