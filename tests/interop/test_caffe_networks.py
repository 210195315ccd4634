"""Each of Caffe's releases, small and with random weights: what torch makes of it is what ours makes of its file."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from caffe_writer import CaffeByTorch  # noqa: E402
from torch.nn import functional  # noqa: E402
from untrained_runs import small  # noqa: E402

import jaxcnn  # noqa: E402
from jaxcnn.config.experiment import Experiment  # noqa: E402
from jaxcnn.config.overrides import apply_changes  # noqa: E402
from jaxcnn.errors import DataMissingError  # noqa: E402
from jaxcnn.interop.caffe_conventions import conventions  # noqa: E402
from jaxcnn.interop.caffe_file import CaffeNet  # noqa: E402
from jaxcnn.interop.caffe_weights import convert  # noqa: E402
from jaxcnn.interop.converted import Converted  # noqa: E402
from jaxcnn.interop.import_weights import import_weights  # noqa: E402
from jaxcnn.runs import initial_state  # noqa: E402
from jaxcnn.runs.trained import TrainedNetwork  # noqa: E402

COLOURS, GOOGLENET_COLOURS = (122.679, 116.669, 104.007), (123.0, 117.0, 104.0)
VGG_COLOURS = (123.68, 116.779, 103.939)


def blue_first(images: np.ndarray, mean: tuple[float, ...], size: int) -> torch.Tensor:
    """The central crop, less its mean colour, as Caffe takes it: blue, green, red, in front of rows and columns."""
    start = (images.shape[1] - size) // 2
    crop = images[:, start : start + size, start : start + size].astype(np.float64) - np.array(mean)
    return torch.from_numpy(np.ascontiguousarray(crop[..., ::-1].transpose(0, 3, 1, 2)))


def lenet(net: CaffeByTorch, images: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(images.astype(np.float64).transpose(0, 3, 1, 2) / 256)
    x = net.pool(net.conv(x, "conv1", 20, 5), "pool1", 2, 2)
    x = net.pool(net.conv(x, "conv2", 50, 5), "pool2", 2, 2)
    return net.dense(functional.relu(net.dense(x, "ip1", 500)), "ip2", 10)


def alexnet(net: CaffeByTorch, images: np.ndarray) -> torch.Tensor:
    pool_first = net.name == "CaffeNet"

    def between(x: torch.Tensor, number: int) -> torch.Tensor:
        if pool_first:
            return net.lrn(net.pool(x, f"pool{number}", 3, 2), f"norm{number}")
        return net.pool(net.lrn(x, f"norm{number}"), f"pool{number}", 3, 2)

    x = blue_first(images, COLOURS, 99)
    x = between(net.unit(x, "conv1", 8, 11, 4), 1)
    x = between(net.unit(x, "conv2", 16, 5, 1, 2, group=2), 2)
    x = net.unit(x, "conv3", 12, 3, 1, 1)
    x = net.unit(x, "conv4", 12, 3, 1, 1, group=2)
    x = net.pool(net.unit(x, "conv5", 8, 3, 1, 1, group=2), "pool5", 3, 2)
    x = functional.relu(net.dense(x, "fc6", 16))
    return net.dense(functional.relu(net.dense(x, "fc7", 16)), "fc8", 7)


def vgg(net: CaffeByTorch, images: np.ndarray) -> torch.Tensor:
    x = blue_first(images, VGG_COLOURS, 64)
    for block, count in enumerate((2, 2, 3, 3, 3), start=1):
        for number in range(1, count + 1):
            x = net.unit(x, f"conv{block}_{number}", 4 + block, 3, 1, 1)
        x = net.pool(x, f"pool{block}", 2, 2)
    x = functional.relu(net.dense(x, "fc6", 16))
    return net.dense(functional.relu(net.dense(x, "fc7", 16)), "fc8", 7)


def small_nin(net: CaffeByTorch, images: np.ndarray) -> torch.Tensor:
    colours = np.array((125.307, 122.95, 113.865))  # red first
    x = torch.from_numpy((images.astype(np.float64) - colours).transpose(0, 3, 1, 2))
    x = net.unit(net.unit(net.unit(x, "conv1", 12, 5, 1, 2), "cccp1", 10, 1), "cccp2", 8, 1)
    x = net.pool(x, "pool1", 3, 2)
    x = net.unit(net.unit(net.unit(x, "conv2", 12, 5, 1, 2), "cccp3", 12, 1), "cccp4", 12, 1)
    x = net.pool(x, "pool2", 3, 2, "average")
    x = net.unit(net.unit(net.unit(x, "conv3", 12, 3, 1, 1), "cccp5", 12, 1), "cccp6", 10, 1)
    return net.pool(x, "pool3", 8, 1, "average").flatten(1)


def imagenet_nin(net: CaffeByTorch, images: np.ndarray) -> torch.Tensor:
    x = blue_first(images, COLOURS, 64)
    x = net.unit(net.unit(net.unit(x, "conv1", 96, 11, 4), "cccp1", 96, 1), "cccp2", 96, 1)
    x = net.pool(x, "pool0", 3, 2)
    x = net.unit(net.unit(net.unit(x, "conv2", 256, 5, 1, 2), "cccp3", 256, 1), "cccp4", 256, 1)
    x = net.pool(x, "pool2", 3, 2)
    x = net.unit(net.unit(net.unit(x, "conv3", 384, 3, 1, 1), "cccp5", 384, 1), "cccp6", 384, 1)
    x = net.pool(x, "pool3", 3, 2)
    x = net.unit(net.unit(net.unit(x, "conv4-1024", 1024, 3, 1, 1), "cccp7-1024", 1024, 1), "cccp8-1024", 7, 1)
    return x.mean((2, 3))


def resnet(net: CaffeByTorch, images: np.ndarray) -> torch.Tensor:
    """Two blocks in the first stage, three in the third, whose names are b, c or b1, b2."""
    is_50 = net.name == "ResNet-50"

    def unit(x: torch.Tensor, name: str, *args: int) -> torch.Tensor:
        return net.batch_norm(net.conv(x, f"res{name}", *args, bias=False), f"bn{name}", f"scale{name}")

    x = net.conv(blue_first(images, VGG_COLOURS, 64), "conv1", 64, 7, 2, 3, bias=is_50)  # the release of 50 has a bias
    x = functional.relu(net.batch_norm(x, "bn_conv1", "scale_conv1"))
    x = net.pool(x, "pool1", 3, 2)
    for stage, blocks in enumerate((2, 1, 3, 1), start=2):
        width = 64 * 2 ** (stage - 2)
        for number in range(blocks):
            later = "abc"[number] if is_50 else f"b{number}"
            name, stride = f"{stage}{later if number else 'a'}", 2 if stage > 2 and number == 0 else 1
            short = unit(x, f"{name}_branch1", 4 * width, 1, stride) if number == 0 else x
            y = functional.relu(unit(x, f"{name}_branch2a", width, 1, stride))
            y = functional.relu(unit(y, f"{name}_branch2b", width, 3, 1, 1))
            x = functional.relu(short + unit(y, f"{name}_branch2c", 4 * width, 1))
    return net.dense(x.mean((2, 3)), "fc1000", 7)


GOOGLENET = ("conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3")
MODULES = {  # Table 1
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def googlenet(net: CaffeByTorch, images: np.ndarray) -> torch.Tensor:
    x = blue_first(images, GOOGLENET_COLOURS, 128)
    x = net.lrn(net.pool(net.unit(x, GOOGLENET[0], 64, 7, 2, 3), "pool1/3x3_s2", 3, 2), "pool1/norm1")
    x = net.unit(net.unit(x, GOOGLENET[1], 64, 1), GOOGLENET[2], 192, 3, 1, 1)
    x = net.pool(net.lrn(x, "conv2/norm2"), "pool2/3x3_s2", 3, 2)
    heads: list[torch.Tensor] = []
    for module, (one, reduce3, three, reduce5, five, projection) in MODULES.items():
        name = f"inception_{module}"
        branches = [
            net.unit(x, f"{name}/1x1", one, 1),
            net.unit(net.unit(x, f"{name}/3x3_reduce", reduce3, 1), f"{name}/3x3", three, 3, 1, 1),
            net.unit(net.unit(x, f"{name}/5x5_reduce", reduce5, 1), f"{name}/5x5", five, 5, 1, 2),
            net.unit(net.pool(x, f"{name}/pool", 3, 1, pad=1), f"{name}/pool_proj", projection, 1),
        ]
        x = torch.cat(branches, 1)
        if module in ("4a", "4d"):
            loss = f"loss{len(heads) + 1}"
            y = net.unit(net.pool(x, f"{loss}/ave_pool", 5, 3, "average"), f"{loss}/conv", 128, 1)
            y = functional.relu(net.dense(y, f"{loss}/fc", 1024))
            heads.append(net.dense(y, f"{loss}/classifier", 7))
        if module in ("3b", "4e"):
            x = net.pool(x, f"pool{int(module[0])}/3x3_s2", 3, 2)
    return torch.stack([net.dense(x.mean((2, 3)), "loss3/classifier", 7), *heads])


# Experiment → its settings, the network, the name in its file, the side of the stored squares.
UNWHITENED = ("inputs.whitening=None", "inputs.mean=(125.307,122.95,113.865)")
SMALL_INPUTS = ("inputs.size=64", "inputs.stored_size=68")
NETWORKS: dict[str, tuple[str, tuple[str, ...], Callable[[CaffeByTorch, np.ndarray], torch.Tensor], str]] = {
    "lenet": ("lenet5_1998:caffe", (), lenet, "LeNet"),
    **{
        name: (
            exp,
            ("inputs.size=99", "inputs.stored_size=104", "model.features=(8,16,12,12,8)", "model.hidden_units=16"),
            alexnet,
            name,
        )
        for name, exp in (("AlexNet", "alexnet_2012"), ("CaffeNet", "alexnet_2012:caffenet"))
    },
    "vgg": ("vgg_2014:D", (*SMALL_INPUTS, "model.features=(5,6,7,8,9)", "model.hidden_units=16"), vgg, "VGG"),
    "nin": (
        "nin_2013:cifar10",
        ("model.block1=(12,10,8)", "model.block2=(12,12,12)", "model.block3=(12,12)", *UNWHITENED),
        small_nin,
        "CIFAR10_full",
    ),
    "imagenet-nin": ("nin_2013:imagenet", SMALL_INPUTS, imagenet_nin, "nin_imagenet"),
    "ResNet-50": ("resnet_2015:50", (*SMALL_INPUTS, "model.blocks=(2,1,3,1)"), resnet, "ResNet-50"),
    "ResNet-101": ("resnet_2015:101", (*SMALL_INPUTS, "model.blocks=(2,1,3,1)"), resnet, "ResNet-101"),
    "googlenet": (
        "googlenet_2014",
        ("inputs.size=128", "inputs.stored_size=136", "model.dropout_rate=0.0", "model.aux_dropout_rate=0.0"),
        googlenet,
        "GoogleNet",
    ),
}


def converted(content: bytes, experiment: Experiment, folder: Path) -> tuple[Converted, TrainedNetwork]:
    """A file's weights, and the network that has them."""
    file = folder / "file.caffemodel"
    file.write_bytes(content)
    found = convert(file, experiment)
    changed = apply_changes(experiment, found.overrides.items())
    variables = jax.tree.map(jnp.asarray, {**found.variables, "statistics": {}})
    return found, TrainedNetwork(changed, variables, found.class_names, 0)


SLOW = ("ResNet-101",)


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case in SLOW)) for case in NETWORKS])
def test_the_network_is_the_same_function(case, tmp_path):
    title, settings, run, name = NETWORKS[case]
    experiment = small(title, *settings)
    inputs, net = experiment.inputs, CaffeByTorch(name)
    shape = (3, inputs.stored_size, inputs.stored_size, inputs.channels)
    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    theirs = run(net, images).numpy()
    found, trained = converted(net.file(), experiment, tmp_path)
    assert found.fits, (found.missing, found.unexpected, found.wrong_shape)
    pixels = trained.preprocess(images)
    if case == "googlenet":  # in training it gives what its heads say, too
        network = {"params": trained.variables["params"]}
        logits, heads = jax.jit(lambda x: trained.model.apply(network, x, train=True))(pixels)
        ours = np.stack([logits, *heads])
    else:
        ours = np.asarray(jax.jit(trained.logits)(pixels))
    spread = np.abs(theirs - theirs[..., :1, :]).max()
    assert spread > 0.01 * np.abs(theirs).max(), "the answers are those of the biases alone"
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
    if not case.startswith("ResNet"):  # the older generation had no batch normalisation
        older, _ = converted(net.file("V1"), experiment, tmp_path)
        assert older.fits and older.overrides == found.overrides
        jax.tree.map(np.testing.assert_array_equal, older.variables, found.variables)


def test_a_file_without_settings_has_those_of_the_release(tmp_path):
    """As where the arrays alone were written anew: the network's name tells which it is."""
    net, title = CaffeByTorch("CaffeNet"), NETWORKS["AlexNet"][0]
    experiment = small(title, *NETWORKS["AlexNet"][1])
    alexnet(net, np.zeros((1, 104, 104, 3), np.uint8))
    with_settings, _ = converted(net.file(), experiment, tmp_path)
    without, _ = converted(net.file(settings=False), experiment, tmp_path)
    assert with_settings.overrides == without.overrides and with_settings.family == without.family
    assert without.overrides["model.pool_first"] is True and without.overrides["model.num_classes"] == 7


def test_the_preprocessing_and_the_classes_of_a_release(tmp_path):
    own = conventions(CaffeNet("", ()), small("alexnet_2012")).overrides
    wanted = {"size": 227, "stored_size": 256, "resize": "warp", "channel_order": "BGR", "mean": COLOURS, "scale": 1.0}
    assert {name: own[f"inputs.{name}"] for name in wanted} == wanted
    net = CaffeByTorch("LeNet")
    lenet(net, np.zeros((1, 28, 28, 1), np.uint8))
    assert converted(net.file(), small("lenet5_1998:caffe"), tmp_path)[0].class_names == tuple("0123456789")


def test_whitening_is_computed_of_the_training_images(tmp_path, monkeypatch):
    title, settings, run, name = NETWORKS["nin"]
    net, asked = CaffeByTorch(name), []
    run(net, np.zeros((1, 32, 32, 3), np.uint8))
    (tmp_path / "nin.caffemodel").write_bytes(net.file())

    def whitening(source, **how):  # the true one takes ten seconds, and has tests of its own
        asked.append((source.name, len(source), how["norm"], how["filter_bias"], how["size"]))
        return {"mean": np.full(3072, 7, np.float32), "zca": np.eye(3072, dtype=np.float32)}

    monkeypatch.setattr(initial_state, "zca_whitening", whitening)
    experiment = small(title, *(setting for setting in settings if setting not in UNWHITENED))
    experiment = dataclasses.replace(experiment, data="photos")  # which is always there
    answer = import_weights(experiment, tmp_path / "nin.caffemodel", tmp_path / "run")
    assert asked == [("photos", 2000, 55.0, 0.1, 32)]
    assert any("images are whitened" in sentence for sentence in answer["adapted"])
    statistics = jaxcnn.load_trained(tmp_path / "run").variables["statistics"]
    np.testing.assert_array_equal(statistics["mean"], 7)


def test_without_the_training_images_there_is_no_whitening(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    title, settings, run, name = NETWORKS["nin"]
    net = CaffeByTorch(name)
    run(net, np.zeros((1, 32, 32, 3), np.uint8))
    (tmp_path / "nin.caffemodel").write_bytes(net.file())
    experiment = small(title, *(setting for setting in settings if setting not in UNWHITENED))
    with pytest.raises(DataMissingError, match=r"training images of cifar10.*set inputs.whitening to None") as caught:
        import_weights(experiment, tmp_path / "nin.caffemodel", tmp_path / "run")
    assert "prepare --data=cifar10" in str(caught.value) and not (tmp_path / "run").exists()
