"""GoogLeNet against the paper's Table 1, Caffe's and torchvision's numbers, and against torch."""

from functools import partial

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import networks
from jaxcnn.models.googlenet import AdaptiveAveragePool, GoogLeNet
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm

IMAGE = (224, 224, 3)

# Szegedy et al. 2014, Table 1: filters of 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool proj; then parameters
# (with biases), counted from them, which Caffe's bvlc_googlenet has too; then the side of the map.
MODULES = {
    "3a": ((64, 96, 128, 16, 32, 32), 163_696, 28),
    "3b": ((128, 128, 192, 32, 96, 64), 388_736, 28),
    "4a": ((192, 96, 208, 16, 48, 64), 376_176, 14),
    "4b": ((160, 112, 224, 24, 64, 64), 449_160, 14),
    "4c": ((128, 128, 256, 24, 64, 64), 510_104, 14),
    "4d": ((112, 144, 288, 32, 64, 64), 605_376, 14),
    "4e": ((256, 160, 320, 32, 128, 128), 868_352, 14),
    "5a": ((256, 160, 320, 32, 128, 128), 1_043_456, 7),
    "5b": ((384, 192, 384, 48, 128, 128), 1_444_080, 7),
}
BRANCHES = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")


def total(rows, heads, value):
    return sum(getattr(row, value) for name, row in rows.items() if name.startswith("aux") == heads)


def test_totals(layer_rows):
    rows = layer_rows(GoogLeNet(), IMAGE)
    assert total(rows, False, "params") == 6_998_552
    assert total(rows, True, "params") == 6_379_728
    assert total(rows, False, "macs") == 1_582_671_872
    assert sum(row.params > 0 for name, row in rows.items() if not name.startswith("aux")) == 58


def test_totals_of_torchvision(layer_rows):
    # Its documentation has 6,624,904 for the weights without the heads.
    rows = layer_rows(GoogLeNet.as_in_torchvision(), IMAGE)
    assert total(rows, False, "params") == 6_624_904
    assert total(rows, True, "params") == 13_004_888 - 6_624_904
    corrected = layer_rows(GoogLeNet.as_in_torchvision(large_kernel=5), IMAGE)
    assert total(corrected, False, "params") == 7_005_832


def test_modules(layer_rows):
    rows = layer_rows(GoogLeNet(), IMAGE)
    for module, (features, params, side) in MODULES.items():
        outputs = [rows[f"{module}.{branch}"].output for branch in BRANCHES]
        assert outputs == [(side, side, count) for count in features]
        direct, _, conv3, _, conv5, projection = features
        assert rows[f"{module}.output"] == ("concat", (side, side, direct + conv3 + conv5 + projection), 0, 0)
        assert sum(row.params for name, row in rows.items() if name.startswith(f"{module}.")) == params


def test_stem_and_heads(layer_rows):
    rows = layer_rows(GoogLeNet(), IMAGE)
    stem = ["conv1", "pool1", "norm1", "conv2_reduce", "conv2", "norm2", "pool2"]
    assert list(rows)[:7] == stem  # pools, then normalises; then normalises, and pools
    assert rows["conv1"] == ("conv", (112, 112, 64), 9_472, 118_013_952)
    assert rows["pool1"].output == (56, 56, 64)
    assert rows["conv2_reduce"] == ("conv", (56, 56, 64), 4_160, 12_845_056)
    assert rows["conv2"] == ("conv", (56, 56, 192), 110_784, 346_816_512)
    assert [rows[f"pool{number}"].output[0] for number in (2, 3, 4)] == [28, 14, 7]
    assert rows["aux1.avgpool"] == ("avgpool", (4, 4, 512), 0, 0)
    assert rows["aux1.conv"] == ("conv", (4, 4, 128), 65_664, 1_048_576)
    assert rows["aux1.fc"] == ("fc", (1024,), 2_098_176, 2_097_152)
    assert rows["aux2.avgpool"].output == (4, 4, 528)
    assert rows["aux2.conv"] == ("conv", (4, 4, 128), 67_712, 1_081_344)
    assert rows["aux2.classifier"] == ("fc", (1000,), 1_025_000, 1_024_000)
    assert rows["avgpool"] == ("gap", (1024,), 0, 0)
    assert rows["fc"] == ("fc", (1000,), 1_025_000, 1_024_000)


def test_heads_answer_in_training_only():
    model = GoogLeNet(num_classes=7)
    images = jax.ShapeDtypeStruct((2, 96, 96, 3), jnp.float32)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    variables = jax.eval_shape(lambda x: model.init(keys["params"], x, train=False), images)
    again = jax.eval_shape(lambda x: model.init(keys, x, train=True), images)
    chex.assert_trees_all_equal_shapes_and_dtypes(variables, again)

    def apply(variables, images, train):
        return model.apply(variables, images, train=train, rngs={"dropout": keys["dropout"]})

    logits, (aux1, aux2) = jax.eval_shape(partial(apply, train=True), variables, images)
    assert logits.shape == aux1.shape == aux2.shape == (2, 7)
    main = {name: values for name, values in variables["params"].items() if not name.startswith("aux")}
    assert len(main) == len(variables["params"]) - 2
    assert jax.eval_shape(partial(apply, train=False), {"params": main}, images).shape == (2, 7)


def test_smallest_picture():
    model = GoogLeNet()
    init = partial(model.init, train=False)
    jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, 79, 79, 3)))
    with pytest.raises(ValueError, match=r"aux1\.avgpool: a 4×4 map is smaller than its 5×5 window"):
        jax.eval_shape(init, jax.random.key(0), jnp.zeros((1, 78, 78, 3)))


@pytest.mark.parametrize("side", [3, 4, 6, 7, 14])
def test_adaptive_average_equals_torch(side):
    torch = pytest.importorskip("torch", reason="the independent implementation is in torch")
    images = np.random.default_rng(0).normal(size=(2, side, side + 1, 3)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(images).permute(0, 3, 1, 2), 4)
    outputs = AdaptiveAveragePool(4).apply({}, jnp.asarray(images))
    np.testing.assert_allclose(outputs, expected.permute(0, 2, 3, 1).numpy(), atol=1e-6)


torchvision = partial(networks.googlenet, classes=10, as_in_torchvision=True)


def test_logits_equal_torch(compare_logits_with_torch):
    """The paper's: biases, response normalisation, 5×5 filters."""
    compare_logits_with_torch(GoogLeNet(num_classes=10), partial(networks.googlenet, classes=10), (96, 96, 3))


@pytest.mark.parametrize("change", [{}, {"lrn_k": 1.0}, {"lrn_alpha": 2e-5}])
def test_both_norms_have_the_constants_that_are_asked_for(change):
    found = {}

    def record(call, args, kwargs, context):
        if isinstance(context.module, LocalResponseNorm):
            found[context.module.name] = (context.module.k, context.module.alpha)
        return call(*args, **kwargs)

    with nn.intercept_methods(record):
        jax.eval_shape(partial(GoogLeNet(**change).init, train=False), jax.random.key(0), jnp.zeros((1, 79, 79, 3)))
    asked = (change.get("lrn_k", 2.0), change.get("lrn_alpha", 1e-4))  # AlexNet's, unless asked otherwise
    assert found == {"norm1": asked, "norm2": asked}


def test_logits_as_in_torchvision_equal_torch(compare_logits_with_torch):
    compare_logits_with_torch(GoogLeNet.as_in_torchvision(num_classes=10), torchvision, (96, 96, 3))


@pytest.mark.slow
def test_training_as_in_torchvision_equals_torch(compare_with_torch):
    model = GoogLeNet.as_in_torchvision(num_classes=10, dropout_rate=0.0, aux_dropout_rate=0.0)
    compare_with_torch(model, torchvision, (96, 96, 3), aux_weight=0.3, smooth=True)


def test_initial_values():
    """Caffe's: uniform up to √(3 / fan-in), biases 0.2 but for the classifiers; torchvision's: cut at 0.02."""
    images = jnp.zeros((1, 79, 79, 3))

    def layers_of(model):
        def some(images):
            params = model.init(jax.random.key(0), images, train=False)["params"]
            head = params["aux1"]
            dense = {"main": params["fc"], "fc": head["fc"], "classifier": head["classifier"]}
            return params["3a"]["3x3"], dense

        return jax.jit(some)(images)

    inception, dense = layers_of(GoogLeNet(num_classes=10))
    bound = np.sqrt(3 / (9 * 96))
    assert 0.99 * bound < np.abs(inception["kernel"]).max() <= bound
    assert np.all(inception["bias"] == np.float32(0.2))
    assert np.all(dense["fc"]["bias"] == np.float32(0.2))
    assert not np.any(dense["main"]["bias"]) and not np.any(dense["classifier"]["bias"])
    inception, _ = layers_of(GoogLeNet.as_in_torchvision(num_classes=10))
    assert 0.0195 < np.abs(inception["kernel"]).max() <= 0.02
    assert np.std(inception["kernel"]) == pytest.approx(0.0088, rel=0.02)  # 0.88 σ, when cut at two σ
