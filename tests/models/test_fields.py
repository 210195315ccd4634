"""Every field of every layer, network and initialiser: values with a meaning are taken, others are refused by name."""

import dataclasses
import importlib
import math
import pkgutil
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
import pytest

import jaxcnn.models
from jaxcnn.errors import UsageError
from jaxcnn.models.alexnet import AlexNet, OneTowerAlexNet
from jaxcnn.models.googlenet import AdaptiveAveragePool, AuxiliaryHead, Concatenate, GoogLeNet, Inception
from jaxcnn.models.layers.batch_norm import BatchNorm
from jaxcnn.models.layers.core import Conv, Dense, Dropout, Layer
from jaxcnn.models.layers.initializers import Constant, Normal, TruncatedNormal, VarianceScaling
from jaxcnn.models.layers.local_response_norm import LocalResponseNorm
from jaxcnn.models.layers.module import CheckedModule
from jaxcnn.models.layers.pooling import AveragePool, GlobalAveragePool, MaxPool
from jaxcnn.models.layers.rbf import EuclideanRBF
from jaxcnn.models.lenet import LeNet5
from jaxcnn.models.lenet_layers import FanInUniform, FeatureMaps, FullyConnected, SquashedUnits, Subsampling
from jaxcnn.models.lenet_variants import CaffeLeNet, ModernLeNet5
from jaxcnn.models.nin import NIN, ImageNetNIN
from jaxcnn.models.primer import PrimerCNN
from jaxcnn.models.resnet import ResidualBlock, ResNet
from jaxcnn.models.resnet_cifar import CifarResNet
from jaxcnn.models.vgg import VGG, A, DenseOverMap, E
from jaxcnn.ranges import RangeError


class Values(typing.NamedTuple):
    """Of one field: some that are taken, some that are refused."""

    inside: tuple[Any, ...]
    outside: tuple[Any, ...]


FREE = Values((), ())  # declared `Any` or as a callable: `jaxcnn.config.overrides` checks those

NOT_A_NUMBER = (math.nan, math.inf, "1", None)
COUNT = Values((1, 7), (0, -3, 2.5, True, *NOT_A_NUMBER))
WHOLE = Values((0, 2), (-1, 0.5, *NOT_A_NUMBER))
ODD = Values((1, 5), (0, -1, 2, 4, 3.5, *NOT_A_NUMBER))
POSITIVE = Values((1e-6, 2, 1e4), (0, 0.0, -1e-6, *NOT_A_NUMBER))
NON_NEGATIVE = Values((0, 1e-6, 3.0), (-1e-9, -1, *NOT_A_NUMBER))
DROPOUT = Values((0, 0.0, 0.5, 0.99), (1, 1.0, 1.5, -0.5, *NOT_A_NUMBER))
FINITE = Values((0, -7.5, 1.0), (math.nan, math.inf, -math.inf))
SWITCH = Values((True, False), (0, 1, "no", None))
SHORTCUT = Values(("A", "B", "C", "none"), ("D", "a", "", None, 1))


def counts(length: int) -> Values:
    ones = (1,) * length
    return Values((ones, (3,) * length), (ones[1:], (*ones, 1), (*ones[1:], 0), (*ones[1:], 1.5), (), 1, None))


def of_some(values: Values, length: int = 1) -> Values:
    """A tuple of one or more of such values; `length` where another field fixes how many."""
    inside = tuple((value,) * length for value in values.inside)
    return Values(inside, (*((value,) * length for value in values.outside), (), 3, "3"))


FIVE = counts(5)
COMMON = {"num_classes": COUNT, "dtype": FREE, "kernel_init": FREE, "dense_init": FREE, "bias_init": FREE}
NESTED = of_some(of_some(ODD))
PADDING = Values((0, 2, ((0, 1), (2, 0))), (-1, 1.5, ((0, -1), (0, 0)), ((0, 1),), ((0, 1, 2), (0, 0))))
TABLE = Values((None, ((0,),), ((5, 0),)), (((),), ((-1,),), ((0.5,),), ((0,), (1,))))
UNITS = {"features": COUNT, "fan_in_power": NON_NEGATIVE, "dtype": FREE}

# One of each class, and its fields but for those of `COMMON`.
TABLES: tuple[tuple[Any, dict[str, Values]], ...] = (
    (
        AlexNet(towers=1),
        {"features": FIVE, "hidden_units": COUNT, "towers": Values((1, 2, 8), COUNT.outside), "dropout_rate": DROPOUT}
        | {"activation": FREE, "use_lrn": SWITCH, "lrn_k": POSITIVE, "lrn_alpha": NON_NEGATIVE, "pool_size": COUNT}
        | {"norm_across_towers": SWITCH, "pool_first": SWITCH, "bias_value": FINITE},
    ),
    (OneTowerAlexNet(), {"features": FIVE, "hidden_units": COUNT, "dropout_rate": DROPOUT}),
    (
        GoogLeNet(),
        {"use_lrn": SWITCH, "lrn_k": POSITIVE, "lrn_alpha": NON_NEGATIVE, "batch_norm": SWITCH, "large_kernel": ODD}
        | {"pool4_size": COUNT, "dropout_rate": DROPOUT, "aux_dropout_rate": DROPOUT, "adaptive_aux_pool": SWITCH}
        | {"bias_value": FINITE},
    ),
    (LeNet5(), {"num_classes": Values((10,), (0, 1, 9, 12, "10")), "fan_in_power": NON_NEGATIVE}),
    (ModernLeNet5(), {"activation": FREE}),
    (CaffeLeNet(), {}),
    (
        NIN(),
        {"block1": counts(3), "block2": counts(3), "block3": counts(2), "dropout_rate": DROPOUT, "output_bias": FINITE}
        | {"kernel_sizes": Values(((1, 3, 5),), ((4, 5, 3), (5, 5, 0), (5, 5), 5)), "conv1_init": FREE}
        | {"block1_init": FREE, "pool2": Values(("max", "average"), ("mean", None, 1))},
    ),
    (ImageNetNIN(), {"dropout_rate": DROPOUT, "outer_init": FREE}),
    (PrimerCNN(), {"dropout_rate": DROPOUT}),
    (
        ResNet(),
        {"blocks": of_some(COUNT), "bottleneck": SWITCH, "shortcut": SHORTCUT, "stride_on_3x3": SWITCH}
        | {"pool1_ceil": SWITCH},
    ),
    (CifarResNet(), {"n": COUNT, "features": counts(3), "shortcut": SHORTCUT}),
    (
        VGG(blocks=((3,),), features=(8,)),
        {"blocks": NESTED, "features": of_some(COUNT), "hidden_units": COUNT, "use_lrn": SWITCH, "batch_norm": SWITCH}
        | {"dropout_rate": DROPOUT, "map_size": Values((None, 1, 7), (0, -1, 1.5))},
    ),
    (
        ResidualBlock(8, 1, "A", False),
        {"features": COUNT, "strides": COUNT, "shortcut": SHORTCUT, "bottleneck": SWITCH, "stride_on_3x3": SWITCH},
    ),
    (
        Inception((1,) * 6, print, 5),
        {"features": counts(6), "unit": FREE, "large_kernel": ODD},
    ),
    (
        AuxiliaryHead(10, print, Dense, None, 0.5, False),
        {"unit": FREE, "dense": FREE, "dropout_rate": DROPOUT, "adaptive_pool": SWITCH},
    ),
    (Layer(), {}),
    (
        Conv(21, 3),
        {"features": COUNT, "kernel_size": COUNT, "strides": COUNT, "padding": PADDING, "groups": COUNT}
        | {"use_bias": SWITCH},
    ),
    (Dense(3), {"features": COUNT}),
    (DenseOverMap(3), {"features": COUNT, "size": COUNT}),
    (Dropout(), {"rate": DROPOUT}),
    (
        MaxPool(3, 2),
        {"size": COUNT, "strides": COUNT, "padding": Values((0, 2), (-1, 3, 0.5)), "ceil": SWITCH},
    ),
    (AveragePool(3, 2), {"size": COUNT, "strides": COUNT, "ceil": SWITCH}),
    (AdaptiveAveragePool(3), {"size": COUNT}),
    (GlobalAveragePool(), {}),
    (Concatenate(), {}),
    (EuclideanRBF(), {}),
    (
        BatchNorm(),
        {"epsilon": POSITIVE, "momentum": Values((0, 0.9), (1, 1.5, -0.1, *NOT_A_NUMBER)), "scale_init": FREE},
    ),
    (
        LocalResponseNorm(),
        {"size": COUNT, "k": POSITIVE, "alpha": NON_NEGATIVE, "beta": NON_NEGATIVE, "groups": COUNT},
    ),
    (SquashedUnits(3, 0.5), UNITS),
    (Subsampling(3, 0.5), UNITS),
    (FullyConnected(3, 0.5), UNITS),
    (FeatureMaps(1, 0.5), UNITS | {"table": TABLE}),
    (Constant(), {"value": FINITE}),
    (Normal(0.01), {"std": NON_NEGATIVE}),
    (TruncatedNormal(0.01), {"std": NON_NEGATIVE}),
    (
        VarianceScaling(2.0, "fan_in", "normal"),
        {"scale": POSITIVE, "mode": Values(("fan_in", "fan_out", "fan_avg"), ("fan", None))}
        | {"distribution": Values(("normal", "truncated_normal", "uniform"), ("gaussian", None))},
    ),
    (
        FanInUniform(3, 0.5),
        {"fan_in": Values((1, 25, (25, 100)), (0, -1, 2.5, (), (25, 0))), "power": NON_NEGATIVE},
    ),
)


def fields_of(kind: type) -> dict[str, Any]:
    """Field name → declared type, without what Flax adds to a module."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.name not in ("parent", "name")}


def classes() -> set[type]:
    """Every dataclass that a file of `jaxcnn/models/` defines, modules among them."""
    names = [module.name for module in pkgutil.walk_packages(jaxcnn.models.__path__, "jaxcnn.models.")]
    members = [member for name in names for member in vars(importlib.import_module(name)).values()]
    own = [member for member in members if isinstance(member, type) and member.__module__.startswith("jaxcnn.models")]
    return {member for member in own if dataclasses.is_dataclass(member)} - {CheckedModule}


def rows() -> list[Any]:
    found = []
    for example, table in TABLES:
        for field, declared in fields_of(type(example)).items():
            values = {**COMMON, **table}[field]
            found.append(pytest.param(example, field, declared, values, id=f"{type(example).__name__}.{field}"))
    return found


def test_every_field_has_a_row():
    assert classes() == {type(example) for example, _ in TABLES}
    for example, table in TABLES:
        declared = set(fields_of(type(example)))
        assert set(table) <= declared <= set(table) | set(COMMON), type(example).__name__


@pytest.mark.parametrize(("example", "field", "declared", "values"), rows())
def test_a_value_is_taken_or_refused_by_name(example, field, declared, values):
    assert (values is FREE) == (declared is Any or typing.get_origin(declared) is Callable)
    changed = example.clone if isinstance(example, CheckedModule) else partial(dataclasses.replace, example)
    for value in values.inside:
        assert getattr(changed(**{field: value}), field) == value
    for value in values.outside:
        with pytest.raises(RangeError) as caught:
            changed(**{field: value})
        message = str(caught.value)
        assert message.startswith(f"{field} (={value!r}) must ") and "\n" not in message
        assert isinstance(caught.value, UsageError) and isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AlexNet(towers=3, features=(96, 256, 384, 384, 256)), r"must each be divisible by towers \(=3\)"),
        (lambda: AlexNet(features=(48, 128, 192, 191, 128)), r"must each be divisible by towers \(=2\)"),
        (lambda: Conv(3, 3, groups=2), r"features \(=3\) must be divisible by groups \(=2\)"),
        (lambda: VGG(blocks=A[:4]), r"features \(=.*\) must have a value for each of blocks"),
        (lambda: VGG(blocks=(*E, (3,))), r"features \(=.*\) must have a value for each of blocks"),
        (lambda: MaxPool(2, 2, padding=2), r"padding \(=2\) must be less than size \(=2\)"),
        (lambda: CifarResNet(features=(16, 8, 64)), r"features \(=\(16, 8, 64\)\) must not fall with shortcut=.A."),
        (lambda: FeatureMaps(2, 0.5, table=((0,),)), r"table \(=.*\) must have a row for each of features \(=2\)"),
        (lambda: LeNet5(num_classes=12), r"num_classes \(=12\) must be 10: .*use ModernLeNet5"),
    ],
)
def test_fields_that_do_not_fit_each_other(make, message):
    with pytest.raises(RangeError, match=message):
        make()


def test_fields_that_do_fit_each_other():
    assert AlexNet(towers=3, features=(96, 255, 384, 384, 255)).towers == 3
    assert VGG(blocks=A[:4], features=(4, 8, 8, 16)).over_whole_images(64).map_size == 4
    assert CifarResNet(features=(16, 8, 64), shortcut="B").shortcut == "B"
    assert AlexNet(dropout_rate=jnp.float32(0.5).item()).dropout_rate == 0.5


def test_no_network_is_trained_on_images_that_its_pools_leave_nothing_of():
    with pytest.raises(ValueError, match=r"size \(=16\) must be at least 32"):
        VGG().over_whole_images(16)
