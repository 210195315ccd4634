"""Every field that `--set` reaches outside of the networks says which values it takes, and takes no others.

A value is tried as a flag's text, and in Python. A field that has no row here fails a test.
"""

import dataclasses
from typing import Any

import pytest

import jaxcnn
from jaxcnn.config.inputs import Affine, Photometric, Whitening
from jaxcnn.config.overrides import field_types, override, set_path, value_at
from jaxcnn.errors import UsageError
from jaxcnn.models.lenet_layers import FanInUniform

WORDS = ("'x'", "{}")  # of no type that any of these fields has
COUNT = (("1", "7"), ("0", "-1", "1.5", "True", *WORDS))
WHOLE = (("0", "3"), ("-1", "0.5", *WORDS))
POSITIVE = (("0.5", "2"), ("0", "-0.5", "nan", "inf", "1e999", *WORDS))
NON_NEGATIVE = (("0", "0.5", "3"), ("-0.5", "nan", "inf", *WORDS))
SHARE = (("0", "0.5", "1"), ("-0.5", "1.5", "nan", *WORDS))
FLAG = (("True", "False"), ("1", "None", *WORDS))
SIDES = (("(256,)", "(256,384)"), ("()", "(0,)", "(256,-1)", "256", "(1.5,)", *WORDS))


def optional(row: tuple[tuple[str, ...], tuple[str, ...]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (*row[0], "None"), row[1]


# Class → field → (values inside, values outside). An inner dataclass has rows of its own; here None or another object.
ROWS: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "Experiment": {
        "model": ((), ("None", "3", *WORDS)),
        "inputs": ((), ("None", "3", *WORDS)),
        "loss": ((), ("None", "3", *WORDS)),
        "optimizer": ((), ("None", "3", *WORDS)),
        "schedule": ((), ("None", "3", *WORDS)),
        "scales": ((), ("None", "3", *WORDS)),
        "batch_size": COUNT,
        "epochs": (("1", "0.5"), ("0", "-1", "nan", "inf", *WORDS)),
        "steps": COUNT,
        "plateau": (("None",), ("0.1", *WORDS)),
        "warmup": (("None",), ("0.1", *WORDS)),
        "clip_norm": optional(POSITIVE),
        "averaging": optional((("0.5", "0.9999"), ("0", "1", "-0.1", "1.5", "nan", *WORDS))),
        "init_from": (("None", "'runs/x'"), ("3", "('a',)")),
        "init_layers": (("None", "('conv1',)"), ("()", "'conv1'", "(1,)")),
        "train_only": (("None", "('fc',)", "('conv1','fc')"), ("()", "'fc'", "(1,)", *WORDS)),
        "rate_multipliers": (
            ("None", "(('fc', 10.0),)"),
            ("3", "'fc'", "('fc',)", "{'fc': 0}", "{'fc': -1}", "{'fc': 'x'}", "{1: 2}", "(('fc', nan),)", *WORDS),
        ),
        "protocols": (("('center',)", "('ten_crop','center')"), ("()", "'center'", "(1,)", "None")),
        "precision": (("'bfloat16'", "float32"), ("float16", "None", "32")),
        "accumulate": COUNT,
        "remat": (("None", "sums"), ("all", "True", "1")),
        "evaluate_every": POSITIVE,
        "checkpoint_every": optional(COUNT),
        "evaluation_batch_size": optional(COUNT),
    },
    "Plateau": {
        "factor": (("0.1", "0.999"), ("0", "1", "10", "-0.1", "nan", *WORDS)),
        "patience": COUNT,
        "reductions": WHOLE,
        "watch": (("training", "validation"), ("test", "None", "1")),
    },
    "WarmUp": {"factor": POSITIVE, "until_error": (("0", "80", "100"), ("-1", "101", "nan", *WORDS))},
    "Inputs": {
        "size": (("1", "20"), ("0", "-1", "1.5", "10000", *WORDS)),
        "channels": ((), ("0", "2", "4", "1.5", *WORDS)),
        "stored_size": (("300", "512"), ("0", "-1", "1", "1.5", *WORDS)),
        "resize": (("warp", "'shorter_side'"), ("squash", "None", "1")),
        "channel_order": (("BGR", "RGB"), ("GBR", "None", "1")),
        "crop": ((), ("3", *WORDS)),
        "pad": (("0", "3"), ("-1", "0.5", *WORDS)),
        "mean": (("0", "127.5", "picture"), ("nan", "inf", "()", "(1,2)", "(1,2,3,4)", "median", "None")),
        "scale": (("1", "0.5"), ("nan", "inf", "()", "(1,1)", "(1,1,nan)", "big", "None")),
        "mirror": FLAG,
        "colour_std": (("0",), ("-0.1", "nan", *WORDS)),
        "distortion": (("None",), ("3", *WORDS)),
        "photometric": (("None",), ("3", *WORDS)),
        "whitening": (("None",), ("3", *WORDS)),
        "local_contrast": (("None",), ("0", "-7", "0.5", *WORDS)),
    },
    "Affine": dict.fromkeys(("max_translation", "max_scaling", "max_squeeze", "max_shear"), NON_NEGATIVE),
    "Photometric": dict.fromkeys(("brightness", "contrast", "colour"), SHARE),
    "Whitening": {"norm": POSITIVE, "filter_bias": POSITIVE},
    "Scales": dict.fromkeys(("dense", "multi_crop", "multi_scale", "crop_144", "multi_scale_dense"), SIDES),
    "AreaCrop": {
        "min_area": (("0.01", "0.5"), ("0", "-0.1", "1.5", "nan", *WORDS)),
        "max_area": (("1", "0.9"), ("0", "1.5", "0.001", "nan", *WORDS)),
        "min_aspect": (("0.5", "1"), ("0", "-1", "2", "nan", *WORDS)),
        "max_aspect": (("1", "2"), ("0", "0.1", "nan", *WORDS)),
        "random_interpolation": FLAG,
    },
    "ScaleJitter": {
        "shortest": (("256", "224"), ("0", "100", "10000", "1.5", *WORDS)),
        "longest": (("512",), ("0", "100", "1.5", *WORDS)),
    },
    "Momentum": {
        "momentum": (("0", "0.9"), ("1", "1.5", "-0.1", "nan", *WORDS)),
        "weight_decay": NON_NEGATIVE,
        "decay_biases": FLAG,
        "bias_rate": NON_NEGATIVE,
    },
    "LevenbergMarquardt": {"mu": POSITIVE, "samples": COUNT, "scale": POSITIVE},
    "SoftmaxCrossEntropy": {},
    "AuxiliaryCrossEntropy": {"weight": NON_NEGATIVE},
    "MaximumAPosteriori": {"j": POSITIVE},
    "Constant": {"rate": NON_NEGATIVE},
    "Cosine": {"rate": NON_NEGATIVE, "warmup_epochs": NON_NEGATIVE},
    "PerEpoch": {
        "rates": ((), ("()", "(1,)", "(-1,1,1)", "0.1", "(nan,1,1)", *WORDS)),
        "epochs": ((), ("()", "(2,3)", "(0,1,1)", "(-1,1,1)", "3", *WORDS)),
    },
    "PerStep": {
        "rates": (("(1,0.5,0)",), ("()", "(1,)", "(-1,1,1)", "0.1", *WORDS)),
        "until": (("(7,9)",), ("()", "(700,)", "(1000,700)", "(7,7)", "(0,7)", "(1.5,7)", "7", *WORDS)),
    },
    "StepDecay": {
        "rate": NON_NEGATIVE,
        "factor": (("0.5", "1"), ("0", "-0.5", "1.5", "nan", *WORDS)),
        "epochs": COUNT,
    },
    "InverseDecay": {"rate": NON_NEGATIVE, "gamma": NON_NEGATIVE, "power": NON_NEGATIVE},
}


def places() -> dict[str, tuple[str, str]]:
    """Class → (an experiment, the path at which it has an object of the class); networks left out."""
    found: dict[str, tuple[str, str]] = {}

    def walk(node: Any, title: str, path: str) -> None:
        found.setdefault(type(node).__name__, (title, path))
        for name in field_types(node):
            value = getattr(node, name)
            if dataclasses.is_dataclass(value) and not isinstance(value, type) and (path or name != "model"):
                walk(value, title, f"{path}.{name}".strip("."))

    for name in jaxcnn.names():
        for variant in jaxcnn.variants(name):
            walk(jaxcnn.load(f"{name}:{variant}"), f"{name}:{variant}", "")
    return found


PLACES = places()
INSIDE = [(kind, field, value) for kind, fields in ROWS.items() for field, row in fields.items() for value in row[0]]
OUTSIDE = [(kind, field, value) for kind, fields in ROWS.items() for field, row in fields.items() for value in row[1]]


def test_every_field_has_a_row():
    have = {kind: set(fields) for kind, fields in ROWS.items()}
    assert {kind: set(field_types(value_of(kind))) for kind in PLACES} == have


def value_of(kind: str) -> Any:
    title, path = PLACES[kind]
    experiment = jaxcnn.load(title)
    return value_at(experiment, path) if path else experiment


@pytest.mark.parametrize(("kind", "field", "value"), INSIDE)
def test_a_value_inside_is_taken(kind, field, value):
    title, path = PLACES[kind]
    full = f"{path}.{field}".strip(".")
    changed = override(jaxcnn.load(title), f"{full}={value}")
    taken = value_at(changed, full)
    assert str(taken) == value.strip("'") or taken == eval(value, {})
    dataclasses.replace(value_of(kind), **{field: taken} | other_length(kind, field))


@pytest.mark.parametrize(("kind", "field", "value"), OUTSIDE)
def test_a_value_outside_is_refused(kind, field, value):
    title, path = PLACES[kind]
    full = f"{path}.{field}".strip(".")
    with pytest.raises(UsageError) as caught:
        override(jaxcnn.load(title), f"{full}={value}")
    message = str(caught.value)
    assert "\n" not in message and field in message


@pytest.mark.parametrize(("kind", "field", "value"), OUTSIDE)
def test_a_value_outside_is_refused_in_python(kind, field, value):
    """With the object alone, or where it becomes part of another."""
    title, path = PLACES[kind]
    try:
        given = eval(value, {"nan": float("nan"), "inf": float("inf")})
    except NameError:
        given = value
    with pytest.raises(UsageError, match=field):
        made = dataclasses.replace(value_of(kind), **{field: given} | other_length(kind, field))
        set_path(jaxcnn.load(title), path, made)


def other_length(kind: str, field: str) -> dict[str, None]:
    """Of an experiment's two lengths one is None."""
    pair = {"epochs": "steps", "steps": "epochs"}
    return {pair[field]: None} if kind == "Experiment" and field in pair else {}


GREY, COLOUR = jaxcnn.load("lenet5_1998").inputs, jaxcnn.load("alexnet_2012").inputs


@pytest.mark.parametrize(
    ("inputs", "changes", "message"),
    [
        (COLOUR, {"channels": 1}, r"colour_std \(=0\.1\) needs 3 channels"),
        (COLOUR, {"channels": 1, "colour_std": 0.0, "mean": (1.0, 2.0, 3.0)}, r"mean .* one for each of 1 channels"),
        (GREY, {"colour_std": 0.1}, r"colour_std \(=0\.1\) needs 3 channels, there are 1; set it to 0\."),
        (GREY, {"photometric": Photometric()}, r"photometric .* needs 3 channels"),
        (GREY, {"whitening": Whitening()}, r"mean \(=20\.0\) has no effect beside whitening"),
        (GREY, {"mean": 0.0, "scale": 1.0, "whitening": Whitening(), "local_contrast": 7}, "exclude each other"),
        (COLOUR, {"mean": (1.0, 2.0, 3.0), "distortion": Affine()}, r"must be the same for all channels"),
        (
            COLOUR,
            {"mean": 0.0, "colour_std": 0.0, "whitening": Whitening()},
            r"whitening takes a matrix of 196,608² val",
        ),
        (COLOUR, {"size": 300}, r"size \(=300\) must not exceed stored_size \+ 2·pad \(=256\)"),
    ],
)
def test_fields_of_inputs_that_do_not_go_together(inputs, changes, message):
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(inputs, **changes)


def test_a_mean_image_and_a_distortion_go_together():
    """What lies outside of an image from which the mean image was taken off is 0."""
    assert dataclasses.replace(COLOUR, distortion=Affine(max_shear=0.1)).background == (0.0,)
    assert dataclasses.replace(GREY, distortion=Affine(max_shear=0.1)).background == pytest.approx((-0.1,))


def test_initial_values_are_the_networks():
    """`FanInUniform` and its like are made by a layer, and no path leads to them."""
    assert FanInUniform.__name__ not in PLACES
