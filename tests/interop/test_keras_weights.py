"""Keras's files of weights, written here by h5py as Keras lays them out: what becomes of every array."""

import importlib.util
import json
import random
import zipfile

import jax
import numpy as np
import pytest
from untrained_runs import small, untrained

import jaxcnn
from jaxcnn.errors import JaxcnnError, UsageError
from jaxcnn.interop.import_weights import import_weights
from jaxcnn.interop.keras_file import open_keras
from jaxcnn.interop.keras_names import NEW_EPSILON, names_of
from jaxcnn.interop.keras_weights import convert
from jaxcnn.interop.named_arrays import flat

h5py = pytest.importorskip("h5py")

SIZE = ("inputs.size=32", "inputs.stored_size=32", "model.num_classes=5")
VGG = ("vgg_2014:D", *SIZE, "model.hidden_units=16", "model.features=(4,4,6,8,8)")
RESNET = ("resnet_2015:50", *SIZE, "model.blocks=(2,1,1,1)")
ROLES = {"kernel": "kernel", "scale": "gamma", "mean": "moving_mean", "var": "moving_variance"}
ORDER = {"kernel": 0, "bias": 1, "gamma": 0, "beta": 1, "moving_mean": 2, "moving_variance": 3}


def network(trained) -> dict:
    """Its variables without the mean image."""
    return {name: dict(trained.variables[name]) for name in ("params", "batch_stats")}


def keras_arrays(trained, epsilon: float = NEW_EPSILON) -> dict[str, dict[str, np.ndarray]]:
    """Keras's layer → name → array, for a network's variables: with a bias in each convolution before a batch norm."""
    ours = {layer: keras for keras, layer in reversed(names_of(trained.experiment).layers.items())}
    draw = np.random.default_rng(7)
    found: dict[str, dict[str, np.ndarray]] = {}
    for path, value in flat(network(trained)).items():
        layer, _, kind = path.rpartition("/")
        name = ROLES.get(kind) or ("beta" if layer.endswith(".bn") else "bias")
        found.setdefault(ours[layer], {})[name] = np.array(value)
    for layer, keras in ours.items():
        if f"{layer}.bn" in ours:
            norm = found[ours[f"{layer}.bn"]]
            bias = draw.normal(size=norm["moving_mean"].shape).astype(np.float32)
            found[keras]["bias"] = bias
            norm["moving_mean"] += bias
            norm["moving_variance"] -= np.float32(epsilon - 1e-5)
    return found


def write_legacy(path, layers, *, within: str = "", suffix: str = ":0") -> None:
    """The layout of Keras 1 and 2, and of Keras 3's `model.save("….h5")` within "model_weights"."""
    with h5py.File(path, "w") as file:
        top = file.create_group(within) if within else file
        top.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, arrays in layers.items():
            group = top.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/{name}{suffix}".encode() for name in arrays]
            for name, value in arrays.items():
                group.create_dataset(f"{layer}/{name}{suffix}", data=value)


def write_numbered(path, layers, experiment, *, named: bool) -> None:
    """The layout of Keras 3's `.weights.h5`, in releases that note the layers' names, and in those that don't."""
    names = names_of(experiment)
    with h5py.File(path, "w") as file:
        for number, layer in names.numbered.items():
            keras = next(name for name, ours in names.layers.items() if ours == layer)
            group = file.create_group(f"layers/{number}/vars")
            if named:
                group.attrs["name"] = keras
            for name, value in layers[keras].items():
                group.create_dataset(str(ORDER[name]), data=value)
        file.create_group("optimizer/vars").create_dataset("0", data=np.int64(3))


@pytest.fixture(scope="module", params=[VGG, RESNET], ids=["VGG", "ResNet"])
def trained(request):
    return untrained(small(*request.param))


def write(path, layout: str, trained) -> None:
    layers = keras_arrays(trained)
    if layout == "whole model":
        write_legacy(path, layers, within="model_weights", suffix="")
    elif layout == "legacy":
        write_legacy(path, layers)
    elif layout == "archive":
        write_numbered(path.with_suffix(".h5"), layers, trained.experiment, named=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(path.with_suffix(".h5"), "model.weights.h5")
    else:
        write_numbered(path, layers, trained.experiment, named=layout == "named")


@pytest.mark.parametrize("layout", ["legacy", "whole model", "named", "numbered", "archive"])
def test_every_array_finds_its_place(tmp_path, trained, layout):
    path = tmp_path / "weights"
    write(path, layout, trained)
    converted = convert(path, trained.experiment)
    assert converted.fits, converted
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), converted.variables, network(trained)
    )
    assert converted.overrides["inputs.channel_order"] == "BGR"
    assert converted.overrides["inputs.mean"] == (123.68, 116.779, 103.939)


def test_it_becomes_a_runs_folder(tmp_path, trained):
    write(tmp_path / "weights.h5", "legacy", trained)
    answer = import_weights(trained.experiment, tmp_path / "weights.h5", tmp_path / "run")
    found = jaxcnn.load_trained(tmp_path / "run")
    jax.tree.map(np.testing.assert_array_equal, found.variables["params"], dict(trained.variables["params"]))
    inputs = found.experiment.inputs
    assert (inputs.channel_order, inputs.resize, inputs.mean) == ("BGR", "warp", (123.68, 116.779, 103.939))
    assert answer["format"] == "keras" and answer["loaded"] == len(jax.tree.leaves(network(trained)))
    folded = [sentence for sentence in answer["adapted"] if "biases of" in sentence]
    assert bool(folded) == bool(trained.variables["batch_stats"])


def test_the_epsilon_of_a_described_model_counts(tmp_path):
    trained = untrained(small(*RESNET))
    layers = keras_arrays(trained, epsilon=3e-4)
    write_legacy(tmp_path / "weights.h5", layers)
    norms = [{"class_name": "BatchNormalization", "config": {"name": n, "epsilon": 3e-4}} for n in layers if "_bn" in n]
    with h5py.File(tmp_path / "weights.h5", "a") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {"layers": norms}})
    found = flat(convert(tmp_path / "weights.h5", trained.experiment).variables)
    for name, value in flat(network(trained)).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_what_does_not_fit_is_listed(tmp_path):
    trained = untrained(small(*VGG))
    layers = keras_arrays(trained)
    del layers["fc2"]["bias"]
    layers["block1_conv2"]["kernel"] = np.zeros((3, 3, 4, 9), np.float32)
    layers["block2_conv1"]["bias"] = np.zeros(4, np.int32)
    layers["dense_of_mine"] = {"kernel": np.zeros((2, 2), np.float32)}
    write_legacy(tmp_path / "weights.h5", layers)
    converted = convert(tmp_path / "weights.h5", trained.experiment)
    assert converted.missing == ("fc7/bias",)
    assert converted.unexpected == ("dense_of_mine/dense_of_mine/kernel:0",)
    assert len(converted.wrong_shape) == 2 and "int32" in "".join(converted.wrong_shape)
    assert not converted.fits


def test_another_number_of_classes_and_torchvisions_stride(tmp_path):
    trained = untrained(small(*RESNET))
    write_legacy(tmp_path / "weights.h5", keras_arrays(trained))
    experiment = small("resnet_2015:50-v1.5", *SIZE[:2], "model.blocks=(2,1,1,1)")
    converted = convert(tmp_path / "weights.h5", experiment)
    assert converted.fits
    assert converted.overrides["model.num_classes"] == 5 and converted.overrides["model.stride_on_3x3"] is False


def test_a_network_that_keras_has_not(tmp_path):
    with pytest.raises(UsageError, match="no counterpart"):
        convert(tmp_path / "weights.h5", jaxcnn.load("lenet5_1998"))


def test_links_to_other_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["block1_conv1"] = h5py.ExternalLink("elsewhere.h5", "/")
    with pytest.raises(JaxcnnError, match="is a link"):
        convert(tmp_path / "weights.h5", small(*VGG))


def test_h5py_is_asked_for_where_it_is_missing(tmp_path, monkeypatch):
    write_legacy(tmp_path / "vgg.h5", {"block1_conv1": {"bias": np.ones(1)}})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install h5py"):
        convert(tmp_path / "vgg.h5", small(*VGG))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 40))])
def test_damaged_files_are_answered(tmp_path, seed):
    """Bytes that changed, and files that end early: HDF5's library crashes on some and never ends on others."""
    write_legacy(tmp_path / "whole.h5", {f"block{i}_conv1": {"bias": np.ones(4, np.float32)} for i in range(1, 6)})
    whole, draw = (tmp_path / "whole.h5").read_bytes(), random.Random(seed)
    path, refused = tmp_path / "damaged.h5", 0
    for number in range(60):
        content = bytearray(whole[: draw.randrange(1, len(whole))] if number % 3 == 0 else whole)
        if number % 3 == 1:
            content[8:] = draw.randbytes(len(whole) - 8)
        for _ in range(draw.randrange(1, 9)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        try:
            with open_keras(path, largest=10**6, total=10**6, seconds=5) as file:
                for name, array in file.arrays.items():
                    if np.prod(array.shape, dtype=object) < 10**6:
                        np.asarray(file.array(name))
        except JaxcnnError as error:
            refused += 1
            assert "\n" not in str(error) and "damaged.h5" in str(error)
    assert refused >= 20
