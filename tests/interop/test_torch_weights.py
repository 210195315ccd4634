"""torch's names, layouts and conventions, against torchvision's own lists and against the function."""

import functools
import hashlib

import flax.traverse_util
import jax
import numpy as np
import pytest
from exportable import SMALL
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from untrained_runs import small, untrained

import jaxcnn
from jaxcnn.interop.import_weights import WeightsDontFitError, import_weights
from jaxcnn.interop.named_arrays import NamedArrays, flat
from jaxcnn.interop.residual_order import orders, reordered
from jaxcnn.interop.torch_export import to_torch
from jaxcnn.interop.torch_layout import their_shape, to_ours, to_theirs
from jaxcnn.interop.torch_names import convention
from jaxcnn.interop.torch_weights import convert_arrays
from jaxcnn.interop.variables import wanted_variables
from jaxcnn.models.resnet_cifar import CifarResNet

# Of the lines "name [shape]" of torchvision 0.29.1's state dicts, sorted: the first digits of their SHA-256.
TORCHVISION = {
    "alexnet_2012:one_tower": ("alexnet", "12a60b133d7b54dc"),
    "vgg_2014:A": ("vgg11", "67a7eb563529a90c"),
    "vgg_2014:B": ("vgg13", "06fdc111ee6d2ed8"),
    "vgg_2014:D": ("vgg16", "26a44a8d3cab16c6"),
    "vgg_2014:E": ("vgg19", "2ae6c231664ee367"),
    "vgg_2014:A-bn": ("vgg11_bn", "fed2755038a74a3e"),
    "vgg_2014:B-bn": ("vgg13_bn", "1320c3bf26ac7c28"),
    "vgg_2014:D-bn": ("vgg16_bn", "e238651c9f050805"),
    "vgg_2014:E-bn": ("vgg19_bn", "091b7131554bd4ea"),
    "googlenet_2014:torchvision": ("googlenet", "014a9157e8afb3c4"),
    "resnet_2015:18-v1.5": ("resnet18", "867b8d8ae95f5a28"),
    "resnet_2015:34-v1.5": ("resnet34", "d6dbfa48843359d6"),
    "resnet_2015:50-v1.5": ("resnet50", "2d5b8870b35e1530"),
    "resnet_2015:101-v1.5": ("resnet101", "83dfe6275c4f12d9"),
    "resnet_2015:152-v1.5": ("resnet152", "f11957010a75631a"),
    "resnet_2015:18": ("resnet18", "867b8d8ae95f5a28"),  # without bottlenecks there is no other place for the stride
}
DEEP = {"resnet_2015:101-v1.5", "resnet_2015:152-v1.5"}  # take long to trace; the same rule names them
CIFAR = "resnet_cifar_2015:20"


@functools.cache
def arrays_of(title: str) -> dict[str, np.ndarray]:
    """A small network's arrays in torch's names, of random values; not to be changed."""
    trained = untrained(small(title, *SMALL[title]))
    return to_torch(trained.experiment, trained.variables)


def converted(title: str, arrays: dict[str, np.ndarray], **options):
    return convert_arrays(NamedArrays("safetensors", arrays), small(title, *SMALL[title]), **options)


@pytest.mark.parametrize(
    "title", [pytest.param(title, marks=pytest.mark.slow) if title in DEEP else title for title in TORCHVISION]
)
def test_names_and_shapes_are_torchvisions(title):
    experiment = jaxcnn.load(title)
    theirs = convention(experiment.model)
    assert theirs is not None and theirs.ours and theirs.family == "torchvision"
    lines = []
    for name, leaf in flat(wanted_variables(experiment)).items():
        their_name = theirs.their_name(name)
        lines.append(f"{their_name} {list(their_shape(leaf.shape))}")
        if name.endswith("/var"):
            lines.append(f"{str(their_name).removesuffix('running_var')}num_batches_tracked []")
    assert hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16] == TORCHVISION[title][1]


@pytest.mark.parametrize(
    ("title", "known"),
    [
        ("resnet_2015:50-v1.5", True),
        ("resnet_2015:50", False),  # torchvision's names would load, and be another function
        ("resnet_2015:50-C", False),
        ("googlenet_2014:paper", False),
        ("vgg_2014:C", False),
        ("vgg_2014:A-LRN", False),
        ("resnet_cifar_2015:20", True),
        ("resnet_cifar_2015:plain-20", False),
    ],
)
def test_only_the_same_function_gets_their_names(title, known):
    theirs = convention(jaxcnn.load(title).model)
    assert theirs is not None and theirs.ours is known
    assert convention(jaxcnn.load("alexnet_2012").model) is None


@given(
    height=st.integers(1, 4),
    channels=st.integers(1, 5),
    outputs=st.integers(1, 6),
)
def test_layouts_there_and_back(height, channels, outputs):
    draw = np.random.default_rng(0)
    kernel = draw.normal(size=(height, height, channels, outputs)).astype(np.float32)
    theirs = to_theirs(kernel)
    assert theirs.flags.c_contiguous and theirs.shape == their_shape(kernel.shape)
    assert theirs[-1, 0, 0, -1] == kernel[0, -1, 0, -1]
    np.testing.assert_array_equal(to_ours(theirs, kernel.shape), kernel)
    dense = kernel.reshape(-1, outputs)
    theirs = to_theirs(dense, channels)
    np.testing.assert_array_equal(theirs.reshape(outputs, channels, height, height), to_theirs(kernel))
    np.testing.assert_array_equal(to_ours(theirs, dense.shape, channels), dense)
    np.testing.assert_array_equal(to_ours(to_theirs(kernel), dense.shape), dense)  # timm: a convolution over the map
    assert to_ours(theirs, (dense.shape[0] + 1, outputs), channels) is None


def test_timms_vgg_is_torchvisions():
    arrays = arrays_of("vgg_2014:A-bn")
    timm = {}
    for name, array in arrays.items():
        name = name.replace("classifier.0", "pre_logits.fc1").replace("classifier.3", "pre_logits.fc2")
        name = name.replace("classifier.6", "head.fc")
        is_pre = name.startswith("pre_logits") and array.ndim == 2
        timm[name] = array.reshape(len(array), 8 if "fc1" in name else 16, 1, 1) if is_pre else array
    counted = {name: array for name, array in arrays.items() if "num_batches" not in name}
    one, other = converted("vgg_2014:A-bn", counted), converted("vgg_2014:A-bn", without_counters(timm))
    assert one.fits and other.fits
    jax.tree.map(np.testing.assert_array_equal, one.variables, other.variables)


def without_counters(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array for name, array in arrays.items() if "num_batches" not in name}


def test_biases_before_batch_norm_go_into_the_means():
    arrays = without_counters(arrays_of(CIFAR))
    bias = np.linspace(-1, 1, 16, dtype=np.float32)
    moved = arrays | {"conv1.bias": bias, "bn1.running_mean": arrays["bn1.running_mean"] + bias}
    found = converted(CIFAR, moved)
    assert found.fits and any("biases of 1 convolution" in sentence for sentence in found.adapted)
    expected = converted(CIFAR, arrays).variables["batch_stats"]["conv1.bn"]["mean"]
    np.testing.assert_allclose(found.variables["batch_stats"]["conv1.bn"]["mean"], expected, atol=2e-7)


def test_googlenet_without_heads_gets_initial_ones():
    title = "googlenet_2014:torchvision"
    arrays = without_counters(arrays_of(title))
    bare = {name: array for name, array in arrays.items() if not name.startswith("aux")}
    whole, found = converted(title, arrays), converted(title, bare)
    assert found.fits and any("no auxiliary heads" in sentence for sentence in found.adapted)
    for name, values in flax.traverse_util.flatten_dict(found.variables["params"], sep="/").items():
        same = np.array_equal(values, flax.traverse_util.flatten_dict(whole.variables["params"], sep="/")[name])
        assert same != name.startswith("aux"), name
    broken = {name: array for name, array in arrays.items() if name != "aux1.fc1.bias"}
    assert converted(title, broken).missing == ("aux1/fc/bias",)  # half a head is none


def test_transform_input_is_one_normalisation():
    """torchvision's two affine steps, (x/255 − mean)/std and then · std/0.5 + (mean − 0.5)/0.5."""
    found = convert_arrays(
        NamedArrays("pytorch", without_counters(arrays_of("googlenet_2014:torchvision"))),
        small("googlenet_2014:torchvision", "model.num_classes=10"),
    )
    mean, scale = found.overrides["inputs.mean"], found.overrides["inputs.scale"]
    pixels = np.arange(256.0)
    for center, std in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225)):
        theirs = (pixels / 255 - center) / std * (std / 0.5) + (center - 0.5) / 0.5
        np.testing.assert_allclose((pixels - mean) * scale, theirs, atol=1e-12)


@pytest.mark.parametrize("names", ["shortcut", "downsample"])
def test_projections_in_a_cifar_network_switch_the_shortcut(names, tmp_path):
    title = CIFAR
    experiment = small(title, *SMALL[title])
    projecting = untrained(jaxcnn.override(experiment, "model.shortcut=B"))
    arrays = to_torch(projecting.experiment, projecting.variables)
    arrays = {name.replace(".shortcut.", f".{names}."): array for name, array in arrays.items()}
    if names == "downsample":
        arrays = {name.replace("linear.", "fc."): array for name, array in arrays.items()}
    save_file(arrays, tmp_path / "b.safetensors")
    answer = import_weights(experiment, tmp_path / "b.safetensors", tmp_path / "run")
    assert any('shortcut="B"' in sentence for sentence in answer["adapted"])
    assert not any("zeros" in sentence for sentence in answer["adapted"])
    trained = jaxcnn.load_trained(tmp_path / "run")  # rebuilt from experiment.json
    assert trained.experiment.model.shortcut == "B" and isinstance(trained.experiment.inputs.mean, tuple)
    jax.tree.map(np.testing.assert_array_equal, trained.variables["params"], projecting.variables["params"])
    kept = jaxcnn.override(experiment, "model.shortcut=A")  # what is set stays, and the weights don't fit
    with pytest.raises(WeightsDontFitError, match="unexpected"):
        import_weights(kept, tmp_path / "b.safetensors", tmp_path / "other")


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_where_zeros_on_both_sides_come_to_lie(growth):
    """Follows one value of each channel through the shortcuts, padded on both sides and behind."""
    widths = np.cumsum(growth)
    theirs = ours = np.arange(1, widths[0] + 1)
    for before, after, order in zip(widths, widths[1:], orders(widths.tolist())[1:], strict=False):
        front = (after - before) // 2
        theirs = np.pad(theirs, (front, after - before - front))
        ours = np.pad(ours, (0, after - before))
        np.testing.assert_array_equal(theirs[order], ours)
        assert sorted(order) == list(range(after))


def test_the_reordering_undoes_itself_and_changes_nothing_but_places():
    trained = untrained(small(CIFAR, *SMALL[CIFAR]))
    leaves = {name: np.asarray(leaf) for name, leaf in flat(trained.variables).items() if name != "mean"}
    there = reordered(leaves, trained.experiment.model, to_ours=True)
    assert any(not np.array_equal(there[name], leaves[name]) for name in leaves)
    for name, values in reordered(there, trained.experiment.model, to_ours=False).items():
        np.testing.assert_array_equal(values, leaves[name])
        np.testing.assert_array_equal(np.sort(there[name], axis=None), np.sort(values, axis=None))
    with pytest.raises(AssertionError):
        reordered(leaves, CifarResNet(shortcut="B"), to_ours=True)


def test_what_is_set_stays_and_the_classes_are_the_files(tmp_path):
    arrays = arrays_of(CIFAR)
    arrays = arrays | {name: arrays[name][:7] for name in ("linear.weight", "linear.bias")}
    save_file(arrays, tmp_path / "seven.safetensors")
    experiment = small("resnet_cifar_2015:20", "model.n=2", "inputs.pad=0", "inputs.mean=100.0")
    answer = import_weights(experiment, tmp_path / "seven.safetensors", tmp_path / "run")
    trained = jaxcnn.load_trained(tmp_path / "run")
    assert trained.experiment.model.num_classes == 7 and trained.class_names == ()
    assert answer["preprocessing"]["mean"] == trained.experiment.inputs.mean == 100.0
    assert answer["preprocessing"]["size"] == 32


def test_whole_numbers_are_no_weights():
    arrays = without_counters(arrays_of(CIFAR))
    arrays["bn1.weight"] = np.ones(16, np.int64)
    found = converted(CIFAR, arrays)
    assert found.wrong_shape == ("bn1.weight holds int64, conv1.bn/scale needs floating point",)
    assert not found.fits and found.variables == {}
