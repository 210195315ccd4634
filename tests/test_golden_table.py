"""Every experiment and variant has a row of numbers from elsewhere, and the network agrees with it."""

from typing import NamedTuple

import pytest

import jaxcnn
from jaxcnn.analysis.describe import describe


class Row(NamedTuple):
    """What a source says of a network; `layer` is one layer with its output shape."""

    params: int
    macs: int
    layer: tuple[str, list[int]]
    source: str


GOLDEN = {
    "lenet5_1998:paper": Row(60_000, 328_096, ("C3", [10, 10, 16]), "LeCun et al. 1998, §II-B"),
    "lenet5_1998:distortions": Row(60_000, 328_096, ("S4", [5, 5, 16]), "LeCun et al. 1998, §II-B"),
    # 25·6·784 + 25·6·16·100 + 400·120 + 120·84 + 84·10
    "lenet5_1998:modern": Row(61_706, 416_520, ("C1", [28, 28, 6]), "Keras's summary of the lectures' code; by hand"),
    # 25·20·576 + 25·20·50·64 + 800·500 + 500·10
    "lenet5_1998:caffe": Row(431_080, 2_293_000, ("pool2", [4, 4, 50]), "Caffe's examples/mnist/lenet; by hand"),
    # (49·64)·784 + (9·64·128 + 9·128·128)·196 + (9·128·256 + 9·256·256)·49 + 2304·128 + 128·64 + 640
    "cnn_primer:paper": Row(1_413_834, 89_466_496, ("pool3", [3, 3, 256]), "Keras's summary of the code; by hand"),
    "alexnet_2012:paper": Row(60_965_224, 724_406_816, ("pool5", [6, 6, 256]), "Caffe's bvlc_alexnet"),
    "alexnet_2012:caffenet": Row(60_965_224, 724_406_816, ("norm1", [27, 27, 96]), "Caffe's reference CaffeNet"),
    "alexnet_2012:ungrouped": Row(62_378_344, 1_135_256_096, ("conv2", [27, 27, 256]), "the lectures' 62 million"),
    # 55²·363·48 + 27²·25·48·128 + 13²·9·(128·192 + 192·192 + 192·256) + 9216·4096 + 4096² + 4096·1000
    "alexnet_2012:one_gpu": Row(59_798_312, 391_514_384, ("conv4", [13, 13, 192]), "Krizhevsky 2012, §3.2; by hand"),
    "alexnet_2012:one_tower": Row(61_100_840, 714_188_480, ("conv3", [13, 13, 384]), "torchvision's documentation"),
}


def titles() -> list[str]:
    return [f"{name}:{variant}" for name in jaxcnn.names() for variant in jaxcnn.variants(name)]


def test_the_table_is_complete():
    assert set(GOLDEN) == set(titles())


@pytest.mark.parametrize("title", sorted(GOLDEN))
def test_the_network_agrees_with_its_sources(title):
    row, description = GOLDEN[title], describe(jaxcnn.load(title))
    assert description["total_params"] == row.params, row.source
    assert description["total_macs"] == row.macs, row.source
    shapes = {layer["name"]: layer["output_shape"] for layer in description["layers"]}
    name, shape = row.layer
    assert shapes[name] == shape, row.source
