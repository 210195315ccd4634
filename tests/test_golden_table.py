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


# Multiply–accumulates without projections. B's are Table 1's 1.8, 3.6, 3.8, 7.6 and 11.3 billion. Of its projections
# the bottlenecks' first has 64·256·56², all others halve the side and double the maps, 128 · 64 · 28² and so on.
BASIC = {18: 1_814_073_344 - 3 * 64 * 128 * 28**2, 34: 3_663_761_408 - 3 * 64 * 128 * 28**2}
PROJECTIONS = 64 * 256 * 56**2 + 3 * 256 * 512 * 28**2
BOTTLENECK = {50: 3_857_973_248 - PROJECTIONS, 101: 7_570_194_432 - PROJECTIONS, 152: 11_282_415_616 - PROJECTIONS}
# Option C projects in the other blocks too: as many multiply–accumulates in each stage.
SAME_SHAPE = {False: 64 * 64 * 56**2, True: 256 * 256 * 56**2}
RESNET_COUNTS = {  # parameters with A, B, C; projections with B, C; multiply–accumulates of v1.5
    18: (11_515_688, 11_689_512, 12_043_816, 3, 8, 1_814_073_344),
    34: (21_623_848, 21_797_672, 22_716_840, 3, 16, 3_663_761_408),
    50: (22_780_456, 25_557_032, 40_128_552, 4, 16, 4_089_184_256),
    101: (41_772_584, 44_549_160, 76_981_288, 4, 33, 7_801_405_440),
    152: (57_416_232, 60_192_808, 107_335_720, 4, 50, 11_513_626_624),
}


def resnet_rows() -> dict[str, Row]:
    rows = {}
    for depth, (a, b, c, some, all_, v15) in RESNET_COUNTS.items():
        bare = (BASIC | BOTTLENECK)[depth]
        projected = bare + (PROJECTIONS if depth >= 50 else 3 * 64 * 128 * 28**2)
        last = "conv5_3.c" if depth >= 50 else "conv5_2.b"
        layer = (last, [7, 7, 2048 if depth >= 50 else 512])
        everywhere = projected + (all_ - some) * SAME_SHAPE[depth >= 50]
        rows |= {
            f"resnet_2015:{depth}": Row(b, projected, layer, "Table 1; torchvision's documentation for the parameters"),
            f"resnet_2015:{depth}-A": Row(a, bare, layer, "§3.3: no parameters in shortcuts; by hand"),
            f"resnet_2015:{depth}-B": Row(b, projected, layer, "as the bare depth"),
            f"resnet_2015:{depth}-C": Row(c, everywhere, layer, "§4.1: thirteen projections more with 34; by hand"),
            f"resnet_2015:{depth}-v1.5": Row(b, v15, layer, "torchvision's documentation"),
        }
    return rows


RESNETS = resnet_rows()
CIFAR_COUNTS = {  # Table 6 has 0.27, 0.46, 0.66, 0.85, 1.7 and 19.4 million
    20: (269_722, 40_551_040),
    32: (464_154, 68_862_592),
    44: (658_586, 97_174_144),
    56: (853_018, 125_485_696),
    110: (1_727_962, 252_887_680),
    1202: (19_421_274, 2_829_238_912),
}
CIFAR_RESNETS = {
    **{
        f"resnet_cifar_2015:{depth}": Row(*counts, ("s2_1.a", [16, 16, 32]), "Table 6, rounded")
        for depth, counts in CIFAR_COUNTS.items()
    },
    **{
        f"resnet_cifar_2015:plain-{depth}": Row(*CIFAR_COUNTS[depth], ("s3_1.b", [8, 8, 64]), "as with option A")
        for depth in (20, 32, 44, 56)
    },
}

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
    "nin_2013:cifar10": Row(966_986, 222_486_528, ("pool1", [16, 16, 96]), "the authors' cuda-convnet file"),
    # cccp6 has 90 classes more: 192·90 weights and 90 biases, on 8×8 pixels
    "nin_2013:cifar100": Row(984_356, 222_486_528 + 192 * 90 * 64, ("cccp6", [8, 8, 100]), "as above; by hand"),
    "nin_2013:mnist": Row(
        349_674,
        (25 * 96 + 96 * 64 + 64 * 48) * 784
        + (25 * 48 * 128 + 128 * 96 + 96 * 48) * 196
        + (25 * 48 * 128 + 128 * 96 + 96 * 10) * 49,
        ("pool2", [7, 7, 48]),
        "the authors' cuda-convnet file; by hand",
    ),
    "nin_2013:svhn": Row(
        1_986_026,
        (75 * 128 + 128 * 96 + 96 * 64) * 1024
        + (25 * 64 * 320 + 320 * 256 + 256 * 128) * 256
        + (25 * 128 * 384 + 384 * 256 + 256 * 10) * 64,
        ("cccp4", [16, 16, 128]),
        "the authors' cuda-convnet file; by hand",
    ),
    "nin_2013:imagenet": Row(7_595_176, 1_100_188_800, ("pool3", [6, 6, 384]), "Caffe's model zoo"),
    "vgg_2014:A": Row(132_863_336, 7_609_090_048, ("pool2", [56, 56, 128]), "torchvision's documentation"),
    "vgg_2014:A-LRN": Row(132_863_336, 7_609_090_048, ("norm1", [224, 224, 64]), "Table 2: A-LRN has A's parameters"),
    "vgg_2014:B": Row(133_047_848, 11_308_466_176, ("conv3_2", [56, 56, 256]), "torchvision's documentation"),
    "vgg_2014:C": Row(133_638_952, 11_770_888_192, ("conv5_3", [14, 14, 512]), "Table 1 of the paper; by hand"),
    "vgg_2014:D": Row(138_357_544, 15_470_264_320, ("pool5", [7, 7, 512]), "torchvision's documentation"),
    "vgg_2014:E": Row(143_667_240, 19_632_062_464, ("conv4_4", [28, 28, 512]), "torchvision's documentation"),
    # two parameters for each map of a convolution: 2·2,752, 2·2,944, 2·4,224 and 2·5,504
    "vgg_2014:A-bn": Row(132_868_840, 7_609_090_048, ("conv1_1.bn", [224, 224, 64]), "torchvision's vgg11_bn"),
    "vgg_2014:B-bn": Row(133_053_736, 11_308_466_176, ("conv2_2.bn", [112, 112, 128]), "torchvision's vgg13_bn"),
    "vgg_2014:D-bn": Row(138_365_992, 15_470_264_320, ("conv4_3.bn", [28, 28, 512]), "torchvision's vgg16_bn"),
    "vgg_2014:E-bn": Row(143_678_248, 19_632_062_464, ("conv5_4.bn", [14, 14, 512]), "torchvision's vgg19_bn"),
    "googlenet_2014:paper": Row(13_378_280, 1_582_671_872, ("aux2.conv", [4, 4, 128]), "Caffe's bvlc_googlenet"),
    # 3×3 for 5×5 saves 16 of 25 weights in each of the nine modules
    "googlenet_2014:torchvision": Row(
        13_004_888,
        1_582_671_872
        - 16 * 784 * (16 * 32 + 32 * 96)
        - 16 * 196 * (16 * 48 + 24 * 64 + 24 * 64 + 32 * 64 + 32 * 128)
        - 16 * 49 * (32 * 128 + 48 * 128),
        ("pool4", [7, 7, 832]),
        "torchvision's documentation; by hand",
    ),
    "resnet_2015:plain-18": Row(11_515_688, BASIC[18], ("conv3_1.b", [28, 28, 128]), "as option A, which adds nothing"),
    "resnet_2015:plain-34": Row(21_623_848, BASIC[34], ("conv4_6.b", [14, 14, 256]), "as option A, which adds nothing"),
    **RESNETS,
    **CIFAR_RESNETS,
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
