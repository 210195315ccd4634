"""Keras's weights, in files that h5py writes in Keras's three layouts."""

import io
import random
import sys
import zipfile

import jax
import numpy as np
import pytest
from untrained_runs import small, untrained

import jaxcnn
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.interop.import_weights import import_weights
from jaxcnn.interop.keras_weights import RESNET_EPSILON, convert
from jaxcnn.interop.placement import EPSILON

h5py = pytest.importorskip("h5py")
SIZE = ("inputs.size=32", "inputs.stored_size=32", "model.num_classes=5")
UNITS = {"a": 1, "b": 2, "c": 3, "shortcut": 0}


def vgg_layers(variables) -> dict:
    """Layer of keras.applications → its arrays, of a VGG."""
    dense = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}
    return {
        dense.get(name) or f"block{name[4]}_conv{name[-1]}": [layer["kernel"], layer["bias"]]
        for name, layer in variables["params"].items()
    }


def resnet_layers(variables, biases: dict) -> dict:
    """The same of a ResNet: its convolutions have biases, and another ε is added to the variances."""
    found = {}

    def add(ours: str, theirs: str, tree, averages) -> None:
        kernel, norm, own = tree[ours]["kernel"], averages[f"{ours}.bn"], tree[f"{ours}.bn"]
        bias = biases.setdefault(theirs, np.random.default_rng(len(biases)).normal(size=kernel.shape[-1]) * 0.1)
        found[f"{theirs}_conv"] = [kernel, bias]
        var = np.asarray(norm["var"], np.float64) - (RESNET_EPSILON - EPSILON)
        found[f"{theirs}_bn"] = [own["scale"], own["bias"], norm["mean"] + bias, var]

    params, stats = variables["params"], variables["batch_stats"]
    add("conv1", "conv1", params, stats)
    for block in (name for name in params if "_" in name):
        stage, number = block.removeprefix("conv").split("_")
        for ours, unit in UNITS.items():
            if ours in params[block]:
                add(ours, f"conv{stage}_block{number}_{unit}", params[block], stats[block])
    found["predictions"] = [params["fc"]["kernel"], params["fc"]["bias"]]
    return found


def legacy(file, layers: dict, *, whole_model: bool = False) -> None:
    with h5py.File(file, "w") as root:
        group = root.create_group("model_weights") if whole_model else root
        group.attrs["layer_names"] = [name.encode() for name in ("input_1", *layers)]
        group.create_group("input_1").attrs["weight_names"] = np.zeros(0)
        for name, arrays in layers.items():
            own = group.create_group(name)
            names = [f"{name}/array_{number}:0" for number in range(len(arrays))]
            own.attrs["weight_names"] = [text.encode() for text in names]
            for text, array in zip(names, arrays, strict=True):
                own[text] = np.asarray(array, np.float32)


def keras_3(file, layers: dict) -> None:
    """`.weights.h5`: layers numbered by their class, their names beside the arrays."""
    with h5py.File(file, "w") as root:
        for number, (name, arrays) in enumerate(layers.items()):
            own = root.create_group(f"layers/conv2d_{number}/vars")
            own.attrs["name"] = name
            for place, array in enumerate(arrays):
                own[str(place)] = np.asarray(array, np.float32)
        root.create_group("layers/flatten/vars").attrs["name"] = "flatten"


def archive(file, layers: dict) -> None:
    inner = io.BytesIO()
    keras_3(inner, layers)
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("config.json", "{}")
        zipped.writestr("model.weights.h5", inner.getvalue())


WRITERS = {"legacy.h5": legacy, "model.h5": lambda f, x: legacy(f, x, whole_model=True)}
WRITERS |= {"new.weights.h5": keras_3, "new.keras": archive}


@pytest.mark.parametrize("name", WRITERS)
def test_vgg_from_every_layout(name, tmp_path):
    experiment = small("vgg_2014:D", *SIZE, "model.hidden_units=16", "model.features=(8,8,8,8,8)")
    trained = untrained(experiment)
    WRITERS[name](tmp_path / name, vgg_layers(trained.variables))
    answer = import_weights(experiment, tmp_path / name, tmp_path / "run")
    found = jaxcnn.load_trained(tmp_path / "run")
    jax.tree.map(np.testing.assert_array_equal, found.variables["params"], dict(trained.variables["params"]))
    inputs = found.experiment.inputs
    assert (inputs.channel_order, inputs.resize, inputs.mean) == ("BGR", "warp", (123.68, 116.779, 103.939))
    assert answer["format"] == "keras" and answer["loaded"] == 32


def test_biases_and_epsilon_of_a_resnet_become_part_of_the_statistics(tmp_path):
    experiment = small("resnet_2015:50", *SIZE)
    trained = untrained(experiment)
    biases: dict = {}
    legacy(tmp_path / "resnet.h5", resnet_layers(trained.variables, biases))
    converted = convert(tmp_path / "resnet.h5", experiment)
    assert converted.fits and len(biases) == 53
    assert any("biases of 53 convolutions" in sentence for sentence in converted.adapted)
    jax.tree.map(np.testing.assert_array_equal, converted.variables["params"], dict(trained.variables["params"]))
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6),
        converted.variables["batch_stats"],
        dict(trained.variables["batch_stats"]),
    )


def test_what_does_not_fit_is_named(tmp_path):
    experiment = small("vgg_2014:D", *SIZE, "model.hidden_units=16", "model.features=(8,8,8,8,8)")
    layers = vgg_layers(untrained(experiment).variables)
    layers["block6_conv1"] = layers.pop("block5_conv3")
    layers["block1_conv1"][0] = np.zeros((5, 5, 3, 8))
    legacy(tmp_path / "vgg.h5", layers)
    converted = convert(tmp_path / "vgg.h5", experiment)
    assert set(converted.missing) == {"conv5_3/kernel", "conv5_3/bias"}
    assert converted.unexpected == ("block6_conv1[0]", "block6_conv1[1]")
    assert converted.wrong_shape[0].startswith("block1_conv1[0] is 5×5×3×8")


def test_a_link_to_another_file_is_not_followed(tmp_path):
    legacy(tmp_path / "other.h5", {"block1_conv1": [np.ones(1), np.ones(1)]})
    with h5py.File(tmp_path / "linked.h5", "w") as root:
        root.attrs["layer_names"] = [b"block1_conv1"]
        group = root.create_group("block1_conv1")
        group.attrs["weight_names"] = [b"kernel:0"]
        group["kernel:0"] = h5py.ExternalLink("other.h5", "/block1_conv1/block1_conv1/array_0:0")
    with pytest.raises(UsageError, match=r"is a link, which isn't followed"):
        convert(tmp_path / "linked.h5", jaxcnn.load("vgg_2014:D"))


def test_h5py_is_asked_for_where_it_is_missing(tmp_path, monkeypatch):
    legacy(tmp_path / "vgg.h5", {"block1_conv1": [np.ones(1), np.ones(1)]})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(JaxcnnError, match="pip install h5py"):
        convert(tmp_path / "vgg.h5", jaxcnn.load("vgg_2014:D"))


def test_other_networks_are_not_in_keras(tmp_path):
    legacy(tmp_path / "vgg.h5", {"block1_conv1": [np.ones(1), np.ones(1)]})
    with pytest.raises(UsageError, match=r"googlenet_2014:paper isn't in keras\.applications"):
        convert(tmp_path / "vgg.h5", jaxcnn.load("googlenet_2014"))


@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_end_in_one_error(count, tmp_path):
    draw, file = random.Random(0), tmp_path / "file.h5"
    experiment = small("vgg_2014:D", *SIZE, "model.hidden_units=16", "model.features=(8,8,8,8,8)")
    legacy(file, {"block1_conv1": [np.ones((3, 3, 3, 8)), np.zeros(8)]})
    whole = file.read_bytes()
    for number in range(count):
        content = bytearray(whole)
        if number % 3 == 0:
            content = content[: draw.randrange(len(whole))]
        elif number % 3 == 1:
            for _ in range(draw.randrange(1, 6)):
                content[draw.randrange(len(content))] = draw.randrange(256)
        else:
            content[8:] = draw.randbytes(len(whole) - 8)
        file.write_bytes(content)
        try:
            assert not convert(file, experiment).fits
        except JaxcnnError as error:
            assert "\n" not in str(error)
