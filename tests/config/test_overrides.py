"""`--set path=value`: every type, and every way to get it wrong."""

import dataclasses
import itertools
import math

import flax.linen as nn
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxcnn
from jaxcnn import override
from jaxcnn.config.inputs import Affine
from jaxcnn.config.overrides import parse_settings, set_path
from jaxcnn.errors import UsageError
from jaxcnn.models.kernels.relu import relu

ALEXNET = jaxcnn.load("alexnet_2012")


def at(experiment, path):
    for name in path.split("."):
        experiment = getattr(experiment, name)
    return experiment


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("batch_size=64", 64),
        (" batch_size = 64 ", 64),
        ("precision=bfloat16", "bfloat16"),
        ("precision='bfloat16'", "bfloat16"),
        ("protocols=('center',)", ("center",)),
        ("protocols=['center', 'ten_crop']", ("center", "ten_crop")),
        ("plateau=None", None),
        ("plateau=none", None),
        ("checkpoint_every=None", None),
        ("checkpoint_every=7", 7),
        ("evaluate_every=0.5", 0.5),
        ("evaluate_every=2", 2.0),
        ("model.dropout_rate=0.3", 0.3),
        ("model.dropout_rate=0", 0.0),
        ("model.use_lrn=False", False),
        ("model.use_lrn=false", False),
        ("model.features=(8,16,24,24,16)", (8, 16, 24, 24, 16)),
        ("model.features=[8,16,24,24,16]", (8, 16, 24, 24, 16)),
        ("model.kernel_init.std=0.02", 0.02),
        ("inputs.mirror=False", False),
        ("inputs.mean=picture", "picture"),
        ("inputs.mean=127.5", 127.5),
        ("inputs.mean=(1.5,2.5,3.5)", (1.5, 2.5, 3.5)),
        ("plateau.patience=5", 5),
        ("schedule.rate=1e-3", 1e-3),
        ("schedule.rate=1", 1.0),
        ("optimizer.weight_decay=0", 0.0),
    ],
)
def test_a_value_of_the_declared_type_replaces_the_leaf(setting, expected):
    path = setting.partition("=")[0].strip()
    value = at(override(ALEXNET, setting), path)
    assert value == expected and type(value) is type(expected)


def test_nothing_but_the_leaf_changes():
    changed = override(ALEXNET, "model.dropout_rate=0.3", "schedule.rate=0.5")
    back = override(changed, "model.dropout_rate=0.5", "schedule.rate=0.01")
    assert changed != ALEXNET and back == ALEXNET


@pytest.mark.parametrize(("name", "function"), [("relu", relu), ("tanh", nn.tanh), ("sigmoid", nn.sigmoid)])
def test_activations_go_by_name(name, function):
    assert override(ALEXNET, f"model.activation={name}").model.activation is function


@pytest.mark.parametrize("value", ["rellu", "3", "None", "[1]", "{}", "1.5"])
def test_other_activations_are_refused(value):
    with pytest.raises(UsageError, match=r"model\.activation .*Allowed: relu, tanh, sigmoid") as caught:
        override(ALEXNET, f"model.activation={value}")
    assert ("did you mean 'relu'?" in str(caught.value)) == (value == "rellu")


@settings(deadline=None)
@given(st.integers(1, 2**62))
def test_integers_survive(value):
    assert override(ALEXNET, f"batch_size={value}").batch_size == value


@settings(deadline=None)
@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False) | st.integers(0, 2**53))
def test_floats_survive_to_the_last_bit(value):
    rate = override(ALEXNET, f"schedule.rate={value!r}").schedule.rate
    assert type(rate) is float and rate == value


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_text_is_either_taken_or_refused_in_one_line(text):
    try:
        value = override(ALEXNET, f"batch_size={text}").batch_size
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert type(value) is int and value > 0


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "-1e999", "1" + 400 * "0"])
def test_a_float_is_finite(value):
    with pytest.raises(UsageError, match=r"schedule\.rate .*must be"):
        override(ALEXNET, f"schedule.rate={value}")


@pytest.mark.parametrize("value", ["{[1]: 2}", "(" * 300, "-" * 5000 + "1", "9" * 5000, "'", "0x"])
def test_what_python_can_not_read_is_a_text(value):
    with pytest.raises(UsageError, match="batch_size"):
        override(ALEXNET, f"batch_size={value}")


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ("batch_size=sixty", "batch_size (='sixty') must be int; it is 128 now."),
        ("batch_size=64.0", "must be int"),
        ("batch_size=True", "must be int"),
        ("batch_size=None", "must be int"),
        ("schedule.rate=True", "must be float"),
        ("schedule.rate=fast", "must be float"),
        ("checkpoint_every=0.5", "must be int or None"),
        ("precision=float16", "must be 'float32' or 'bfloat16'"),
        ("inputs.mirror=1", "must be bool"),
        ("inputs.mean=median", "must be float or tuple[float, ...] or 'picture'"),
        ("protocols=center", "must be tuple[str, ...]"),
        ("protocols=(1,)", "must be tuple[str, ...]"),
        ("model.features=(8,16,24)", "must be tuple[int, int, int, int, int]"),
        ("model.features=(8,16,24,24,0.5)", "must be tuple[int, int, int, int, int]"),
        ("schedule=fast", "schedule is a Constant: set one of its fields (rate)."),
        ("optimizer=adam", "set one of its fields (momentum, weight_decay, decay_biases, bias_rate)"),
        ("inputs=3", "inputs is a Inputs: set one of its fields"),
        ("model.kernel_init=he", "can't replace"),
    ],
)
def test_a_wrong_type_is_refused_with_what_is_allowed(setting, allowed):
    with pytest.raises(UsageError) as caught:
        override(ALEXNET, setting)
    message = str(caught.value)
    assert allowed in message and setting.partition("=")[0] in message and "\n" not in message


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("batch_sise", "batch_size"),
        ("modle.towers", "model"),
        ("model.dropout", "dropout_rate"),
        ("schedule.rat", "rate"),
        ("model.kernel_init.sdt", "std"),
    ],
)
def test_a_typo_is_answered_with_the_nearest_field(path, near):
    with pytest.raises(UsageError) as caught:
        override(ALEXNET, f"{path}=1")
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and f"did you mean {near!r}?" in message and "\n" not in message


@pytest.mark.parametrize(
    "field", ["paper", "data", "rehearsal", "deviations", "name", "variant", "chosen", "model.parent", "model.name"]
)
def test_what_is_not_the_users_is_no_field(field):
    with pytest.raises(UsageError, match="has no field"):
        override(ALEXNET, f"{field}=x")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("batch_size", "write path=value"),
        ("batch_size.more=1", r"batch_size \(=128\) has no fields of its own"),
        ("model.use_lrn.more=1", r"use_lrn \(=True\) has no fields"),
        ("=3", "has no field ''"),
        ("model.=3", "has no field ''|has no fields|set one of its fields|can't replace|must be"),
    ],
)
def test_a_path_that_leads_nowhere(setting, message):
    with pytest.raises(UsageError, match=message):
        override(ALEXNET, setting)


@pytest.mark.parametrize(
    "settings", list(itertools.permutations(["inputs.size=300", "inputs.stored_size=300", "steps=3"]))
)
def test_the_order_of_settings_does_not_matter(settings):
    changed = override(ALEXNET, *settings)
    assert (changed.inputs.size, changed.inputs.stored_size, changed.steps) == (300, 300, 3)


def test_settings_that_fit_together_only_are_checked_together():
    per_step = jaxcnn.load("resnet_cifar_2015:20")
    changed = override(per_step, "schedule.rates=(0.1,0.01)", "schedule.until=(700,)")
    assert (changed.schedule.rates, changed.schedule.until) == ((0.1, 0.01), (700,))
    with pytest.raises(UsageError, match=r"^schedule\.until \(=\(700,\)\) must have one value less than rates"):
        override(per_step, "schedule.until=(700,)")


def test_of_two_settings_of_one_field_the_last_counts():
    assert override(ALEXNET, "batch_size=8", "batch_size=16").batch_size == 16
    assert override(ALEXNET, "batch_size=8", "batch_size=16").chosen == ("batch_size",)


def test_what_was_set_is_remembered_and_makes_no_other_experiment():
    changed = override(override(ALEXNET, "batch_size=4"), "schedule.rate=0.5", "batch_size=128")
    assert changed.chosen == ("schedule.rate", "batch_size")
    assert override(changed, "schedule.rate=0.01") == ALEXNET


def test_settings_are_a_list():
    with pytest.raises(UsageError, match=r"must be a list of texts, as in settings=\['batch_size=4'\]"):
        parse_settings("batch_size=4")


def test_steps_and_epochs_exclude_each_other():
    by_steps = override(ALEXNET, "steps=300")
    assert (by_steps.steps, by_steps.epochs) == (300, None)
    by_epochs = override(by_steps, "epochs=2")
    assert (by_epochs.steps, by_epochs.epochs) == (None, 2.0)
    assert override(ALEXNET, "epochs=2", "steps=300").steps == 300  # the last one counts
    with pytest.raises(UsageError, match="either epochs"):
        override(ALEXNET, "epochs=None")


@pytest.mark.parametrize("setting", ["batch_size=0", "steps=-3", "epochs=0", "evaluation_batch_size=-1"])
def test_an_experiments_own_checks_hold(setting):
    with pytest.raises(UsageError, match="must be positive"):
        override(ALEXNET, setting)


def test_objects_from_python_replace_objects():
    """As a rehearsal's overrides do: any object for a protocol or a dataclass field, of that kind."""
    one_tower = jaxcnn.load("alexnet_2012:one_tower")
    assert set_path(ALEXNET, "schedule", one_tower.schedule).schedule == one_tower.schedule
    assert set_path(ALEXNET, "model.kernel_init", one_tower.model.kernel_init).model.kernel_init == (
        one_tower.model.kernel_init
    )
    assert set_path(ALEXNET, "inputs.distortion", Affine(max_shear=0.1)).inputs.distortion == Affine(max_shear=0.1)
    with pytest.raises(UsageError):
        set_path(ALEXNET, "inputs.distortion", dataclasses.replace(ALEXNET.plateau))


# Not for `--set`: what a user can't type, or gives otherwise.
OTHERS = {"paper", "data", "rehearsal", "deviations", "name", "variant", "chosen", "parent", "dtype"}


def test_every_leaf_of_every_experiment_takes_its_own_value():
    """Each declared type fits the value that the experiment's file gives it."""
    count = 0

    def walk(node, path, experiment):
        nonlocal count
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            where = f"{path}{field.name}"
            if field.name in OTHERS:
                continue
            if dataclasses.is_dataclass(value):
                walk(value, f"{where}.", experiment)
            elif not (where in ("epochs", "steps") and value is None):
                assert set_path(experiment, where, value) == experiment, where
                count += 1

    for name in jaxcnn.names():
        for variant in jaxcnn.variants(name):
            experiment = jaxcnn.load(f"{name}:{variant}")
            walk(experiment, "", experiment)
    assert count > 100 and math.isfinite(count)
