"""Layers by name: what a name means, and the parts of a tree that belong to layers."""

import dataclasses
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from linear_network import LINEAR

import jaxcnn
from jaxcnn.config.overrides import override
from jaxcnn.errors import UsageError
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.resnet import ResNet
from jaxcnn.runs.layer_table import layer_table
from jaxcnn.training.layers import (
    check_trained,
    description,
    layer_names,
    merged,
    named,
    part,
    rate_factors,
    rates,
    trained_layers,
    without,
)


def shapes(model: Any, size: int = 80) -> dict[str, Any]:
    images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    return dict(jax.eval_shape(lambda images: model.init(jax.random.key(0), images, train=False), images))


RESNET = shapes(ResNet(blocks=(1, 1, 1, 1), bottleneck=False, num_classes=10))
GOOGLENET = shapes(GoogLeNet(num_classes=10))


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("fc", RESNET, ["fc"]),
        ("conv1", RESNET, ["conv1", "conv1.bn"]),
        ("conv3_1", RESNET, [f"conv3_1.{layer}" for layer in ("a", "a.bn", "b", "b.bn", "shortcut", "shortcut.bn")]),
        ("conv3_1.a", RESNET, ["conv3_1.a", "conv3_1.a.bn"]),
        ("5b.1x1", GOOGLENET, ["5b.1x1"]),  # not 5b.1x1's neighbours
        ("5b.3x3", GOOGLENET, ["5b.3x3"]),  # nor 5b.3x3_reduce, which only begins so
        ("fc", GOOGLENET, ["fc"]),
        ("aux", GOOGLENET, [f"aux{head}.{layer}" for head in (1, 2) for layer in ("classifier", "conv", "fc")]),
        ("aux1.c", GOOGLENET, ["aux1.classifier", "aux1.conv"]),
    ],
)
def test_what_a_name_means(name, variables, expected):
    assert sorted(named(name, layer_names(variables), "train_only")) == sorted(expected)


def test_a_block_is_not_the_beginning_of_another():
    layers = ["conv4_1.a", "conv4_10.a", "conv4_2.a"]
    assert named("conv4_1", layers, "f") == ["conv4_1.a"]
    assert named("conv4_", layers, "f") == layers


@pytest.mark.parametrize("title", ["googlenet_2014", "resnet_cifar_2015:20", "vgg_2014:A-bn"])
def test_names_are_those_that_describe_shows(title):
    experiment = jaxcnn.load(title)
    rows = {row.name for row in layer_table(experiment).rows if row.params}
    assert set(layer_names(shapes(experiment.model, experiment.inputs.size))) == rows


@pytest.mark.parametrize(
    ("train_only", "message"),
    [
        (("fc9",), r"train_only: no layer with parameters is called 'fc9'; did you mean 'fc'\? There are conv1, .*, …"),
        (("pool1",), r"no layer with parameters is called 'pool1'"),
        (("",), r"no layer with parameters is called ''"),
        (("fc", "conv6_"), r"called 'conv6_'; did you mean"),
    ],
)
def test_a_name_of_no_layer_is_refused(train_only, message):
    with pytest.raises(UsageError, match=message) as caught:
        trained_layers(train_only, RESNET)
    assert "\n" not in str(caught.value)


def test_layers_without_parameters_alone_are_refused():
    variables = {"params": {"fc": {"kernel": jnp.zeros(3)}}, "batch_stats": {"bn": {"mean": jnp.zeros(3)}}}
    with pytest.raises(UsageError, match=r"train_only \(=\('bn',\)\) names no layer with parameters"):
        trained_layers(("bn",), variables)


def test_the_longest_name_decides_the_factor():
    multipliers = (("5b", 2.0), ("5b.1x1", 5.0), ("5", 3.0), ("fc", 10.0))
    factors = rate_factors(multipliers, None, GOOGLENET)
    assert (factors["5b.1x1"], factors["5b.3x3"], factors["5a.1x1"], factors["fc"]) == (5.0, 2.0, 3.0, 10.0)
    assert "4e.1x1" not in factors and "aux1.fc" not in factors
    assert rate_factors(multipliers[:3], ("5b",), GOOGLENET).keys() == {n for n in factors if n.startswith("5b.")}
    with pytest.raises(UsageError, match=r"rate_multipliers: 'conv1' isn't trained, as train_only .* leaves it out"):
        rate_factors((("conv1", 2.0),), ("fc",), GOOGLENET)
    with pytest.raises(UsageError, match=r"rate_multipliers: no layer with parameters is called 'fc8'"):
        rate_factors((("fc8", 2.0),), None, GOOGLENET)


def test_each_parameter_has_its_layers_rate():
    params, rate = {"a": {"b": {"kernel": 1, "bias": 2}}, "c": {"kernel": 3}}, jnp.float32(0.1)
    each = rates(rate, {"a.b": 2.0}, params)
    assert float(each["a"]["b"]["bias"]) == pytest.approx(0.2) and each["c"]["kernel"] is rate
    assert rates(rate, {}, params) is rate


LEAVES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers(), min_size=1),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, min_size=1),
    max_leaves=12,
)


@given(LEAVES, st.sets(st.sampled_from(["a", "b", "a.b", "d.a", "c.c", "d.d.a"])))
def test_parts_are_complete(tree, layers):
    """A part and the rest are the whole, and no variable is in both."""
    chosen, rest = part(tree, layers), without(tree, layers)
    assert len(jax.tree.leaves(chosen)) + len(jax.tree.leaves(rest)) == len(jax.tree.leaves(tree))
    changed = jax.tree.map(lambda value: ("new", value), chosen)
    whole = merged(tree, changed)
    assert part(whole, layers) == changed and without(whole, layers) == rest
    assert part(tree, set(layer_names({"params": tree}))) == tree and part(tree, set()) == {}


def test_a_variable_of_the_network_itself_is_a_layer():
    """A user's module may have parameters of its own, beside layers."""
    variables = {"params": {"scale": jnp.zeros(()), "fc": {"kernel": jnp.zeros(3)}}}
    assert layer_names(variables) == ["scale", "fc"]
    chex.assert_trees_all_equal(part(variables["params"], {"scale"}), {"scale": jnp.zeros(())})


def test_what_is_trained_is_said():
    said = description(("fc",), RESNET)
    assert said is not None and said.startswith("trains fc alone: 5,130 of ") and description(None, RESNET) is None


@dataclasses.dataclass(frozen=True)
class Plain:
    """An optimizer of a user's own, which knows one rate for all."""

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        def update(updates, state, params=None, *, learning_rate, **extra):
            del params, extra
            return jax.tree.map(lambda update: -learning_rate * update, updates), state

        return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)  # type: ignore[arg-type]


def test_an_optimizer_with_one_rate_for_all_is_refused():
    experiment = override(dataclasses.replace(LINEAR, optimizer=Plain()), "rate_multipliers={'fc': 2}")
    variables = {"params": {"fc": {"kernel": jnp.zeros((3, 2)), "bias": jnp.zeros(2)}}}
    with pytest.raises(UsageError, match=r"rate_multipliers: the update of Plain doesn't take a tree as learning_rate"):
        check_trained(experiment, variables)
    check_trained(override(LINEAR, "rate_multipliers={'fc': 2}"), variables)
