"""The CIFAR networks against the paper's Table 6, and against torch."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

import jaxcnn
from benchmarks import networks
from jaxcnn.models.resnet_cifar import CifarResNet

# He et al. 2015, Table 6, gives 0.27, 0.46, 0.66, 0.85, 1.7 and 19.4 million; the exact numbers are those of
# the 6n + 2 formula counted by hand, which akamaster/pytorch_resnet_cifar10 also has up to 110 layers.
# Multiply–accumulates of convolutions and fc: counted by the same formula.
OPTION_A = {
    20: (269_722, 40_551_040),
    32: (464_154, 68_862_592),
    44: (658_586, 97_174_144),
    56: (853_018, 125_485_696),
    110: (1_727_962, 252_887_680),
}
OPTION_B = {20: 272_474, 32: 466_906, 44: 661_338, 56: 855_770, 110: 1_730_714}
IMAGE = (32, 32, 3)


@pytest.mark.parametrize("depth", OPTION_A)
def test_totals(layer_rows, depth):
    rows = layer_rows(CifarResNet.of_depth(depth), IMAGE).values()
    assert (sum(row.params for row in rows), sum(row.macs for row in rows)) == OPTION_A[depth]
    assert sum(row.kind in ("conv", "fc") for row in rows) == depth
    plain = layer_rows(CifarResNet.of_depth(depth, shortcut="none"), IMAGE)
    assert sum(row.params for row in plain.values()) == OPTION_A[depth][0]
    projected = layer_rows(CifarResNet.of_depth(depth, shortcut="B"), IMAGE)
    assert sum(row.params for row in projected.values()) == OPTION_B[depth]


def test_1202_layers_have_19_4_million_parameters(layer_rows):
    # Every n adds the same blocks, so two sizes of net give the size of any; 1202 = 6 · 200 + 2.
    size = {n: sum(row.params for row in layer_rows(CifarResNet(n=n), IMAGE).values()) for n in (1, 2)}
    assert size[1] + 199 * (size[2] - size[1]) == 19_421_274
    assert CifarResNet.of_depth(1202).n == 200


def test_rows_of_20_layers(layer_rows):
    rows = layer_rows(CifarResNet.of_depth(20), IMAGE)
    assert rows["conv1"] == ("conv", (32, 32, 16), 432, 442_368)
    assert rows["conv1.bn"] == ("bn", (32, 32, 16), 32, 0)
    assert rows["s1_1.a"] == ("conv", (32, 32, 16), 2_304, 2_359_296)
    assert rows["s2_1.a"] == ("conv", (16, 16, 32), 4_608, 1_179_648)
    assert rows["s2_1.a.bn"] == ("bn", (16, 16, 32), 64, 0)
    assert rows["s3_3.b"] == ("conv", (8, 8, 64), 36_864, 2_359_296)
    assert rows["gap"] == ("gap", (64,), 0, 0)
    assert rows["fc"] == ("fc", (10,), 650, 640)


@pytest.mark.parametrize("depth", [19, 21, 2])
def test_other_depths_are_refused(depth):
    with pytest.raises(ValueError, match=rf"depth \(={depth}\) must be 6n \+ 2"):
        CifarResNet.of_depth(depth)


def test_20_layers_equal_torch(compare_with_torch):
    compare_with_torch(CifarResNet.of_depth(20), networks.cifar_resnet, IMAGE)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [32, 44, 56, 110])
def test_deeper_ones_equal_torch(depth, compare_with_torch):
    model = jaxcnn.load(f"resnet_cifar_2015:{depth}").model
    compare_with_torch(model, partial(networks.cifar_resnet, n=depth // 6), IMAGE, smooth=True)


def test_computes_in_the_given_type_and_answers_in_float32():
    model = CifarResNet(n=1, dtype=jnp.bfloat16)
    images = jnp.zeros((2, *IMAGE))
    logits, others = jax.eval_shape(
        lambda: model.init_with_output(jax.random.key(0), images, train=True, capture_intermediates=True)
    )
    assert logits.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(others["params"])} == {jnp.dtype("float32")}
    assert others["intermediates"]["s2_1"]["__call__"][0].dtype == jnp.bfloat16
